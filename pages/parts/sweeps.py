"""Sweeps: a grid of settings put together, its price and time said, run in the background, its results kept and opened again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import embedding_models, job_view, run_list, set_menu, shared, sweep_view, tuning
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, el, label, say, visible
from pages.parts.shared import count
from rag import ChunkOptions, RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from rag.evaluation import Runs, SweepGrid, SweepPlan
    from rag.jobs import Job
    from rag.types import Collection, Mode, QuestionSet, RunInfo

SWEEP = "sweeps.shown"
"""Id of the sweep whose results are on the page."""
SETTING = "sweeps.setting"
"""Id of the run that was pressed in them."""
NEXT_SWEEP = "sweeps.next"
_PLAN = "sweeps.plan"
_SOON_S = 0.6
_SIZES = (60, 100, 150, 200, 256, 300, 400)
_OVERLAPS = (0, 10, 20, 30, 40, 60)
_WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_TOPS = (1, 3, 5, 6, 8, 10, 15, 20)
_MODES: tuple[Mode, ...] = ("hybrid", "semantic", "keyword")


def show(bench: Workbench, target: Collection) -> dict[str, str]:
    """Draw the grid beside the results; return what the address says of them."""
    controls, results = st.columns([1, 2.35], gap="large")
    with controls:
        _start(bench, target)
    with results:
        job = job_view.latest(bench, "sweep")
        if job is not None:
            _job(job)
        return _results(bench)


# --- before ---


def _start(bench: Workbench, target: Collection) -> None:
    """Draw the grid with what it takes, and its button."""
    chosen = question_set(bench, target)
    if not target.chunks or chosen is None:
        return
    grid = _grid(bench, target)
    plan = _planned(bench, target, chosen, grid)
    running = bool(bench.jobs.running("sweep"))
    st.button(
        f"Try {count(len(plan.settings), 'setting')}" if plan else "Try them", type="primary", icon=":material/science:", key="sweeps.start",
        width="stretch", disabled=plan is None or running, on_click=set_menu.guarded, args=(_begin, bench, target, chosen, grid),
        help="Another sweep is running: wait for its end, or stop it." if running else None,
    )  # fmt: skip


def question_set(bench: Workbench, target: Collection) -> QuestionSet | None:
    """Let the user choose a set, beginning with the likeliest; say what to do when there is none."""
    sets = tuning.question_sets(bench)
    names = told_apart({info.id: f"{info.name} ({info.questions})" for info in sets.list()})
    if not names:
        sentences = ("Label a few results on Search, or import questions there.", "Settings are measured by them.")
        shared.empty_state("No question set yet", *sentences, key="experiments.noset")
        return None
    key = "experiments.set"
    if st.session_state.get(key) not in names:
        before = st.session_state.get(tuning.SET)
        st.session_state[key] = before if before in names else _likeliest(bench, target)
    chosen = st.selectbox(
        "Question set", list(names), key=key, format_func=lambda i: names.get(i, "deleted"), persist_state="session"
    )
    try:
        return sets.get(chosen)
    except RagError as error:  # deleted since the list was made
        say("warning", error)
        return None


def _likeliest(bench: Workbench, target: Collection) -> str:
    """Return the set that was measured last on the collection, else the one with most labels."""
    infos = {info.id: info for info in tuning.question_sets(bench).list()}
    for run in _runs(bench).list():
        if run.set_id in infos and run.fingerprint.collection == target.name:
            return run.set_id
    return max(infos.values(), key=lambda info: (info.name == target.name, info.evidence + info.absent)).id


def _grid(bench: Workbench, target: Collection) -> SweepGrid:
    """Let the user choose the values of every setting; every combination that differs in effect is tried."""
    own = target.options
    sizes = _several("Chunk sizes in tokens", _SIZES, sorted({100, own.chunk_size_tokens, 300}), "sweeps.sizes")
    overlaps = _several("Overlaps in tokens", _OVERLAPS, [own.overlap_tokens], "sweeps.overlaps")
    modes: Sequence[Any] = ("keyword",)
    models: Sequence[str] = ()
    if target.embedding_model:
        modes = _several("Modes", _MODES, ["hybrid", "semantic"], "sweeps.modes")
    weights: Sequence[float] = (0.5,)
    if "hybrid" in modes:
        weights = _several("Weights of meaning against words", _WEIGHTS, [0.3, 0.5, 0.7], "sweeps.weights")
    tops = _several("Hits at most", _TOPS, [3, 6], "sweeps.tops")
    usable = [m.name for m in bench.models() if m.kind == "embedding" and not m.problem]
    if target.embedding_model and len(usable) > 1:
        models = _several("Embedding models", tuple(usable), [target.embedding_model], "sweeps.models")
    chunks = [ChunkOptions(size, min(overlap, size // 2)) for size in sizes for overlap in overlaps]
    return rag.evaluation.SweepGrid(
        chunks=tuple(dict.fromkeys(chunks)), embedding_models=tuple(models), modes=tuple(modes), weights=tuple(weights),
        top_ks=tuple(tops),
    )  # fmt: skip


def _several(title: str, every: Sequence[Any], first: Sequence[Any], key: str) -> list[Any]:
    """Let the user choose some of the values, at least one; values of the collection that are not on the list are on it."""
    options = sorted({*every, *first}, key=str if isinstance(every[0], str) else None)
    if every is _MODES:
        options = list(_MODES)
    if not st.session_state.get(key):
        st.session_state[key] = list(first)
    chosen = st.multiselect(
        title, options, key=key, persist_state="session", format_func=lambda v: visible(str(v), 50)
    )  # trusted: a title of ours
    return sorted(chosen, key=options.index) or list(first)


def _planned(bench: Workbench, target: Collection, chosen: QuestionSet, grid: SweepGrid) -> SweepPlan | None:
    """Say what the grid takes; None while that is worked out, and when it cannot be tried."""
    job = _plan(bench, target, chosen, grid)
    job.wait(_SOON_S)
    if job.running:
        job_view.progress(job)
        return None
    if job.result is None:
        say("warning", job.error)
        return None
    plan: SweepPlan = job.result
    draw(sweep_view.plan(plan), key="sweeps.plan.drawn")
    return plan


def _plan(bench: Workbench, target: Collection, chosen: QuestionSet, grid: SweepGrid) -> Job[SweepPlan]:
    """Return the job that works out what the grid takes: a new one when grid, questions or collection changed."""
    key = (
        chosen.id,
        chosen.updated_at,
        target.id,
        bench.catalog.revision(target.id),
        grid,
        bench.jobs.running("sweep"),
    )
    kept = st.session_state.get(_PLAN)
    if kept is None or kept[0] != key:
        if kept is not None:
            kept[1].stop()

        def work(job: Job[Any]) -> SweepPlan:
            return rag.evaluation.plan_sweep(bench, chosen, grid, collection=target, stop=job.stopping)

        kept = (key, bench.jobs.start("plan", "Working out what it takes", work))
        st.session_state[_PLAN] = kept
    job: Job[SweepPlan] = kept[1]
    return job


def _begin(bench: Workbench, target: Collection, chosen: QuestionSet, grid: SweepGrid) -> None:
    job_view.own(rag.evaluation.start_sweep(bench, chosen, grid, collection=target))
    st.session_state[NEXT_SWEEP] = _runs(bench).sweeps()[0].id


# --- while it runs, and after ---


def _job(job: Job[Any]) -> None:
    job_view.progress(job)
    if job.running:
        return
    if job.state == "stopped":
        say("info", "The sweep was stopped. What is done is kept, and it can go on from there.")
    elif job.error:
        say("warning", job.error)
    job_view.put_away(job)


def _runs(bench: Workbench) -> Runs:
    return rag.evaluation.Runs(bench.catalog.engine)


def _results(bench: Workbench) -> dict[str, str]:
    """Draw the results of the chosen sweep; return its place in the address."""
    kept = {sweep.id: sweep for sweep in _runs(bench).sweeps()}
    if not kept:
        shared.empty_state(
            "Which setting is best, and which is good enough?",
            "Choose sizes, modes and weights on the left: every combination is measured on the questions of the set.",
            "Each distinct text is embedded once, and no collection is built for it.",
            key="sweeps.empty",
        )
        return {}
    shown = _chosen(bench, list(kept))
    sweep = kept[shown]
    done = len(_runs(bench).settings_done(sweep.id))
    if done < sweep.settings and not bench.jobs.running("sweep"):
        st.button(
            f"Go on: {sweep.settings - done:d} of {sweep.settings:d} settings are left", icon=":material/play_arrow:", key="sweeps.resume",
            on_click=set_menu.guarded, args=(_resume, bench, sweep.id),
        )  # fmt: skip
    address = {"sweep": sweep.id}
    if not done:
        draw(el("p.muted", "No setting of this sweep is done yet."), key="sweeps.none")
        return address
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.selectbox(
            "Quality", list(sweep_view.MEASURES), key="sweeps.measure", format_func=lambda m: rag.evaluation.MEASURES[m].title,
            persist_state="session",
        )  # fmt: skip
        cost = st.selectbox(
            "Against",
            list(sweep_view.COSTS),
            key="sweeps.cost",
            format_func=lambda c: sweep_view.COSTS[c],
            persist_state="session",
        )
    try:
        table = sweep_view.named(rag.evaluation.sweep_table(bench, sweep.id, measure=measure))
    except RagError as error:
        say("warning", error)
        return address
    _table(bench, table, measure, cost)
    return address


def _chosen(bench: Workbench, ids: list[str]) -> str:
    """Let the user choose a sweep: the one just started, the one of the address, or the newest to begin with."""
    wanted = st.session_state.pop(NEXT_SWEEP, None) or st.session_state.get(SWEEP) or st.query_params.get("sweep")
    st.session_state[SWEEP] = wanted if wanted in ids else ids[0]
    names = told_apart({sweep.id: run_list.sweep_title(bench, sweep) for sweep in _runs(bench).sweeps()}, 120)
    pick, delete = st.columns([5, 1.2], vertical_alignment="bottom")
    shown = pick.selectbox(
        "Sweep", ids, key=SWEEP, format_func=lambda i: names.get(i, "deleted"), persist_state="session"
    )
    sure = st.session_state.get("sweeps.sure") == shown
    delete.button(
        "Really delete" if sure else "Delete", key="sweeps.delete", icon=":material/delete:", on_click=_delete, args=(bench, shown),
        width="stretch", disabled=bool(bench.jobs.running("sweep")),
    )  # fmt: skip
    return str(shown)


def _delete(bench: Workbench, sweep_id: str) -> None:
    """Delete at the second press."""
    if st.session_state.get("sweeps.sure") != sweep_id:
        st.session_state["sweeps.sure"] = sweep_id
        return
    _runs(bench).delete_sweep(sweep_id)
    st.session_state.pop(SWEEP, None)


def _resume(bench: Workbench, sweep_id: str) -> None:
    job_view.own(rag.evaluation.resume_sweep(bench, sweep_id))


def _table(bench: Workbench, table: pd.DataFrame, measure: str, cost: str) -> None:
    """Draw what is best, the chart, a row a setting, and what can be done with the one that is chosen."""
    if st.session_state.get(SETTING) not in table.index:
        st.session_state[SETTING] = str(table.index[table["is_cheapest"]][0])
    chosen = st.session_state[SETTING]

    def pick(value: str) -> None:
        st.session_state[SETTING] = value

    draw(
        sweep_view.finding(table, measure), *sweep_view.unrecommended(table), sweep_view.chart(table, measure, cost, chosen),
        sweep_view.chart_legend(), key="sweeps.chart", on_pick=pick,
    )  # fmt: skip
    _use(bench, table, chosen)
    draw(sweep_view.rows(table, measure, chosen), key="sweeps.table", on_pick=pick)
    st.download_button(
        "Whole table as CSV", lambda: table.to_csv().encode("utf-8-sig"), "sweep.csv", "text/csv", icon=":material/download:",
        on_click="ignore", key="sweeps.csv", type="tertiary",
    )  # fmt: skip


def _use(bench: Workbench, table: pd.DataFrame, run_id: str) -> None:
    """Offer what the chosen setting is good for."""
    draw(sweep_view.chosen(table.loc[run_id]), key="sweeps.chosen")
    recommends = not table.loc[run_id, "threshold_note"]
    with st.container(horizontal=True):
        with st.popover("Save as profile", icon=":material/bookmark_add:"):
            st.text_input(
                "Name of the profile", key="sweeps.profile", max_chars=100, placeholder="best for board questions",
                on_change=set_menu.guarded, args=(_save_profile, bench, run_id),
                help="Mode, weight, hits and threshold of this setting, for Search and Ask. A profile of that name keeps its answer settings.",
            )  # fmt: skip
            if not recommends:
                st.caption("No threshold is recommended: the profile takes the own one of each collection.")
        with st.popover("Build a collection like this", icon=":material/construction:"):
            st.text_input(
                "Name of the collection", key="sweeps.build", max_chars=60, placeholder="small chunks", on_change=set_menu.guarded,
                args=(_build, bench, run_id), help="The same documents in these chunks, with this embedding model and threshold.",
            )  # fmt: skip
            if not recommends:
                st.caption(label(_begins_with(bench, run_id), 300))
        st.button(
            "Compare with the best", icon=":material/compare_arrows:", key="sweeps.compare", on_click=run_list.open_pair,
            args=(str(table.index[0]), run_id), disabled=run_id == table.index[0],
        )  # fmt: skip


def _save_profile(bench: Workbench, run_id: str) -> None:
    """Keep the setting's search options under the name; what a profile of that name says of answers stays."""
    from rag.types import Profile

    name = st.session_state["sweeps.profile"].strip()
    if not name:
        return
    info = _runs(bench).get(run_id).info
    options = replace(info.options, similarity_threshold=None) if info.threshold_note else info.options
    known = next((p for p in bench.profiles.list() if p.name.casefold() == name.casefold()), None)
    bench.profiles.save(replace(known, search=options) if known else Profile(name, search=options))
    st.session_state["sweeps.profile"] = ""
    own = " No threshold is recommended, so it takes the own one of each collection." if info.threshold_note else ""
    st.toast(f"The profile was saved; choose it on Search or Ask.{own}", icon=":material/bookmark_added:")


def _build(bench: Workbench, run_id: str) -> None:
    """Build a collection of the documents that the run searched, in its chunks."""
    name = st.session_state["sweeps.build"].strip()
    if not name:
        return
    info = _runs(bench).get(run_id).info
    held = bench.catalog.documents(bench.catalog.collection(info.fingerprint.collection).id)
    job = rag.build_collection(
        bench, name, options=info.fingerprint.options, embedding_model=info.fingerprint.embedding_model,
        document_ids=[document.id for document in held], similarity_threshold=_threshold(bench, info),
    )  # fmt: skip
    job_view.own(job)
    st.session_state["sweeps.build"] = ""
    own = label(_begins_with(bench, run_id), 300) if info.threshold_note else ""
    st.toast(f"The collection is being built; Collections shows it. {own}", icon=":material/construction:")


def _threshold(bench: Workbench, info: RunInfo) -> float | None:
    """Return the threshold that a collection built like a run gets: the recommended one, or the one that the user gave the searched
    collection, where it is of the same scale; None leaves it to the embedding model."""
    if not info.threshold_note:
        return info.options.similarity_threshold
    searched = bench.catalog.collection(info.fingerprint.collection)
    same = searched.embedding_model == info.fingerprint.embedding_model
    return searched.similarity_threshold if same and searched.threshold_from == "user" else None


def _begins_with(bench: Workbench, run_id: str) -> str:
    """Return what threshold the collection begins with where none is recommended, and what measuring one takes."""
    info = _runs(bench).get(run_id).info
    try:
        threshold = _threshold(bench, info)
        searched = bench.catalog.collection(info.fingerprint.collection)
        if threshold is not None:
            return f"No threshold is recommended: it gets {threshold:.2f}, as set by hand on the collection that was searched."
        if not embedding_models.is_remote(info.fingerprint.embedding_model):
            return "No threshold is recommended: it gets the default of its embedding model."
        model = replace(searched, embedding_model=info.fingerprint.embedding_model, chunks=info.fingerprint.chunks)
        return f"No threshold is recommended: its model gets {embedding_models.measuring(bench, model)}."
    except RagError as error:
        return str(error)
