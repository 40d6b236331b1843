"""Make collections out of the library, and put their index right."""

from __future__ import annotations

from collections.abc import Sequence

from rag.errors import RagError, StoppedError
from rag.ingestion.intake import add_document
from rag.ingestion.reporting import Reporter
from rag.jobs import Job
from rag.store import sync
from rag.types import ChunkOptions, Collection, FileReport, Health, IngestReport, Usage
from rag.workbench import Workbench


def build_collection(
    bench: Workbench,
    name: str,
    *,
    options: ChunkOptions | None = None,
    embedding_model: str | None = None,
    document_ids: Sequence[str] | None = None,
) -> Job[IngestReport]:
    """Make a collection from documents of the library (all of them by default), in the background.

    Vectors of texts that were embedded before are taken from the catalog. Raises `CollectionExistsError` at once.
    """
    collection = bench.create_collection(name, options=options, embedding_model=embedding_model)
    ids = [d.id for d in bench.catalog.documents()] if document_ids is None else list(document_ids)
    return bench.jobs.start("build", f"Building {name}", lambda job: _fill(bench, collection, ids, job))


def fill_collection(bench: Workbench, name: str) -> Job[IngestReport]:
    """Add the documents of the library that a collection does not hold yet, in the background: goes on after a stop."""
    bench.require_writable()
    collection = bench.collection(name)
    held = {d.id for d in bench.catalog.documents(collection.id)}
    ids = [d.id for d in bench.catalog.documents() if d.id not in held]
    return bench.jobs.start("build", f"Filling {name}", lambda job: _fill(bench, collection, ids, job))


def _fill(bench: Workbench, collection: Collection, ids: Sequence[str], report: Reporter) -> IngestReport:
    files: list[FileReport] = []
    tokens, stopped = 0, False
    for document_id in ids:
        try:
            document = bench.catalog.document(document_id)
            if report.stopping():
                raise StoppedError("Stopped.")
            chunks, used = add_document(bench, collection, document, bench.catalog.file(document_id), report)
            bench.sync_index(collection)
            tokens += used
            files.append(
                FileReport(document.name, "added", document_id=document_id, chunks=chunks, pages=len(document.pages))
            )
        except StoppedError:
            stopped = True
            break
        except RagError as error:
            files.append(FileReport(document_id[:12], "failed", str(error), document_id=document_id))
    return IngestReport(tuple(files), collection.name, Usage(input_tokens=tokens), stopped)


def rebuild_index(bench: Workbench) -> Job[None]:
    """Build the index anew from the catalog, in the background; questions are answered by exact search meanwhile."""
    bench.require_writable()

    def work(job: Job[None]) -> None:
        job.begin(sum(c.chunks for c in bench.catalog.collections() if c.embedding_model), "chunks", "Rebuilding")
        with bench.write_lock, bench.index_replaced():
            sync.rebuild(bench.catalog, bench.data_dir, on_done=job.advance, stop=job.stopping)

    return bench.jobs.start("rebuild", "Rebuilding the index", work)


def health(bench: Workbench, name: str) -> Health:
    """Tell whether catalog and index of a collection agree."""
    collection = bench.collection(name)
    report = sync.check(bench.catalog, bench.index, collection)
    if bench.index_problem and bench.index_problem not in report.problems:
        return Health(
            report.collection, report.chunks, report.vectors, report.indexed, report.pending,
            (*report.problems, bench.index_problem),
        )  # fmt: skip
    return report
