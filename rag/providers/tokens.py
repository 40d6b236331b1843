"""Token counts without a tokenizer: an estimate from the kinds of characters, corrected by what providers report.

The weights are set to the characters per token of o200k (English prose 4.7, Python 4.6, German 4.2, Russian 3.9, Chinese and Japanese
1.4). Claude's tokenizer is not public; the correction, a moving average per model, covers it after a few calls.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Mapping
from typing import Final

from rag.providers.messages import Request

MARGIN: Final = 1.10
"""Safety on an estimate of English; what is compared with a limit is multiplied by it."""
LATIN_MARGIN: Final = 1.35
"""The same for other languages in Latin letters, whose words split into more tokens."""
_MESSAGE_TOKENS: Final = 4  # what each turn of a conversation adds
_WEIGHT: Final = 0.3  # of the newest report in the moving average
_RATIO_LIMITS: Final = (0.3, 3.0)

_PIECE: Final = re.compile(
    r"(?P<wide>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])|(?P<number>\d+)|(?P<latin>[a-zA-Z\u00c0-\u024f]+)"
    r"|(?P<letters>[^\W\d_]+)|(?P<space>\s*\n\s*|[ \t]{2,})|(?P<mark>[^\w\s]|_)"
)
_ACCENTED: Final = re.compile(r"[\u00c0-\u024f]")
_WIDE, _MARK = 0.72, 0.65


def estimate(text: str) -> int:
    """Return about how many tokens `text` has; 0 for an empty one."""
    total = 0.0
    for match in _PIECE.finditer(text):
        total += _piece_tokens(str(match.lastgroup), match.end() - match.start())
    return math.ceil(total)


def _piece_tokens(kind: str, length: int) -> float:
    if kind == "latin":  # common English words are one token each, long compounds fall apart
        return 1.0 if length <= 7 else 1 + (length - 7) / 12 if length <= 13 else length / 4.6
    if kind == "letters":
        return max(1.0, length / 4.4)
    if kind == "number":
        return math.ceil(length / 3)
    return {"wide": _WIDE, "mark": _MARK}.get(kind, 1.0)


def with_margin(tokens: int, text: str) -> int:
    """Return the estimate of `text` raised so far that its real size is below, nearly always."""
    accented = len(_ACCENTED.findall(text[:20_000]))
    margin = LATIN_MARGIN if accented * 100 > min(len(text), 20_000) else MARGIN
    return math.ceil(tokens * margin)


def request_text(request: Request) -> str:
    """Return everything of a request that is counted as input."""
    parts = [request.system, *(json.dumps([t.name, t.description, t.schema], default=str) for t in request.tools)]
    for m in request.messages:
        parts += [m.text, *(e.as_text() for e in m.excerpts), *(c.name + c.arguments for c in m.tool_calls)]
    if request.schema is not None:
        parts.append(json.dumps(request.schema, default=str))
    return "\n".join(parts)


def estimate_request(request: Request) -> int:
    """Return about how many tokens the prompt of a request has."""
    return estimate(request_text(request)) + _MESSAGE_TOKENS * (len(request.messages) + 1)


class Calibration:
    """How far estimates are off, per model: a moving average of reported by estimated tokens. Safe from any thread."""

    def __init__(self, ratios: Mapping[str, float] | None = None) -> None:
        """`ratios` is what `ratios()` returned in an earlier process."""
        self._ratios = dict(ratios or {})
        self._lock = threading.Lock()

    def corrected(self, model: str, estimated: int) -> int:
        """Return the estimate as this model would count."""
        with self._lock:
            return math.ceil(estimated * self._ratios.get(model, 1.0))

    def learn(self, model: str, estimated: int, reported: int) -> None:
        """Take note of one call. Tiny prompts say little and are left out."""
        if estimated < 20 or reported < 1:
            return
        low, high = _RATIO_LIMITS
        ratio = min(high, max(low, reported / estimated))
        with self._lock:
            old = self._ratios.get(model)
            self._ratios[model] = ratio if old is None else old + _WEIGHT * (ratio - old)

    def ratios(self) -> dict[str, float]:
        with self._lock:
            return dict(self._ratios)
