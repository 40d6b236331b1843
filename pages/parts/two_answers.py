"""Two answers to one question, side by side, until one is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import answers
from pages.parts.chat import live_of
from pages.parts.live_answer import Growing, follow
from pages.parts.safe_text import draw, el, say, visible
from pages.parts.turn_dialogs import BESIDE
from rag import RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.store.conversations import Conversation, Turn


def pair(bench: Workbench, conversation: Conversation) -> tuple[Turn, Turn] | None:
    """Return the kept answer and the one that is compared with it, as the address says; None when there is nothing to compare."""
    wanted = st.query_params.get(BESIDE)
    if not wanted:
        return None
    try:
        other = rag.generation.turn(bench, wanted)
    except RagError as error:
        say("warning", error)
        leave()
        return None
    kept = next((turn for turn in conversation.turns if turn.slot == other.slot), None)
    if kept is None or kept.stream_id == other.stream_id:
        leave()
        return None
    return kept, other


def leave() -> None:
    st.query_params.pop(BESIDE, None)


def show(bench: Workbench, kept: Turn, other: Turn, current: str, on_pick: Callable[[str], None]) -> None:
    """Draw both; either may still be written."""
    draw(el("div.question", visible(kept.question, 2000)), key="ask.pair.question")
    left, right = st.columns(2, gap="large")
    with left:
        first = _answer(bench, kept, "The answer so far", "first", current, on_pick)
    with right:
        second = _answer(bench, other, "The other model", "second", current, on_pick)
    follow([each for each in (first, second) if each])


def _answer(
    bench: Workbench, turn: Turn, title: str, which: str, current: str, on_pick: Callable[[str], None]
) -> Growing | None:
    """Draw one of the two; return it when it is being written."""

    def keep() -> None:
        bench.turns.keep(turn.stream_id)
        leave()

    key = f"ask.pair.{which}"
    name = turn.answer.model if turn.answer else ""
    live = live_of(bench, turn)
    draw(el("h4", f"{title}: {visible(live.model if live else name, 60)}"), key=f"{key}.title")
    slot = st.empty()
    if live is not None:
        return Growing(live, lambda body: [body] if body else [], slot, key=key)
    with slot:
        nodes = [answers.body(turn.answer, turn.stream_id, current)] if turn.answer else []
        draw(*nodes, key=key, on_pick=on_pick)
    st.button(
        "Keep this one",
        key=f"{key}.keep",
        icon=":material/check:",
        on_click=keep,
        type="primary" if which == "second" else "secondary",
    )
    return None
