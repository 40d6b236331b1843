"""The text around hits, read once for each of them: a slider that moves shows the same hits again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.types import Context, SearchResult

_KEPT = "search.around"
_LEAST = 1  # chunks before and after that a card shows when it is opened


def of(bench: Workbench, result: SearchResult) -> dict[str, Context]:
    """Return the surroundings of all hits and near misses by the chunk's id; nothing of those that are gone."""
    reach = max(_LEAST, result.options.neighbours)
    wanted = [h.chunk for h in (*result.hits, *result.near_misses)]
    whose = (result.collection.id, result.question, reach)
    kept = st.session_state.get(_KEPT)
    if kept is None or kept[0] != whose:
        kept = (whose, {})
        st.session_state[_KEPT] = kept
    found: dict[str, Context] = kept[1]
    missing = [chunk for chunk in wanted if chunk.id not in found]
    if missing:
        try:
            with bench.catalog.snapshot(result.collection.id) as snapshot:
                found.update(snapshot.contexts(missing, reach))
        except RagError:  # deleted in another tab: the hits are still in memory
            return found
    return found
