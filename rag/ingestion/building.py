"""Make collections out of the library, and put their index right."""

from __future__ import annotations

from collections.abc import Sequence

from rag.errors import (
    BudgetExceededError,
    CollectionInUseError,
    CollectionNotFoundError,
    ProviderError,
    RagError,
    StoppedError,
    StoreError,
)
from rag.ingestion.intake import add_document
from rag.ingestion.measuring import measure_threshold
from rag.ingestion.reporting import Placed, Reporter
from rag.jobs import Job
from rag.store import sync
from rag.types import ChunkOptions, Collection, FileReport, Health, IngestReport, Usage
from rag.workbench import Workbench

_OF_ONE_TEXT = ("context", "refused")
"""Kinds of a provider's failure that another document need not meet."""


def build_collection(
    bench: Workbench,
    name: str,
    *,
    options: ChunkOptions | None = None,
    embedding_model: str | None = None,
    document_ids: Sequence[str] | None = None,
    similarity_threshold: float | None = None,
) -> Job[IngestReport]:
    """Make a collection from documents of the library (all of them by default), in the background.

    Vectors of texts that were embedded before are taken from the catalog. A `similarity_threshold` is kept as it is; None takes the
    model's, or one that is measured at the end. Raises `CollectionExistsError` at once.
    """
    collection = bench.create_collection(
        name, options=options, embedding_model=embedding_model, similarity_threshold=similarity_threshold
    )
    ids = [d.id for d in bench.catalog.documents()] if document_ids is None else list(document_ids)
    return _start(bench, collection, ids, f"Building {name}")


def fill_collection(bench: Workbench, name: str) -> Job[IngestReport]:
    """Add the documents of the library that a collection does not hold yet, in the background: goes on after a stop.

    Raises `CollectionNotFoundError`, and `CollectionInUseError` while another such job works on it: the same texts would be embedded, and paid, twice.
    """
    bench.require_writable()
    collection = bench.catalog.collection(name)
    held = {d.id for d in bench.catalog.documents(collection.id)}
    ids = [d.id for d in bench.catalog.documents() if d.id not in held]
    return _start(bench, collection, ids, f"Filling {name}")


def _start(bench: Workbench, collection: Collection, ids: Sequence[str], title: str) -> Job[IngestReport]:
    if any(job.subject == collection.id for job in bench.jobs.running("build")):
        raise CollectionInUseError(f"{collection.name} is being built already; wait for it, or stop it first.")
    return bench.jobs.start("build", title, lambda job: _fill(bench, collection, ids, job), subject=collection.id)


def _fill(bench: Workbench, collection: Collection, ids: Sequence[str], report: Reporter) -> IngestReport:
    """Add documents one by one; a document that fails leaves the others, a collection or folder that is gone ends it all."""
    files: list[FileReport] = []
    used: list[Usage] = []
    stopped = False
    names = bench.catalog.names(ids)
    sizes = {d.id: d.size_bytes + 1 for d in bench.catalog.documents()}
    work = [sizes.get(document_id, 1) for document_id in ids]
    for number, document_id in enumerate(ids, 1):
        name = names.get(document_id, document_id[:12])
        try:
            if report.stopping():
                raise StoppedError("Stopped.")
            bench.catalog.revision(collection.id)  # raises when it was deleted: nothing more is embedded for it
            report.plan(sum(work[: number - 1]), work[number - 1], sum(work))
            document = bench.catalog.document(document_id)
            data = bench.catalog.file(document_id)
            place = Placed(report, f"({number} of {len(ids)})")
            chunks = add_document(bench, collection, document, data, place, used.append)
            files.append(FileReport(name, "added", document_id=document_id, chunks=chunks, pages=len(document.pages)))
            bench.sync_index(collection)
        except StoppedError:
            stopped = True
            break
        except CollectionNotFoundError:
            raise
        except StoreError as error:
            error.partial = IngestReport(tuple(files), collection.name, Usage.total(used), stopped=True)
            raise
        except (ProviderError, BudgetExceededError) as error:
            files.append(FileReport(name, "failed", str(error), document_id=document_id))
            if getattr(error, "kind", "") not in _OF_ONE_TEXT:  # the next document would meet the same
                stopped = number < len(ids)
                break
        except RagError as error:
            files.append(FileReport(name, "failed", str(error), document_id=document_id))
    if not stopped and any(f.status == "added" for f in files):
        measure_threshold(bench, collection, report)
    return IngestReport(tuple(files), collection.name, Usage.total(used), stopped)


def rebuild_index(bench: Workbench) -> Job[None]:
    """Build the index anew from the catalog, in the background; questions are answered by exact search meanwhile.

    Stopped half-way, the rest is taken up by the next document that comes in, or at the next start.
    """
    bench.require_writable()
    return bench.jobs.start("rebuild", "Rebuilding the index", lambda job: rebuild(bench, job))


def rebuild(bench: Workbench, report: Reporter) -> None:
    """Put an empty index in place of the present one and fill it from the catalog."""
    assert bench.index_owner is not None
    report.begin(sum(c.chunks for c in bench.catalog.collections() if c.embedding_model), "chunks", "Rebuilding")
    bench.index_owner.start_over()
    bench.sync_index(on_done=report.advance, stop=report.stopping)


def health(bench: Workbench, name: str) -> Health:
    """Tell whether catalog and index of a collection agree. Raises `CollectionNotFoundError`."""
    collection = bench.catalog.collection(name)
    report = sync.check(bench.catalog, bench.index_owner.opened() if bench.index_owner else None, collection)
    if bench.index_problem and bench.index_problem not in report.problems:
        return Health(
            report.collection, report.chunks, report.vectors, report.indexed, report.pending,
            (*report.problems, bench.index_problem),
        )  # fmt: skip
    return report
