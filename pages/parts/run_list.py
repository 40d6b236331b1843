"""The runs that are kept, whoever kept them: listed, deleted, opened by their address, and any two held side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import compare_view, job_view, set_menu, shared, tuning
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, say
from pages.parts.shared import count
from rag import RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.evaluation import Comparison, Runs, Sweep
    from rag.types import Collection, Run, RunInfo

FIRST, SECOND = "runs.first", "runs.second"
"""Ids of the runs that are compared."""
QUESTION = "runs.question"
"""Id of the question that is open in both."""
NEXT = "runs.next"
_NEXT_VIEW = "experiments.view"
_SURE = "runs.sure"
_BUILT_IN = ""


def runs(bench: Workbench) -> Runs:
    return rag.evaluation.Runs(bench.catalog.engine)


def open_pair(first: str, second: str) -> None:
    """Show these two side by side at the next drawing."""
    st.session_state[NEXT] = (first, second)
    st.session_state[_NEXT_VIEW] = "runs"


def sweep_title(bench: Workbench, sweep: Sweep) -> str:
    """Return when, what and on which set a sweep was."""
    names = {info.id: info.name for info in tuning.question_sets(bench).list()}
    settings = count(sweep.settings, "setting") if sweep.settings else "settings"
    when = shared.moment(sweep.at)
    return f"{when} · {settings} · {names.get(sweep.set_id, 'a deleted set')} on {sweep.collection}"


def show(bench: Workbench, target: Collection) -> dict[str, str]:
    """Draw the list and the comparison; return what the address says of them."""
    job = job_view.latest(bench, "run")
    if job is not None:
        job_view.progress(job)
        if not job.running and job.error:
            say("warning", job.error)
        if not job.running:
            job_view.put_away(job)
    infos = {info.id: info for info in runs(bench).list()}
    left, right = st.columns([5, 1.4], vertical_alignment="bottom")
    left.subheader("Side by side")
    with right, st.popover("Measure now", icon=":material/play_arrow:", width="stretch"):
        _measure_now(bench, target)
    if not infos:
        shared.empty_state(
            "No run is kept yet",
            "Keep one on Search when a question set is chosen, measure one here, start a sweep, or use rag eval.",
            "A run stores its settings, what it searched, and how every question came out.",
            key="runs.empty",
        )
        return {}
    address = _side_by_side(bench, infos)
    st.subheader("Runs kept")
    sure = str(st.session_state.get(_SURE, ""))
    draw(
        compare_view.run_table(list(infos.values()), {s.id: sweep_title(bench, s) for s in runs(bench).sweeps()}, sure),
        key="runs.table", on_pick=lambda value: _act(bench, value),
    )  # fmt: skip
    return address


def _measure_now(bench: Workbench, target: Collection) -> None:
    """Offer to measure a set on the chosen collection under a profile, and to keep what comes of it."""
    sets = told_apart({info.id: f"{info.name} ({info.questions})" for info in tuning.question_sets(bench).list()})
    if not sets:
        st.caption("Make or import a question set on Search first.")
        return
    set_id = st.selectbox(
        "Question set", list(sets), format_func=lambda i: sets.get(i, "deleted"), key="runs.measure.set"
    )
    profiles = [_BUILT_IN, *(profile.name for profile in bench.profiles.list())]
    shown = told_apart({name: name or "Built-in defaults" for name in profiles})
    profile = st.selectbox(
        "Settings",
        profiles,
        format_func=lambda n: shown.get(n, "deleted"),
        key="runs.measure.profile",
    )
    st.button(
        "Measure and keep",
        type="primary",
        key="runs.measure",
        on_click=set_menu.guarded,
        args=(_measure, bench, target, set_id, profile),
    )


def _measure(bench: Workbench, target: Collection, set_id: str, profile: str) -> None:
    """Measure in the background, and keep the run."""
    chosen = tuning.question_sets(bench).get(set_id)
    options = bench.profiles.get(profile).search if profile else SearchOptions()

    def work(job: Any) -> Run:
        job.begin(len(chosen.questions), "questions", f"Measuring {chosen.name}")
        found = rag.evaluation.evaluate(
            bench, chosen, collection=target, options=options, stop=job.stopping,
            on_progress=lambda done, total: job.advance(done - job.progress.done),
        )  # fmt: skip
        return rag.evaluation.keep_run(bench, found, chosen, profile=profile)

    job_view.own(bench.jobs.start("run", f"Measuring {chosen.name}", work))


def _act(bench: Workbench, value: str) -> None:
    """Do what a button of the list asks for."""
    verb, _, rest = value.partition(":")
    if verb == "first":
        st.session_state[NEXT] = (rest, st.session_state.get(SECOND, ""))
    elif verb == "second":
        st.session_state[NEXT] = (st.session_state.get(FIRST, ""), rest)
    elif verb == "sweep":
        st.session_state["sweeps.next"], st.session_state[_NEXT_VIEW] = rest, "sweep"
    elif verb == "delete":
        if st.session_state.get(_SURE) != rest:
            st.session_state[_SURE] = rest
        else:
            runs(bench).delete([rest])


# --- side by side ---


def _side_by_side(bench: Workbench, infos: Mapping[str, RunInfo]) -> dict[str, str]:
    """Draw two runs against each other; return their place in the address."""
    _settle(infos)
    names = told_apart({info.id: compare_view.run_name(info) for info in infos.values()}, 140)
    one, other = st.columns(2)
    first = one.selectbox(
        "First run",
        list(infos),
        key=FIRST,
        format_func=lambda i: names.get(i, "deleted"),
        persist_state="session",
    )
    second = other.selectbox(
        "Second run",
        list(infos),
        key=SECOND,
        format_func=lambda i: names.get(i, "deleted"),
        persist_state="session",
    )
    address = {"a": str(first), "b": str(second)}
    try:
        found: Comparison = rag.evaluation.compare(runs(bench).get(first), runs(bench).get(second))
    except RagError as error:
        say("warning", error)
        return address
    draw(compare_view.heads(found), compare_view.figures(found), key="runs.figures")
    if not found.questions:
        say("info", "The two runs have no question in common, so there is nothing to hold side by side.")
        return address
    opened = _opened(found)
    listed, detail = st.columns([1, 1.55], gap="large")
    with listed:
        draw(compare_view.questions(found, opened), key="runs.questions", on_pick=_open)
    with detail:
        change = next((each for each in found.questions if each.question.id == opened), None)
        if change is not None:
            draw(compare_view.detail(change, _Texts(bench)), key="runs.detail")
    return {**address, "question": str(st.session_state.get(QUESTION) or "")}


def _settle(infos: Mapping[str, RunInfo]) -> None:
    """Decide which two are shown: those asked for, those of the address, else the two newest."""
    first, second = st.session_state.pop(NEXT, None) or ("", "")
    ids = list(infos)
    for key, short, asked, fallback in ((FIRST, "a", first, ids[min(1, len(ids) - 1)]), (SECOND, "b", second, ids[0])):
        wanted = asked or st.session_state.get(key) or st.query_params.get(short)
        st.session_state[key] = wanted if wanted in infos else fallback


def _open(value: str) -> None:
    st.session_state[QUESTION] = value


def _opened(found: Comparison) -> str:
    """Return the question to show: the one pressed, else the first that came out otherwise."""
    pressed = st.session_state.get(QUESTION)
    if any(each.question.id == pressed for each in found.questions):
        return str(pressed)
    changed = (each for each in found.questions if each.verdict != "same")
    moved = (each for each in found.questions if any(hit.change != "stayed" for hit in each.hits))
    return (next(changed, None) or next(moved, None) or found.questions[0]).question.id


class _Texts:
    """Looks up what a hit says, in the document as the library has it: chunks of a sweep are in no collection."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._documents: dict[str, Any] = {}

    def __call__(self, document_id: str, start: int, end: int) -> tuple[str, str]:
        """Return the document's name and the text; empty texts when the document was deleted."""
        if document_id not in self._documents:
            try:
                self._documents[document_id] = self._bench.catalog.document(document_id)
            except RagError:
                self._documents[document_id] = None
        document = self._documents[document_id]
        return ("", "") if document is None else (document.name, document.text[start:end])
