"""Which collection a question was asked of, and which one the next will be: said wherever the two could be taken for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import shared
from pages.parts.safe_text import label, say, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.delta_generator import DeltaGenerator

    from rag.store.conversations import Conversation, Turn
    from rag.types import Collection


def told(turns: Sequence[Turn]) -> dict[str, str]:
    """Return, by id, the collection of those turns that have another than the one before; the first always says it."""
    found, before = {}, ""
    for turn in turns:
        if turn.collection != before:
            found[turn.stream_id] = turn.collection + ("" if turn.collection_id else " (deleted since)")
        before = turn.collection
    return found


def notice(conversation: Conversation | None, target: Collection, slot: DeltaGenerator) -> None:
    """Say where the next question goes when it is not where the one before went, and offer to go back there."""
    last = conversation.turns[-1] if conversation and conversation.turns else None
    if last is None or last.collection in ("", target.name):
        return
    was, now = visible(last.collection, 60), visible(target.name, 60)
    sentence = f"This conversation was asked of {was}. The next question goes to {now}, the collection that is chosen in the sidebar."
    with slot.container(horizontal=True, vertical_alignment="center"):
        say("info", sentence)
        if last.collection_id:
            name = last.collection
            st.button(f"Choose {label(was)}", key="ask.choose", on_click=lambda: shared.choose(name))
