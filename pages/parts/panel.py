"""The widgets of the Search page's settings, grouped so that what is moved most stands first and the rest says whether it is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.parts import controls, embedding_models
from pages.parts.live_slider import live_slider
from pages.parts.options import told_apart
from pages.parts.safe_text import label

if TYPE_CHECKING:
    from pages.parts.offered import Offered
    from rag.types import Collection


FILTERS, MORE = "search.filters", "search.more"
"""Where the session keeps whether they are open."""


def tidy(target: Collection, offer: Offered) -> None:
    """Take out of the filters what is there no more, such as a document that was deleted meanwhile. Call it before anything reads them."""
    for name, known in (("document_ids", offer.documents), ("tags", offer.tags)):
        key = controls.keys(target)[name]
        if key in st.session_state:
            st.session_state[key] = [value for value in st.session_state[key] if value in known]


def ranking(target: Collection) -> None:
    """Draw what is moved most: mode, threshold, number, weight."""
    key = controls.keys(target)["mode"]
    modes = controls.modes(target)
    if st.session_state.get(key) not in modes:
        st.session_state[key] = modes[0]
    mode = st.segmented_control(  # trusted: the names of modes are ours
        "Mode", modes, required=True, format_func=str.capitalize, key=key, persist_state="session", width="stretch",
    )  # fmt: skip
    own = target.similarity_threshold
    whose = f"This collection's own is {own:.2f}: {embedding_models.origin(target)}."
    _slider("Threshold", target, "similarity_threshold", own, hint=whose, mark=own, mark_title=whose)
    _slider("Hits at most", target, "top_k")
    _slider(
        "Weight of meaning against words", target, "weight", mark=controls.BUILT_IN.weight, mark_title="default",
        disabled=mode != "hybrid",
    )  # fmt: skip


def groups(target: Collection, offer: Offered) -> None:
    """Draw filters and the less usual settings, each folded away behind how many of them are in use.

    What is folded is drawn when it is opened: every widget is a message more that a moved slider waits for.
    """
    now = controls.current(target)
    filters, more = controls.active(now, controls.FILTERS), controls.active(now, controls.MORE)
    with _folded(f"Filters · {filters:d} in use" if filters else "Filters", "filter_alt", FILTERS) as folded:
        if folded.open:
            _filters(target, offer, filters)
    with _folded(f"More settings · {more:d} changed" if more else "More settings", "tune", MORE) as folded:
        if folded.open:
            _more(target)


def _folded(title: str, icon: str, key: str) -> Any:
    """Return a group that tells whether it is open. It stays so when its title changes, which makes it another to Streamlit."""
    st.session_state[key] = bool(st.session_state.get(key))
    return st.expander(label(title), icon=f":material/{icon}:", key=key, on_change="rerun")


def _filters(target: Collection, offer: Offered, in_use: int) -> None:
    key = controls.keys(target)
    names = told_apart(offer.documents)
    st.multiselect(
        "Documents", list(names), key=key["document_ids"], format_func=lambda d: names.get(d, "deleted"),
        placeholder="All documents", persist_state="session",
    )  # fmt: skip
    tags = told_apart({tag: f"{tag} ({many})" for tag, many in offer.tags.items()})
    st.multiselect(
        "Tags", list(tags), key=key["tags"], format_func=lambda tag: tags.get(tag, "deleted"), persist_state="session",
        placeholder="Any" if tags else "No document has tags yet", disabled=not tags,
        help="Documents with any of these. Tags are given on Documents: tick rows, then press Tags.",
    )  # fmt: skip
    first, last = st.columns(2, gap="small")
    first.number_input(
        "From page", 1, 100_000, value=None, key=key["page_from"], placeholder="first", persist_state="session"
    )
    last.number_input(
        "To page", 1, 100_000, value=None, key=key["page_to"], placeholder="last", persist_state="session"
    )
    st.date_input("Added from", value=None, key=key["added_from"], format="YYYY-MM-DD", persist_state="session")
    st.date_input("Added to", value=None, key=key["added_to"], format="YYYY-MM-DD", persist_state="session")
    st.button(
        "Clear filters", icon=":material/filter_alt_off:", key="search.clear", type="tertiary", disabled=not in_use,
        on_click=_clear, args=(target,),
    )  # fmt: skip


def _more(target: Collection) -> None:
    if target.embedding_model:
        _slider(
            "Diversity", target, "mmr", hint="Pushes back hits that repeat better ones",
            disabled=st.session_state[controls.keys(target)["mode"]] == "keyword",
        )  # fmt: skip
    _slider("Neighbouring chunks", target, "neighbours", hint="Ask reads so many before and after each hit")
    _slider("Candidates of each side", target, "pool", mark=controls.BUILT_IN.pool, mark_title="default")
    if target.embedding_model:
        st.toggle(
            "Exact search", key=controls.keys(target)["exact"], persist_state="session",
            help="Compares with every vector instead of asking the approximate index. Filtered questions always do.",
        )  # fmt: skip


def _clear(target: Collection) -> None:
    for name in controls.FILTERS:
        empty = getattr(controls.BUILT_IN, name)
        st.session_state[controls.keys(target)[name]] = list(empty) if isinstance(empty, tuple) else empty


def _slider(title: str, target: Collection, name: str, value: float | None = None, **looks: Any) -> None:
    low, high, step = controls.SPANS[name]
    first = getattr(controls.BUILT_IN, name) if value is None else value
    live_slider(  # trusted: titles, hints and marks are written in this file
        title, key=controls.keys(target)[name], low=low, high=high, step=step, value=first, **looks,
    )  # fmt: skip
