"""An answer while it is being written: its words so far, what is being waited for, and Stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.safe_text import draw, el, label, paragraphs
from rag.types import FallbackEvent, RestartEvent, RetryEvent, TextEvent

if TYPE_CHECKING:
    from rag.generation import AnswerStream
    from rag.types import Event

_REDRAW_S = 0.04
_QUIET_S = 1.0  # a wait that is shorter needs no sentence


def follow(stream: AnswerStream) -> None:
    """Show the text as it comes. Whatever ends this page run, the worker goes on; only Stop ends the answer."""
    draw(el("section.turn", el("div.question", stream.question)), key="ask.asked")
    st.button("Stop", key="ask.stop", icon=":material/stop:", on_click=stream.stop)
    state = st.container(key="ask.state").empty()
    slot = st.container(key="ask.running").empty()
    said, began, drawn, dirty = "", time.monotonic(), 0.0, False
    for event in stream.follow():
        now = time.monotonic()
        if isinstance(event, TextEvent):
            if said:
                state.empty()
            said, dirty = "", True
        elif (sentence := _sentence(event)) is not None:
            said, dirty, began = sentence, True, now
            state.caption(label(said, 400))
        elif event is None:
            _waiting(stream, state, said, now - began)
        if dirty and (event is None or now - drawn >= _REDRAW_S):
            slot.markdown(paragraphs(stream.text))
            drawn, dirty = now, False
    st.rerun()


def _sentence(event: Event | None) -> str | None:
    """Return what there is to say of an event that is no text."""
    match event:
        case RetryEvent():
            reason = getattr(event, "sentence", "") or f"That failed ({event.kind})."
            return str(reason) if event.wait_s else f"{reason}"
        case RestartEvent():
            return "The connection broke; the answer begins again."
        case FallbackEvent(from_model, to_model):
            return f"{from_model} failed; {to_model} answers instead."
    return None


def _waiting(stream: AnswerStream, state: st.delta_generator.DeltaGenerator, said: str, waited_s: float) -> None:
    """Keep the reader informed while nothing comes; writing also lets Streamlit notice a reader that is gone."""
    if said:
        state.caption(label(said, 400))
    elif not stream.text and waited_s >= _QUIET_S:
        state.caption(label(f"Waiting for {stream.model}, {waited_s:.0f} s."))
    else:
        state.empty()
