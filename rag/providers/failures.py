"""From whatever an SDK raises to one `ProviderError` whose sentence says what to do next.

The kind is told by the type or code inside the reply first, because an error inside a 200 stream carries no useful status; then by
the status; then by class names along the chain of causes, so that neither SDK has to be imported here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from rag.errors import ProviderError, ProviderErrorKind
from rag.providers.masking import mask
from rag.providers.wording import Reply, Target, chain_of, duration, inner_error, sentence_about

_QUOTA_MARKS: Final = (
    "insufficient_quota", "exceeded your current quota", "billing_", "credit balance", "spend limit", "enforced_spend_limit",
    "insufficient balance", "daily free allocation", "quota_exceeded", "api usage limits",
)  # fmt: skip
_CONTEXT_MARKS: Final = (
    "context_length", "context window", "prompt is too long", "maximum context", "too many tokens", "context size",
    "exceeds the available context", "maximum input length", "input is too long", "reduce the length",
)  # fmt: skip
_TYPE_KINDS: Final[Mapping[str, ProviderErrorKind]] = {
    "billing_error": "quota",
    "insufficient_quota": "quota",
    "overloaded_error": "overloaded",
    "overloaded": "overloaded",
    "server_overloaded": "overloaded",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "authentication_error": "auth",
    "permission_error": "auth",
    "invalid_api_key": "auth",
    "not_found_error": "not_found",
    "model_not_found": "not_found",
    "request_too_large": "context",
    "timeout_error": "timeout",
    "invalid_request_error": "invalid",
    "api_error": "server",
    "server_error": "server",
    "internal_error": "server",
    "internal_server_error": "server",
}
_STATUS_KINDS: Final[Mapping[int, ProviderErrorKind]] = {
    401: "auth", 402: "quota", 403: "auth", 404: "not_found", 405: "not_found", 408: "timeout", 409: "server", 413: "context",
    429: "rate_limit", 503: "overloaded", 504: "timeout", 529: "overloaded",
}  # fmt: skip


class RefusedFieldError(ProviderError):
    """The provider refused an optional field of the request; its adapter leaves it out from now on, so ask again at once."""

    def __init__(self, error: ProviderError, field: str) -> None:
        super().__init__(
            error.kind,
            str(error),
            provider=error.provider,
            model=error.model,
            status=error.status,
            request_id=error.request_id,
        )
        self.field = field


def failure(kind: ProviderErrorKind, sentence: str, target: Target, **more: Any) -> ProviderError:
    """Return an error about `target`; `more` goes to `ProviderError`."""
    return ProviderError(kind, sentence, provider=target.provider, model=target.model, **more)


def classify(error: BaseException, target: Target) -> ProviderError:
    """Return what `error` means for the user. A `ProviderError` is returned as it is."""
    for e in chain_of(error):  # raised by our own hooks, below an SDK that wraps whatever comes
        if isinstance(e, ProviderError):
            e.provider, e.model = e.provider or target.provider, e.model or target.model
            return e
    reply = _read(error)
    kind = _kind(error, reply)
    sentence = sentence_about(kind, error, reply, target)
    if reply.request_id and kind not in ("network", "context"):
        sentence = f"{sentence[:-1]} (request {mask(reply.request_id)[:60]})."
    found = failure(
        kind,
        sentence,
        target,
        status=reply.status,
        retry_after_s=reply.retry_after_s,
        request_id=reply.request_id[:100],
    )
    found.__cause__ = _without_key(error)
    return found


def counted(error: ProviderError, attempts: int) -> ProviderError:
    """Say in the sentence how many attempts were made, when it was more than one."""
    text = str(error)
    if attempts > 1 and "attempts)" not in text:
        joined = f"{text[:-2]}, " if text.endswith(").") and " (request " in text else f"{text[:-1]} ("
        error.args = (f"{joined}{attempts} attempts).",)
    return error


def given_up(error: ProviderError, target: Target) -> ProviderError:
    """Return the error for a provider that asks to wait for longer than anybody wants to."""
    wait_s = error.retry_after_s or 0
    until = datetime.fromtimestamp(time.time() + wait_s, UTC)
    when = f"{until:%H:%M} UTC" if wait_s < 20 * 3600 else f"{until:%Y-%m-%d %H:%M} UTC"
    verb = (
        "is overloaded"
        if error.kind == "overloaded"
        else "limits the rate"
        if error.kind == "rate_limit"
        else "had an error"
    )
    sentence = (
        f"{target.provider} {verb} and asks to wait {duration(wait_s)} (until {when}); "
        f"ask again then, or choose another model than {target.model}."
    )
    found = failure(
        error.kind, sentence, target, status=error.status, retry_after_s=wait_s, request_id=error.request_id
    )
    found.__cause__ = error.__cause__
    return found


def was_never_sent(error: BaseException) -> bool:
    """Tell whether no connection came about, so that the provider knows nothing of the request."""
    return any(type(e).__name__ in ("ConnectError", "ConnectTimeout", "ProxyError") for e in chain_of(error))


# --- what the reply says --------------------------------------------------------------------------------------------


def _read(error: BaseException) -> Reply:
    body = getattr(error, "body", None)
    inner = inner_error(body)
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    message = inner.get("message") or (body if isinstance(body, str) else "") or str(error)
    in_band = str(body.get("request_id") or "") if isinstance(body, Mapping) else ""
    return Reply(
        status=getattr(error, "status_code", None),
        type=str(inner.get("type") or getattr(error, "type", None) or ""),
        code=str(inner.get("code") or getattr(error, "code", None) or ""),
        message=str(message),
        retry_after_s=retry_after_s(headers),
        request_id=str(getattr(error, "request_id", None) or headers.get("request-id") or in_band),
        is_json=isinstance(body, Mapping) or (isinstance(body, str) and body.strip() != "" and "<" not in body[:200]),
    )


def retry_after_s(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return the seconds that a reply asks to wait, from `retry-after-ms` or `retry-after` in seconds or as a date.

    None when there is no such header or it makes no sense.
    """
    try:
        if (ms := headers.get("retry-after-ms")) is not None:
            return _sensible(float(ms) / 1000)
    except ValueError:
        pass
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return _sensible(float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - (time.time() if now is None else now))


def _sensible(seconds: float) -> float | None:
    return seconds if 0 <= seconds < 1e9 else None


# --- the kind -------------------------------------------------------------------------------------------------------


def _kind(error: BaseException, reply: Reply) -> ProviderErrorKind:
    words = reply.words
    client_side = reply.status is None or reply.status < 500
    if client_side and any(mark in words for mark in _QUOTA_MARKS):
        return "quota"
    if client_side and reply.status != 429 and any(mark in words for mark in _CONTEXT_MARKS):
        return "context"
    if reply.status == 429 and "temporarily exceeded" in words:
        return "overloaded"
    for name in (reply.code, reply.type):
        # A generic type says less than a status of its own: "invalid_request_error" comes with 401 and 404 as well.
        if (kind := _TYPE_KINDS.get(name)) and not (kind in ("invalid", "server") and reply.status not in (None, 200)):
            return kind
    if reply.status is not None and reply.status != 200:
        return _kind_of_status(reply.status)
    return _kind_of_names(error)


def _kind_of_status(status: int) -> ProviderErrorKind:
    if status in _STATUS_KINDS:
        return _STATUS_KINDS[status]
    return "server" if status >= 500 else "invalid"


def _kind_of_names(error: BaseException) -> ProviderErrorKind:
    names = [type(e).__name__ for e in chain_of(error)]
    modules = {type(e).__module__.split(".")[0] for e in chain_of(error)}
    if any("Timeout" in name for name in names):
        return "timeout"
    if any(
        name in ("JSONDecodeError", "UnicodeDecodeError", "DecodingError", "APIResponseValidationError")
        for name in names
    ):
        return "server"
    if any("Connect" in name or name in ("ReadError", "WriteError", "RemoteProtocolError") for name in names):
        return "network"
    if modules & {"httpx2", "httpcore2", "httpx", "ssl", "anyio", "socket", "h11"} or isinstance(error, OSError):
        return "network"
    return "server"


def _without_key(error: BaseException) -> BaseException:
    """Take the key out of a vendor's exception, which a traceback prints and a crash report carries off.

    It stands in the headers of the request, and in the words of a server that quotes it. The traceback goes as well: its frames
    hold the client, and generators that are still open, which must be closed by the loop and not by a garbage collector elsewhere.
    """
    for e in list(chain_of(error)):
        e.__traceback__ = None
        e.args = tuple(mask(a) if isinstance(a, str) else a for a in e.args)
        for name in ("message", "body"):
            said = getattr(e, name, None)
            if said is not None and mask(str(said)) != str(said):
                with suppress(AttributeError):
                    setattr(e, name, mask(str(said)))
        for holder in (e, getattr(e, "response", None)):
            try:
                headers = holder.request.headers  # type: ignore[union-attr]
            except (AttributeError, RuntimeError):  # httpx raises RuntimeError for a request that was never set
                continue
            for name in ("authorization", "x-api-key", "api-key"):
                headers.pop(name, None)
    return error
