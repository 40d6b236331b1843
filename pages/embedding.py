"""Collections: chunk options and one embedding model over the same documents, built into Chroma and kept in health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

import rag
from pages.parts import embedding_models, job_view, reports, shared
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, el, label, say, visible
from rag import ChunkOptions, RagError, Workbench
from rag.types import IngestReport

if TYPE_CHECKING:
    from rag.types import Collection, Health

_WORK = ("ingest", "build", "rebuild", "measure")  # jobs that a collection cannot be deleted, filled or rebuilt beside
KEYWORDS_ONLY = "none (keyword search only)"


def main() -> None:
    bench = shared.open_bench()
    st.title("Collections")
    _jobs(bench)
    known = bench.catalog.collections()
    _overview(known)
    chosen, build = st.columns([1, 1], gap="large")
    with chosen:
        _details(bench, shared.collection(bench))
    with build:
        _build(bench)


def _jobs(bench: Workbench) -> None:
    for kind in ("build", "rebuild", "measure"):
        job = job_view.latest(bench, kind)
        if job is None:
            continue
        job_view.progress(job)
        if job.running:
            continue
        if job.error:
            say("error" if job.state == "failed" else "warning", job.error)
        elif kind == "measure":
            say("success", job.result if isinstance(job.result, str) else "Measured.")
        elif job.result is None:
            say("success", "The index was rebuilt from the catalog.")
        if isinstance(job.result, IngestReport) and (job.result.files or not job.error):
            reports.show(job.result, key=f"collections.report.{kind}")
        st.button(
            "Put away",
            key=f"away.{kind}",
            on_click=job_view.put_away,
            args=(job,),
            type="tertiary",
            icon=":material/close:",
        )


def _overview(known: list[Collection]) -> None:
    rows = [
        {
            "Collection": visible(c.name), "Embedding model": c.embedding_model or KEYWORDS_ONLY,
            "Chunk size": c.options.chunk_size_tokens, "Overlap": c.options.overlap_tokens, "Documents": c.documents,
            "Chunks": c.chunks, "Threshold": round(c.similarity_threshold, 2), "Threshold from": embedding_models.origin(c), "Made": shared.by_our_clock(c.created_at),
        }
        for c in known
    ]  # fmt: skip
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, row_height=36, key="collections.table",
        column_config={
            "Chunk size": st.column_config.NumberColumn(format="%d tokens"),
            "Overlap": st.column_config.NumberColumn(format="%d tokens"),
            "Made": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        },
    )  # fmt: skip


# --- the chosen one ---


def _details(bench: Workbench, chosen: Collection) -> None:
    st.subheader(label(chosen.name, 60))
    _health(
        _checked(bench, chosen),
        chosen,
        bench.catalog.revision(chosen.id),
        rebuilding=bool(bench.jobs.running("rebuild")),
    )
    waiting = len(bench.catalog.documents()) - chosen.documents
    busy = _busy(bench, chosen)
    embedding_models.threshold(bench, chosen)
    if waiting > 0:
        embedding_models.missing_cost(bench, chosen)
    with st.container(horizontal=True):
        if waiting > 0:
            st.button(
                f"Add {shared.count(waiting, 'missing document')}", icon=":material/playlist_add:",
                on_click=_run, args=(rag.fill_collection, bench, chosen.name), disabled=bool(busy), help=label(busy, 200),
            )  # fmt: skip
        st.button(
            "Rebuild the index", icon=":material/build:", on_click=_run, args=(rag.rebuild_index, bench), disabled=bool(busy),
            help=label(busy, 200) if busy else "Builds Chroma anew from the vectors in the catalog; nothing is embedded again. Searching goes on meanwhile.",
        )  # fmt: skip
        embedding_models.actions(bench, chosen, busy, _run)
        if st.button(
            "Delete…", icon=":material/delete:", key="collection.delete", disabled=bool(busy), help=label(busy, 200)
        ):
            _confirm_delete(bench, chosen)


def _busy(bench: Workbench, chosen: Collection) -> str:
    """Return why the collection has to be left alone now, as a sentence; empty when nothing works on it."""
    job = job_view.working_on(bench, chosen.id, *_WORK)
    return f"{visible(job.title, 80)}: wait for its end, or stop it first." if job else ""


def _checked(bench: Workbench, chosen: Collection) -> Health:
    """Return the collection's health, looked at when its chunks or its index changed: the index is asked for a sample."""
    jobs = [(job.id, job.state) for job in bench.jobs.recent() if job.kind in ("rebuild", "tidy", "build", "ingest")]
    key = (chosen.id, bench.catalog.revision(chosen.id), bench.index_problem, jobs)
    kept = st.session_state.get("collections.health.kept")
    if kept is None or kept[0] != key:
        kept = (key, rag.health(bench, chosen.name))
        st.session_state["collections.health.kept"] = kept
    health: Health = kept[1]
    return health


def _health(health: Health, chosen: Collection, revision: int, *, rebuilding: bool) -> None:
    if rebuilding:
        state = el("span.chip", "being rebuilt: answers come from exact search")
    else:
        state = el("span.chip.good", "catalog and index agree") if health.ok else el("span.chip.bad", "needs attention")
    draw(
        el("div.row", state),
        *(el("p", problem) for problem in health.problems if not rebuilding),
        el(
            "div.facts",
            *(
                el("div.fact", el("span.name", name), el("span.value", f"{value:,}"))
                for name, value in (
                    ("documents", chosen.documents),
                    ("chunks", health.chunks),
                    ("vectors kept", health.vectors),
                    ("in the index", health.indexed),
                    ("waiting", health.pending),
                )
            ),
            embedding_models.recall_fact(chosen, revision),
        ),
        key="collections.health",
    )


def _run(start: object, *args: object) -> None:
    """Start a job from a button; what keeps it from starting is said in a sentence."""
    try:
        job_view.own(start(*args))  # type: ignore[operator]
    except RagError as error:
        say("error", error)


@st.dialog("Delete this collection?")
def _confirm_delete(bench: Workbench, chosen: Collection) -> None:
    draw(el("p.strong", visible(chosen.name)), key="collection.delete.name")
    st.write(
        "Its chunks and its index go. The documents stay in the library, and their vectors are kept for the next collection."
    )
    if st.button(
        "Delete the collection", type="primary", icon=":material/delete:", on_click=_delete, args=(bench, chosen.name)
    ):
        st.rerun()


def _delete(bench: Workbench, name: str) -> None:
    try:
        if busy := _busy(bench, bench.catalog.collection(name)):  # since the question was asked
            say("warning", busy)
            return
        bench.catalog.delete_collection(name)
    except RagError as error:
        say("error", error)
        return
    shared.tidy_index(bench)


# --- a new one ---


def _build(bench: Workbench) -> None:
    st.subheader("Build another collection")
    documents = {d.id: d.name for d in bench.catalog.documents()}
    if not documents:
        shared.empty_state("No documents to build from", "Add some on Documents first.", key="build.empty")
        return
    with st.container(border=True, key="build"):
        name = st.text_input("Name", placeholder="small chunks", max_chars=60, key="build.name")
        left, right = st.columns(2)
        size = left.slider("Chunk size", 40, 400, 200, 10, format="%d tokens", key="build.size")
        overlap = right.slider(
            "Overlap", 0, 100, 0, 5, format="%d tokens", key="build.overlap", help="At most half of the chunk size."
        )
        offered, problems = embedding_models.offered(bench)
        model = st.selectbox(
            "Embedding model", [*offered, KEYWORDS_ONLY], format_func=lambda m: visible(m, 80), key="build.model"
        )
        labels = told_apart(documents)
        only = st.multiselect(
            "Documents",
            list(documents),
            format_func=lambda d: labels.get(d, "deleted"),
            placeholder="All of the library",
            key="build.documents",
        )
        options, ids = ChunkOptions(size, min(overlap, size // 2)), only or list(documents)
        embedding_models.describe(bench, "" if model == KEYWORDS_ONLY else model, options, ids, problems)
        if st.button("Build", type="primary", icon=":material/construction:"):
            _start_build(bench, name.strip(), options, model, ids)


def _start_build(bench: Workbench, name: str, options: ChunkOptions, model: str, ids: list[str]) -> None:
    if not name:
        say("warning", "Give the collection a name.")
        return
    chosen = "" if model == KEYWORDS_ONLY else model
    try:
        with st.spinner("Asking the model …" if embedding_models.is_remote(chosen) else "Starting …"):
            job = rag.build_collection(bench, name, options=options, embedding_model=chosen, document_ids=ids)
    except RagError as error:
        say("warning", error)
        return
    job_view.own(job)
    shared.choose(name)
    st.rerun()


main()
