"""What a page without a conversation shows: questions that the documents answer, to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import shared
from pages.parts.safe_text import draw, el, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.types import Collection

PICKED = "ask.suggested.picked"
_AT_MOST = 5


def show(bench: Workbench, target: Collection) -> None:
    """Say what can be done here, and offer questions."""
    if not target.chunks:
        shared.empty_state(
            "Nothing to ask yet", "Add documents on Documents first, or load the samples there.", key="ask.empty"
        )
        return
    shared.empty_state(
        "Ask a question about the documents",
        "The answer quotes them: each number in it opens the page it stands on. If they do not say it, you are told so.",
        key="ask.hint",
    )
    questions = _questions(bench, target.id, bench.catalog.revision(target.id))
    if questions:
        rows = (el("li", el("button.choice", visible(q, 200), data_pick=q)) for q in questions)
        head = el("p.muted", "For example:")
        draw(el("div.suggested", head, el("ul.choices", *rows)), key="ask.suggested", on_pick=_pick)


def _pick(question: str) -> None:
    st.session_state[PICKED] = question


@st.cache_data(max_entries=32, show_spinner=False)
def _questions(_bench: Workbench, collection_id: str, revision: int) -> list[str]:
    """Return questions for a collection as it is now: those of the samples where it holds them, else made of its documents."""
    target = next((c for c in _bench.catalog.collections() if c.id == collection_id), None)
    if target is None:
        return []
    try:
        return _of_samples(_bench, target) or rag.generation.suggest(_bench, target, count=_AT_MOST)
    except RagError:
        return []


def _of_samples(bench: Workbench, target: Collection) -> list[str]:
    try:
        samples = rag.load_samples()
    except RagError:
        return []
    names = {info.name for info in bench.catalog.documents(target.id)}
    return list(samples.questions[:_AT_MOST]) if names == {upload.name for upload in samples.uploads} else []
