"""Experiments: many settings measured at once, any two runs side by side, the collection as a map, and what nobody could answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import answer_runs, draft_list, gap_list, map_view, run_list, set_menu, shared, sweeps
from rag import Workbench

if TYPE_CHECKING:
    from rag.types import Collection

VIEW = "experiments.view"
_SAID = "experiments.said"
_TITLES = {"sweep": "Sweep", "runs": "Runs", "answers": "Answers", "map": "Map", "gaps": "Gaps", "drafts": "Drafts"}
_SHOW: dict[str, Callable[[Workbench, Collection], dict[str, str]]] = {
    "sweep": sweeps.show,
    "runs": run_list.show,
    "answers": answer_runs.show,
    "map": map_view.show,
    "gaps": gap_list.show,
    "drafts": draft_list.show,
}
"""Each draws its part and returns what the address has to say to open it again."""


def main() -> None:
    bench = shared.open_bench()
    target = shared.collection(bench)
    st.title("Experiments")
    _follow_link()
    chosen = st.segmented_control(
        "View", list(_TITLES), key=VIEW, required=True, format_func=lambda view: _TITLES[view], label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    view = chosen or "sweep"
    set_menu.said()
    said = {"view": view, "collection": target.name, **_SHOW[view](bench, target)}
    wanted = {name: value for name, value in said.items() if value}
    st.session_state[_SAID] = wanted
    if wanted != st.query_params.to_dict():
        st.query_params.from_dict(wanted)


def _follow_link() -> None:
    """Take what the address says when it is not what this page wrote there: somebody followed a link."""
    linked = st.query_params.to_dict()
    if linked.get("view") in _TITLES and linked != st.session_state.get(_SAID):
        st.session_state[VIEW] = linked["view"]
        for key in (sweeps.SWEEP, run_list.FIRST, run_list.SECOND, answer_runs.RUN, map_view.QUESTION):
            st.session_state.pop(key, None)  # each is taken from the address where it is drawn
        for key in (run_list.QUESTION, answer_runs.QUESTION):
            st.session_state[key] = linked.get("question", "")
    st.session_state.setdefault(VIEW, "sweep")


main()
