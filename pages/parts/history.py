"""Questions asked before: one press asks again, in the collection and with the settings of then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import controls, shared, tuning
from pages.parts.safe_text import Node, draw, el, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.store.history import PastSearch
    from rag.types import SearchResult

_ON_SCREEN = "search.history.now"
_SAID = "search.history.said"
_SHOWN = 40


def menu(bench: Workbench) -> None:
    """Draw the list behind a button."""
    with st.popover(
        "", icon=":material/history:", help="Questions asked before", width="stretch", key="search.history.open"
    ):
        past = bench.search_history.list()
        if not past:
            st.caption("None yet.")
            return
        draw(
            el("ul.choices", *(_row(place, each) for place, each in enumerate(past[:_SHOWN]))), key="search.history",
            on_pick=lambda place: again(bench, past[int(place)]),
        )  # fmt: skip
        st.button("Clear", icon=":material/delete_sweep:", key="search.history.clear", on_click=_clear, args=(bench,))


def said() -> None:
    """Say what went wrong since the last drawing, once."""
    if sentence := st.session_state.pop(_SAID, ""):
        say("warning", sentence)


def note(bench: Workbench, result: SearchResult, is_new: bool) -> None:
    """Keep the question when it was searched anew; the one before it is then kept with the settings that it was left with."""
    before = st.session_state.get(_ON_SCREEN)
    now = (result.question, result.collection.name, result.options, len(result.hits))
    st.session_state[_ON_SCREEN] = now
    if not is_new:
        return
    try:
        if before is not None and before[:2] != now[:2]:
            bench.search_history.add(*before)
        bench.search_history.add(*now)
    except RagError:
        return  # a history that cannot be written must not keep anybody from searching


def again(bench: Workbench, past: PastSearch) -> None:
    """Put question, collection and settings back, before the rerun that follows."""
    try:
        target = bench.catalog.collection(past.collection)
    except RagError as error:
        st.session_state[_SAID] = str(error)
        return
    shared.choose(target.name)
    controls.put(bench, target, past.options)
    st.session_state[tuning.NEXT_QUESTION] = past.question


def _clear(bench: Workbench) -> None:
    bench.search_history.clear()
    st.session_state.pop(_ON_SCREEN, None)


def _row(place: int, past: PastSearch) -> Node:
    o = past.options
    weight = f" {o.weight:.2f}" if o.mode == "hybrid" else ""
    filters = controls.active(o, controls.FILTERS)
    only = f" · {shared.count(filters, 'filter')}" if filters else ""
    about = f"{visible(past.collection, 30)} · {o.mode}{weight} · top {o.top_k} · threshold {o.similarity_threshold or 0:.2f}{only}"
    found = f"{shared.count(past.hits, 'hit')} · {past.at.astimezone():%d %b, %H:%M}"
    return el(
        "li",
        el(
            "button.choice", el("span.strong", visible(past.question, 110)), el("span.muted", f"{about} · {found}"),
            data_pick=str(place),
        ),
    )  # fmt: skip
