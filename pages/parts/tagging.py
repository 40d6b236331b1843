"""Tags of documents: words that a search can be narrowed down to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.safe_text import label, say, visible
from pages.parts.shared import count
from rag import RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import DocumentInfo

_FAILED = "tagging.failed"


def menu(bench: Workbench, chosen: Sequence[DocumentInfo]) -> None:
    """Draw the tags that the chosen documents have in common, to be changed for all of them at once."""
    if sentence := st.session_state.pop(_FAILED, ""):
        say("warning", sentence)
    shared = set.intersection(*(set(d.tags) for d in chosen))
    some = sorted(set().union(*(d.tags for d in chosen)) - shared)
    key = "tagging." + "".join(sorted(d.id[:8] for d in chosen))[:200]
    if key not in st.session_state:
        st.session_state[key] = sorted(shared)
    st.multiselect(
        f"Tags of {count(len(chosen), 'document')}", sorted({*bench.catalog.tags(), *st.session_state[key]}), key=key,
        format_func=lambda tag: visible(tag, 60), accept_new_options=True, placeholder="Type a word and press Enter",
        on_change=_keep, args=(bench, chosen, key, shared),
    )  # fmt: skip
    if some:
        st.caption(
            f"Some of them have {', '.join(label(tag, 40) for tag in some)} as well."
        )  # trusted: escaped one by one
    st.caption("Search and profiles can be narrowed down to tags.")


def _keep(bench: Workbench, chosen: Sequence[DocumentInfo], key: str, shared: set[str]) -> None:
    wanted = set(st.session_state[key])
    try:
        change(bench, chosen, removed=shared - wanted, added=wanted - shared)
    except RagError as error:
        st.session_state[_FAILED] = str(error)
        st.session_state[key] = sorted(shared)


def change(bench: Workbench, chosen: Sequence[DocumentInfo], *, removed: set[str], added: set[str]) -> None:
    """Give each document the tags that were added and take those that were removed; what only some have, they keep."""
    for document in chosen:
        bench.catalog.set_tags(document.id, {*document.tags} - removed | added)
