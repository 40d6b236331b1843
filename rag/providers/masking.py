"""The one place that keeps keys, prompts and answers out of the log.

`install` puts a record factory in place, so that no logger and no handler, however late it comes, sees a key: known keys and whatever
looks like one are cut to their last four characters, in messages and tracebacks. What the vendors' SDKs write at DEBUG holds whole
prompts; those loggers are set to WARNING, and a DEBUG record of theirs that gets through is replaced by its length.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Any, Final

SDK_LOGGERS: Final = ("openai", "anthropic", "httpx2", "httpcore2", "httpx", "httpcore", "hpack", "keyring")
_KEYLIKE: Final = re.compile(
    r"(?P<head>\b(?:sk|pk|rk|xai|gsk)[-_](?=[A-Za-z0-9_-]{12,})|\bBearer\s+|\b(?:x-)?api[-_]key['\"]?\s*[:=]\s*['\"]?"
    r"|\bauthorization['\"]?\s*[:=]\s*['\"]?(?:Bearer\s+)?)"
    r"(?P<body>[A-Za-z0-9_\-.=+/]{8,})",
    re.IGNORECASE,
)
_SHORTEST_SECRET: Final = 8

_secrets: set[str] = set()
_lock = threading.Lock()


class Private:
    """Text that may be handed to a logger: it prints as its length.

    >>> f"asked: {Private('what is the revenue?')}"
    'asked: ‹20 characters›'
    """

    def __init__(self, text: str) -> None:
        self._length = len(text)

    def __str__(self) -> str:
        return f"‹{self._length} characters›"

    __repr__ = __str__


def last_four(secret: str) -> str:
    """Return what may be shown of a key: its last four characters, nothing of a key that is too short to spare them."""
    return secret[-4:] if len(secret) >= 12 else ""


def remember_secret(secret: str) -> None:
    """Have `mask` cut this key out of everything from now on."""
    if len(secret) >= _SHORTEST_SECRET:
        with _lock:
            _secrets.add(secret)


def mask(text: str) -> str:
    """Return `text` with every known key, and whatever looks like one, cut to its last four characters.

    >>> mask("Authorization: Bearer abcdefgh12345678")
    'Authorization: Bearer …5678'
    """
    with _lock:
        known = [s for s in _secrets if s in text]
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, f"…{last_four(secret)}")
    return _KEYLIKE.sub(lambda m: f"{m['head']}…{m['body'][-4:]}", text)


def install() -> None:
    """Mask every log record of this process from now on. Does nothing the second time."""
    quiet_sdks()
    inner = logging.getLogRecordFactory()
    if getattr(inner, "masks_keys", False):
        return

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return _masked(inner(*args, **kwargs))

    factory.masks_keys = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)


def quiet_sdks() -> None:
    """Set the SDKs' loggers to WARNING. To be called after an SDK was imported as well: OPENAI_LOG=debug acts on import."""
    for name in SDK_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _masked(record: logging.LogRecord) -> logging.LogRecord:
    text = _message(record)
    if record.levelno < logging.WARNING and record.name.split(".")[0] in SDK_LOGGERS:
        record.msg, record.args = str(Private(text)), ()
    elif (clean := mask(text)) != text:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[0] is not None:
        trace = logging.Formatter().formatException(record.exc_info)
        if (clean := mask(trace)) != trace:
            record.exc_info, record.exc_text = None, clean
    return record


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong number of arguments is the logging module's to complain about
        return str(record.msg)
