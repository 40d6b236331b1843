"""Candidates of the question on screen, fetched once and kept in the session: every move of a slider only ranks them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import controls
from rag import SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.types import Candidates, Collection

_KEPT = "search.candidates"


def state(bench: Workbench, target: Collection, options: SearchOptions) -> tuple[object, ...]:
    """Return what changes whenever other chunks may answer. Tags change without a change of the collection, hence the documents.

    Raises `CollectionNotFoundError`.
    """
    with bench.catalog.snapshot(target.id) as snapshot:
        return target.id, snapshot.revision, snapshot.passing(options.filters)


def candidates(
    bench: Workbench, target: Collection, question: str, options: SearchOptions, side: str = ""
) -> tuple[Candidates, bool]:
    """Return the question's candidates, and whether they were fetched just now.

    They are when the question, the filters, the documents that pass them, the pool or the collection changed; with the question's vector where
    that is known.
    `side` keeps those of another side of a comparison apart. Raises what `rag.fetch` raises.
    """
    wanted = controls.ranked_over(options)
    key = (state(bench, target, wanted), question, wanted)
    for known in ("", side):  # both sides of a comparison may need the same
        kept = st.session_state.get(f"{_KEPT}{known}")
        if kept is not None and kept[0] == key:
            return kept[1], False
    vector = kept[1].vector if kept is not None and (kept[0][0][0], kept[0][1]) == (target.id, question) else None
    found = rag.fetch(bench, question, collection=target, options=wanted, vector=vector)
    st.session_state[f"{_KEPT}{side}"] = (key, found)
    return found, True
