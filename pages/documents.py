"""Documents: see how files would be chunked, add them, and keep the library."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import job_view, preview, reports, shared, tagging
from pages.parts.safe_text import draw, el, label, say, visible
from rag import RagError, Upload, Workbench
from rag.errors import DocumentNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from rag.types import Collection, DocumentInfo, IngestReport

ROUND = "documents.round"  # part of the uploader's key: a new one empties it and frees the memory of its files
KIND = "ingest"


def main() -> None:
    bench = shared.open_bench()
    target = shared.collection(bench)
    st.title("Documents")
    files = _uploads(bench)
    if files:
        preview.show(bench, target, files, add=_start)
    _latest_job(bench)
    _library(bench, target, bool(files))


# --- what is to be added ---


def _uploads(bench: Workbench) -> list[Upload]:
    limit = bench.settings.upload_limit_bytes
    drop, samples = st.columns([5, 1.15], vertical_alignment="bottom")
    found = drop.file_uploader(
        f"Drop PDF, text or Markdown files, up to {shared.size(limit)} each. Nothing is stored before you press Add.",
        accept_multiple_files=True, max_upload_size=max(1, limit // 2**20), key=f"drop.{st.session_state.get(ROUND, 0)}",
    )  # fmt: skip
    with samples:
        st.button(
            "Load samples", icon=":material/inventory_2:", width="stretch", on_click=_load_samples, args=(bench,),
            help="Three documents written for this project: a PDF report, a Markdown handbook and the minutes of a meeting.",
        )  # fmt: skip
    return [Upload(f.name, f.getvalue()) for f in found]


def _load_samples(bench: Workbench) -> None:
    try:
        samples = rag.load_samples()
        _start(bench, samples.uploads, shared.collection(bench))
        st.session_state["documents.questions"] = samples.questions
    except RagError as error:
        say("error", error)


def _start(bench: Workbench, files: Sequence[Upload], target: Collection, refused: Sequence[Upload] = ()) -> None:
    """Add the files in the background, and empty the uploader; those that the preview refused only have their line in the report."""
    job = rag.start_ingest(bench, files, collection=target, refused=refused)
    job.subject = target.id
    job_view.own(job)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.session_state.pop("documents.questions", None)


# --- what happened, and what is there ---


def _latest_job(bench: Workbench) -> None:
    job = job_view.latest(bench, KIND)
    if job is None:
        return
    job_view.progress(job)
    if job.running:
        return
    report: IngestReport | None = job.result
    if job.error or report is None:
        say("error" if job.state == "failed" else "info", job.error or "Stopped before the first file.")
    if report is not None and (report.files or not job.error):
        reports.show(report, key="documents.report")
        _suggest(st.session_state.get("documents.questions", ()))
    st.button("Put away", on_click=job_view.put_away, args=(job,), type="tertiary", icon=":material/close:")


def _suggest(questions: Sequence[str]) -> None:
    """Offer questions that lead to Ask."""
    if not questions:
        return
    st.subheader("Try a question")
    with st.container(horizontal=True):
        for question in questions:
            st.page_link(
                shared.page("ask"), label=label(question), icon=":material/forum:", query_params={"q": question}
            )


def _library(bench: Workbench, target: Collection, previewing: bool) -> None:
    documents = bench.catalog.documents()
    if not documents:
        if not previewing and not bench.jobs.running(KIND):
            shared.empty_state(
                "No documents yet",
                "Drop files above: you see how each would be cut into chunks before anything is stored.",
                "Or press “Load samples” for three documents with questions to try.",
                key="documents.empty",
            )
        return
    st.subheader("Library")
    held = st.dataframe(
        _table(bench, target, documents), hide_index=True, on_select="rerun", selection_mode="multi-row",
        key=_library_key(documents), height="content" if len(documents) < 15 else 560, row_height=36, placeholder="–",
        column_config={
            "Document": st.column_config.TextColumn(width=270),
            "Pages": st.column_config.NumberColumn(width="small"),
            "Chunks": st.column_config.NumberColumn(width="small", help="In the collection chosen on the left"),
            "Added": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        },
    )  # fmt: skip
    chosen = [documents[row] for row in held["selection"]["rows"] if row < len(documents)]
    if not chosen:
        st.caption("Tick rows to tag or delete documents. Chunk options and models of collections: see Collections.")
        return
    with st.container(horizontal=True):
        with st.popover("Tags", icon=":material/sell:"):
            tagging.menu(bench, chosen)
        if st.button(f"Delete {shared.count(len(chosen), 'document')}…", icon=":material/delete:"):
            _confirm_delete(bench, chosen)


def _library_key(documents: Sequence[DocumentInfo]) -> str:
    """Return the table's key, another one for other rows: ticks are kept by row number and would move to the next document."""
    rows = "".join(d.id for d in documents)
    return f"library.{hashlib.sha256(rows.encode()).hexdigest()[:12]}"


def _table(bench: Workbench, target: Collection, documents: list[DocumentInfo]) -> pd.DataFrame:
    import pandas as pd  # here, because an empty library is the first page of all, and this takes half a second

    here = {d.id: d.chunks for d in bench.catalog.documents(target.id)}
    rows = [
        {
            "Document": visible(d.name), "Pages": d.pages or None, "Chunks": here.get(d.id), "Size": shared.size(d.size_bytes),
            "Tags": visible(", ".join(d.tags)), "Added": shared.by_our_clock(d.added_at), "Collections": visible(", ".join(d.collections)), "Notes": visible(" ".join(d.warnings)),
        }
        for d in documents
    ]  # fmt: skip
    return pd.DataFrame(rows)


@st.dialog("Delete documents?")
def _confirm_delete(bench: Workbench, chosen: list[DocumentInfo]) -> None:
    draw(el("ul", *(el("li", visible(d.name)) for d in chosen)), key="delete.names")
    st.write("They leave every collection, with their chunks and the uploaded files. This cannot be undone.")
    if st.button(
        "Delete for good",
        type="primary",
        icon=":material/delete:",
        key="delete.yes",
        on_click=_delete,
        args=(bench, chosen),
    ):
        st.rerun()


def _delete(bench: Workbench, chosen: list[DocumentInfo]) -> None:
    try:
        for d in chosen:
            with suppress(DocumentNotFoundError):  # gone already, in another tab: the others go all the same
                bench.catalog.delete_document(d.id)
    except RagError as error:
        say("error", error)
    shared.tidy_index(bench)


main()
