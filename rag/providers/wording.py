"""The sentences about a provider's failures: what happened, to whom, and what to do next.

A key never gets into one: the known key is cut to its last four characters, and whatever looks like one is masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from rag.errors import ProviderErrorKind
from rag.providers.masking import mask

SETTINGS: Final = "Settings → Providers"
_MESSAGE_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a call goes to: what a sentence may name."""

    provider: str
    model: str
    base_url: str = ""
    key_hint: str = ""
    """Last four characters of the key at most."""
    secret: str = ""
    """The key itself, only to be cut out of foreign text."""

    def __repr__(self) -> str:
        return f"Target({self.provider}/{self.model})"

    @property
    def host(self) -> str:
        return self.base_url.split("://", 1)[-1].split("/", 1)[0] or self.provider


@dataclass(frozen=True, slots=True)
class Reply:
    """What a failed reply says of itself."""

    status: int | None
    type: str
    code: str
    message: str
    retry_after_s: float | None
    request_id: str
    is_json: bool

    @property
    def words(self) -> str:
        return f"{self.type} {self.code} {self.message}".lower()


def duration(seconds: float) -> str:
    """Return a wait in the unit that a person would use.

    >>> duration(90), duration(300), duration(7300), duration(12)
    ('90 s', '5 min', '2 h', '12 s')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def inner_error(body: object) -> Mapping[str, Any]:
    """Return the error inside a body: OpenAI's and Anthropic's `error`, Cloudflare's `errors`, or the body itself."""
    if not isinstance(body, Mapping):
        return {}
    found = body.get("error") or body.get("errors") or body
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, str):
        return {"message": found}
    if not isinstance(found, Mapping):
        return {}
    details = found.get("details")
    code = found.get("code") or (details.get("error_code") if isinstance(details, Mapping) else "")
    return {**found, "code": code, "message": found.get("message") or found.get("detail") or ""}


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and everything that it came from."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        e = pending.pop()
        if e is None or id(e) in seen:
            continue
        seen.add(id(e))
        yield e
        pending += [e.__cause__, e.__context__]
        if isinstance(e, BaseExceptionGroup):
            pending += list(e.exceptions)


def sentence_about(kind: ProviderErrorKind, error: BaseException, reply: Reply, target: Target) -> str:
    name, model, said = target.provider, target.model, _quoted(reply.message, target)
    if kind == "auth":
        return _about_key(reply, target)
    if kind == "network":
        return _about_network(error, target)
    if kind == "not_found" and not reply.is_json:
        return f"{target.host} has no such address (404); check the base URL of {name} in {SETTINGS}."
    if kind == "server" and reply.status in (None, 200) and not reply.is_json:
        return (
            f"{name} sent an unreadable reply for {model}; ask again, and check its base URL in {SETTINGS} if it stays."
        )
    if kind == "invalid" and reply.status is not None and 300 <= reply.status < 400:
        return (
            f"{target.host} answers with a redirect; enter the final address as the base URL of {name} in {SETTINGS}."
        )
    return {
        "quota": f"The credit or budget of this key at {name} is used up ({said}); add credit there or choose another provider "
        f"than the one of {model}.",
        "rate_limit": f"{name} limits how often {model} may be called; wait a moment and ask again, or choose another model.",
        "overloaded": f"{name} is overloaded and could not run {model}; ask again in a moment or choose another model.",
        "context": f"The request is longer than {model} of {name} takes ({said}); use fewer or shorter excerpts, or a model with "
        "a larger window.",
        "not_found": f"{name} has no model {model} for this key ({said}); choose another one in {SETTINGS}.",
        "invalid": f"{name} refused the request to {model} ({said}); change what it names or choose another model.",
        "timeout": f"{name} took too long to answer for {model}; ask again or choose another model.",
        "truncated": f"The reply of {model} from {name} broke off; what came is kept, ask again for the whole.",
        "refused": f"{model} of {name} declined to answer; ask in other words or choose another model.",
        "cancelled": "Stopped.",
    }.get(
        kind,
        f"{name} had an error ({said if reply.status in (None, 200) else reply.status}) running {model}; ask again in a moment.",
    )


def _about_key(reply: Reply, target: Target) -> str:
    key = f"the key ending …{target.key_hint}" if target.key_hint else "a call without a key"
    if reply.status == 403:
        return f"{target.provider} does not allow {key} to use {target.model}; check its permissions or enter another in {SETTINGS}."
    return f"{target.provider} rejected {key} for {target.model}; enter a valid key in {SETTINGS}."


def _about_network(error: BaseException, target: Target) -> str:
    host, name = target.host, target.provider
    chain = list(chain_of(error))
    words = " ".join(f"{type(e).__name__} {e}" for e in chain).lower()
    if any(type(e).__name__ == "gaierror" for e in chain) or "name or service not known" in words:
        return f"The host {host} of {name} was not found; check its base URL in {SETTINGS} and the network."
    if "certificate" in words or "ssl" in words:
        return f"The connection to {host} is not secure (its certificate was not accepted); check the address of {name} and the clock."
    if "proxyerror" in words or "proxy" in words:
        return f"The proxy did not let the call to {host} through; check HTTPS_PROXY and NO_PROXY."
    if "refused" in words:
        return f"Nothing answers at {host} (connection refused); start the server, or check the base URL of {name} in {SETTINGS}."
    if "connect" in words and "all connection attempts failed" in words:
        return f"No connection to {host} could be made; check the network, and the base URL of {name} in {SETTINGS}."
    return f"The connection to {name} ({host}) was lost while it answered for {target.model}; ask again."


def _quoted(text: str, target: Target) -> str:
    """Return a provider's own words on one line, short, printable and without a key."""
    text = " ".join(text.split())
    if text.startswith("{") and text.endswith("}"):
        with suppress(ValueError):
            text = str(inner_error(json.loads(text)).get("message") or text)
    if target.secret:
        text = text.replace(target.secret, f"…{target.key_hint}")
    text = "".join(c for c in mask(text) if c.isprintable())
    return f"“{text[:_MESSAGE_LIMIT]}{'…' if len(text) > _MESSAGE_LIMIT else ''}”" if text else "no reason given"
