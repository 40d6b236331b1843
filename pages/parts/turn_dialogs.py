"""Dialogs about one answer: edit its question, add a note, ask another model, and see what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import models, past, second, sent_view, turn_bar
from pages.parts.safe_text import draw, el, label, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.store.conversations import Turn

BESIDE = "v"  # of the address: the answer that is compared with the kept one


def show(bench: Workbench) -> None:
    """Open the dialog that was asked for; a rerun of the page closes it."""
    which, turn_id = st.session_state.pop(turn_bar.DIALOG, ("", ""))
    if not which:
        return
    try:
        turn = rag.generation.turn(bench, turn_id)
    except RagError as error:
        say("warning", error)
        return
    if which == "edit":
        _edit(turn)
    elif which == "note":
        _note(bench, turn)
    elif which == "other":
        _other_model(bench, turn)
    elif which == "sent":
        _sent(bench, turn)
    elif which == "export":
        _export(bench, turn)
    elif which == "second":
        second.dialog(bench, turn)


@st.dialog("Edit the question")
def _edit(turn: Turn) -> None:
    words = st.text_area(
        "Question", turn.question, key=f"ask.edit.{turn.stream_id}", label_visibility="collapsed", height=110
    )
    st.caption(
        f"It is asked of {label(turn.collection)}. The answer takes the place of this one; "
        "the old question and answer stay behind the arrows."
    )
    if st.button("Ask", type="primary", disabled=not words.strip()):
        st.session_state[turn_bar.PENDING] = turn_bar.Pending(words, rag.generation.Again(turn.stream_id))
        st.rerun()


@st.dialog("Note on this answer")
def _note(bench: Workbench, turn: Turn) -> None:
    judged = bench.feedback.of_turns([turn.stream_id]).get(turn.stream_id)
    words = st.text_area(
        "Note",
        judged.note if judged else "",
        key=f"ask.note.{turn.stream_id}",
        label_visibility="collapsed",
        height=110,
        max_chars=2000,
    )
    st.caption("Kept with the question, the answer's model and its settings, for the question sets on Search.")
    if st.button("Save", type="primary"):
        turn_bar.judge(bench, turn, is_good=judged.is_good if judged else True, note=words.strip())
        st.rerun()


@st.dialog("Ask another model")
def _other_model(bench: Workbench, turn: Turn) -> None:
    asked = turn.answer.model if turn.answer else ""
    offered = [choice for choice in models.choices(bench) if choice.name != asked]

    def picked(name: str) -> None:
        again = rag.generation.Again(turn.stream_id, is_kept=False)
        st.session_state[turn_bar.PENDING] = turn_bar.Pending(turn.question, again, name)

    if not offered:
        st.caption("There is no other model; add a provider in Settings → Providers.")
        return
    hint = f"It is asked of {visible(turn.collection, 60)}. Both answers stand side by side until you keep one."
    draw(el("p.muted", hint), key="ask.other.hint")
    draw(el("ul.choices", *(models.row(choice) for choice in offered)), key="ask.other", on_pick=picked)
    if turn_bar.PENDING in st.session_state:
        st.rerun()


@st.dialog("What was sent", width="large")
def _sent(bench: Workbench, turn: Turn) -> None:
    draw(el("div.question", visible(turn.question, 400)), key="ask.sent.question")
    sent_view.show(bench, turn)


@st.dialog("Export this answer")
def _export(bench: Workbench, turn: Turn) -> None:
    draw(el("div.question", visible(turn.question, 400)), key="ask.take.question")
    past.take_answer(bench, rag.conversation(bench, st.query_params.get("c", "")), turn)
