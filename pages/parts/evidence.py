"""What an answer rests on, beside the chat: the citation or near miss that was picked, at its place in the document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.parts import passage
from pages.parts.safe_text import draw, el
from pages.parts.sentences import picks
from rag import Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.store.conversations import Conversation
    from rag.types import Hit


def first(conversation: Conversation) -> str:
    """Return what to show before anything was picked: what the newest answer rests on first."""
    newest = conversation.turns[-1] if conversation.turns else None
    citations = newest.answer.citations if newest and newest.answer else ()
    return f"{newest.stream_id}:{citations[0].marker}" if newest and citations else ""


def show(bench: Workbench, conversation: Conversation, current: str) -> None:
    """Show the open citation at its place in the document, beside the chat."""
    shown = _opened(bench, conversation, current)
    if shown is None:
        draw(
            el("div.empty.slim", el("p", "Press a number to see the page that it stands on.")), key="ask.evidence.hint"
        )
        return
    passage.show(bench, shown, key="ask.passage")


def _opened(bench: Workbench, conversation: Conversation, pick: str) -> passage.Passage | None:
    turn_id, _, what = pick.partition(":")
    turn = next((t for t in conversation.turns if t.stream_id == turn_id), None)
    if turn is None:
        return None
    if turn.answer and (citation := picks(turn.answer, turn_id).get(pick)):
        return passage.of_citation(citation)
    stream = bench.answers.get(turn_id)
    found: Sequence[Hit] = ()
    if stream is not None and stream.result is not None:
        found = (*stream.result.hits, *stream.result.near_misses)
    return next((passage.of_hit(h) for h in found if h.chunk.id == what), None)
