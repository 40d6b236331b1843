"""What an answer rests on, beside the chat: the citation or near miss that was picked, at its place in the document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import passage
from pages.parts.safe_text import draw, el
from pages.parts.sentences import picks
from rag import Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.store.conversations import Conversation, Turn
    from rag.types import Hit


def first(conversation: Conversation) -> str:
    """Return what to show before anything was picked: what the newest answer rests on first."""
    newest = conversation.turns[-1] if conversation.turns else None
    citations = newest.answer.citations if newest and newest.answer else ()
    return f"{newest.stream_id}:{citations[0].marker}" if newest and citations else ""


def show(bench: Workbench, turns: Sequence[Turn], current: str) -> None:
    """Show the open citation at its place in the document, beside the chat.

    A hint takes the place of a page at once, also while the run goes on with an answer that streams.
    """
    shown, slot = _opened(bench, turns, current), st.empty()
    if shown is None:
        with slot:
            draw(el("div.empty.slim", el("p", _hint(turns))), key="ask.evidence.hint")
        return
    with slot.container():
        passage.show(bench, shown, key="ask.passage")


def _hint(turns: Sequence[Turn]) -> str:
    """Say what can be pressed: an answer that found nothing has no numbers."""
    answer = turns[-1].answer if turns else None
    if any(turn.answer and turn.answer.citations for turn in turns):
        return "Press a number to see the page that it stands on."
    if answer is not None and answer.finish == "not_found":
        return "Press one of the nearest passages to read it where it stands."
    return "What an answer rests on is shown here."


def _opened(bench: Workbench, turns: Sequence[Turn], pick: str) -> passage.Passage | None:
    turn_id, _, what = pick.partition(":")
    turn = next((t for t in turns if t.stream_id == turn_id), None)
    if turn is None:
        return None
    if turn.answer and (citation := picks(turn.answer, turn_id).get(pick)):
        return passage.of_citation(citation)
    record = bench.turns.record(turn_id)
    sent = record.sent.hits if record and record.sent else ()
    found: Sequence[Hit] = (*sent, *record.hits, *record.near_misses) if record else ()
    return next((passage.of_hit(h) for h in found if h.chunk.id == what), None)
