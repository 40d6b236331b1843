"""What a chat model was given, as it is kept with the answer: made of the very request that goes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from rag.generation.prompting import Prompt
from rag.providers.messages import Capabilities, Message, Request
from rag.types import Hit, Sent


def sent_of(
    request: Request, prompt: Prompt, can: Capabilities, *, tokens: int, window: int, hits: Sequence[Hit] = ()
) -> Sent:
    """Return a request as it is kept, with what `prompt` had to leave out. `hits` are its excerpts, where they are more than the prompt's.

    A model that cites by itself gets the excerpts as sources of their own, without our delimiters: so they are kept.
    """
    cites = can.citations and request.schema is None
    return Sent(
        request.model,
        request.system,
        tuple((message.role, _text(message, cites)) for message in request.messages),
        tuple(hits) or prompt.cited_hits,
        prompt.dropped_hits,
        prompt.dropped_turns,
        tokens,
        window,
        prompt.hidden_characters_removed,
        declared=_declared(request),
        question_at=len(prompt.messages),
        output_tokens=request.max_output_tokens or 0,
    )


def and_before(sent: Sent, before: Sent | None) -> Sent:
    """Return what was sent in several calls of which each repeats all that was said before it, so that it is kept once."""
    return replace(sent, calls=(*before.calls, len(sent.messages)) if before else (len(sent.messages),))


def _text(message: Message, cites: bool) -> str:
    """Return what a model reads of a message; calls of tools stand in it as they were written."""
    excerpts = [f"[{e.source}] {e.title}\n{e.text}" if cites else e.as_text() for e in message.excerpts]
    calls = [f"{call.name} {call.arguments}" for call in message.tool_calls]
    return "\n\n".join(filter(None, (*excerpts, message.text, *calls)))


def _declared(request: Request) -> tuple[tuple[str, str], ...]:
    tools = [
        (f"Tool {tool.name}", {"description": tool.description, "arguments": tool.schema}) for tool in request.tools
    ]
    schema = [("Schema of the answer", request.schema)] if request.schema is not None else []
    return tuple((name, json.dumps(what, ensure_ascii=False, default=dict)) for name, what in (*tools, *schema))
