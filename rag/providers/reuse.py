"""Answers that were given before: the key that says when two requests are the same, and the form in which an answer is kept.

Only an answer that came to its own end is kept: never one that was stopped, cut off, declined or that called tools. The key is a hash
over everything that could change the answer, the provider's address included; it tells nothing of the prompt.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, Final, Protocol

from rag.providers.messages import CitedEvent, Delta, Request, Result
from rag.types import TextEvent

_VERSION: Final = 1  # of the key and of the stored form
_PIECE: Final = 400  # characters of text an event when an answer is replayed


class ResponseStore(Protocol):
    """Keeps answers by key for a while. `rag.store.responses` has one in SQLite."""

    def get(self, key: str) -> dict[str, Any] | None: ...

    def put(self, key: str, value: dict[str, Any], *, ttl_s: float) -> None: ...

    def close(self) -> None: ...


def key_of(address: str, model: str, request: Request) -> str:
    """Return the key of a request to `model` at the base URL `address`."""
    parts = [
        _VERSION,
        address,
        model,
        request.system,
        [
            [m.role, m.text, [asdict(e) for e in m.excerpts], [asdict(c) for c in m.tool_calls], m.tool_call_id]
            for m in request.messages
        ],
        [[t.name, t.description, t.schema] for t in request.tools],
        request.tool_choice,
        request.schema,
        request.max_output_tokens,
        request.temperature,
        request.effort,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def is_reusable(request: Request, result: Result) -> bool:
    """Tell whether the answer may be given again."""
    return result.finish == "complete" and bool(result.text.strip()) and not result.tool_calls and not request.tools


def to_stored(result: Result) -> dict[str, Any]:
    """Return an answer as JSON, its citations in their places."""
    return {
        "text": result.text,
        "cited": [[c.source, c.quote, c.start] for c in result.cited],
        "model": result.model,
        "served_by": result.served_by,
        "usage": asdict(result.usage),
    }


def from_stored(value: dict[str, Any]) -> list[Delta] | None:
    """Return the events of a stored answer; None when it is not of this form, so that the model is asked."""
    try:
        text, cited = str(value["text"]), [CitedEvent(str(s), str(q), int(at)) for s, q, at in value["cited"]]
    except (KeyError, TypeError, ValueError):
        return None
    pieces: list[Delta] = [TextEvent(text[i : i + _PIECE]) for i in range(0, len(text), _PIECE)]
    return [*pieces, *cited] if text.strip() else None
