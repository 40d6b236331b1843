"""Take files in: read, chunk, embed, store. A document is in with all of its chunks and vectors, or not at all.

Nothing that one file does can stop the others of the same drop: every file ends as one `FileReport`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rag.errors import DocumentTooLargeError, RagError, StoppedError, StoreError
from rag.ingestion.chunking import chunk
from rag.ingestion.embedding import Heard, embed
from rag.ingestion.measuring import measure_threshold
from rag.ingestion.naming import clean_name
from rag.ingestion.readers import read
from rag.ingestion.reporting import Placed, Reporter, Silent
from rag.ingestion.sources import expand, load, too_large
from rag.ingestion.versions import DropNames
from rag.jobs import Job
from rag.providers.local import fallback_token_spans
from rag.types import (
    Chunk,
    ChunkOptions,
    Collection,
    Document,
    FileReport,
    IngestReport,
    Stop,
    Upload,
    Usage,
    never,
)
from rag.workbench import Workbench

log = logging.getLogger(__name__)
TokenSpans = Callable[[str], list[tuple[int, int]]]
_PIECE = 100_000  # characters tokenized at a time


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file would be chunked; nothing is stored."""

    document: Document
    chunks: tuple[Chunk, ...]
    tokens: tuple[int, ...]
    """Token count of each chunk."""


@dataclass(slots=True)
class _Timings:
    ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = round(self.ms.get(name, 0.0) + (time.perf_counter() - begun) * 1000, 1)


def ingest(
    bench: Workbench,
    files: Iterable[Upload | Path | str],
    *,
    collection: Collection | str | None = None,
    report: Reporter | None = None,
    refused: Sequence[Upload] = (),
) -> IngestReport:
    """Add files to the library and to a collection (the default one is made when it is missing).

    Paths may be folders: every supported file below them is taken. Bad files are told in the report and raise nothing; those
    that a preview `refused` come last and are not counted among the others. Stopping keeps the files that were finished.
    Raises `CollectionNotFoundError`, and `StoreError`, whose `partial` is the report of the files before it.
    """
    bench.require_writable()
    target = collection if isinstance(collection, Collection) else bench.collection(collection)
    report = report or Silent()
    items = list(expand(files))
    counted = len(items)
    items += refused
    done: list[FileReport] = []
    used: list[Usage] = []
    sizes = [_size_bytes(item) for item in items]
    report.begin(0, "files", "Looking for what is known")
    names = DropNames(bench, target, items[:counted], report.stopping)
    for number, item in enumerate(items, 1):
        if report.stopping():
            break
        report.plan(sum(sizes[: number - 1]), sizes[number - 1], sum(sizes))
        place = f"({number} of {counted})" if number <= counted else ""
        try:
            outcome = _ingest_one(bench, item, target, report, place, names, used.append)
        except StoreError as error:
            error.partial = IngestReport(tuple(done), target.name, Usage.total(used), stopped=True)
            raise
        if outcome is None:
            break
        done.append(outcome)
    stopped = len(done) < len(items)
    if not stopped and any(f.status == "added" for f in done):
        measure_threshold(bench, target, report, again=False)
    return IngestReport(tuple(done), target.name, Usage.total(used), stopped)


def _size_bytes(item: Upload | Path) -> int:
    """Return what stands for the work that a file makes; one that cannot be read makes next to none."""
    if isinstance(item, Upload):
        return len(item.data) + 1
    try:
        return item.stat().st_size + 1
    except OSError:
        return 1


def start_ingest(
    bench: Workbench,
    files: Sequence[Upload | Path | str],
    *,
    collection: Collection | str | None = None,
    refused: Sequence[Upload] = (),
) -> Job[IngestReport]:
    """Like `ingest`, in the background."""
    bench.require_writable()

    def work(job: Job[IngestReport]) -> IngestReport:
        return ingest(bench, files, collection=collection, report=job, refused=refused)

    return bench.jobs.start("ingest", f"Adding {len(files)} file{'s' if len(files) != 1 else ''}", work)


def preview(
    bench: Workbench, upload: Upload, options: ChunkOptions | None = None, *, collection: Collection | None = None
) -> Preview:
    """Read and chunk a file as `ingest` would, and store nothing. A file is parsed once, however often the options change.

    Raises `DocumentError`.
    """
    document = _document_of(bench, upload)
    spans = _remembering(bench, token_spans_of(bench, collection), collection.embedding_model if collection else "")
    chunks = tuple(chunk(document, options or ChunkOptions(), spans))
    starts = _token_starts(document.text, spans)
    return Preview(document, chunks, tuple(bisect_left(starts, c.end) - bisect_left(starts, c.start) for c in chunks))


def _remembering(bench: Workbench, spans: TokenSpans, model: str) -> TokenSpans:
    """Return a tokenizer that remembers what it made of long texts; the lists it returns are not to be changed."""

    def remembered(text: str) -> list[tuple[int, int]]:
        if len(text) < 2000:
            return spans(text)
        found = bench.tokenized.get((model, text))
        if found is None:
            found = bench.tokenized[model, text] = spans(text)
        return found

    return remembered


def _token_starts(text: str, spans: TokenSpans) -> list[int]:
    """Return where every token of the text starts, tokenized in pieces of lines so that memory does not grow with it."""
    starts: list[int] = []
    begin = 0
    while begin < len(text):
        end = (
            len(text)
            if len(text) - begin <= _PIECE
            else (text.rfind("\n", begin, begin + _PIECE) + 1 or begin + _PIECE)
        )
        starts += [begin + start for start, _ in spans(text[begin:end])]
        begin = end
    return starts


def token_spans_of(bench: Workbench, collection: Collection | None) -> Callable[[str], list[tuple[int, int]]]:
    """Return what measures chunks: the tokenizer of the collection's embedding model, or words when there is none."""
    from rag import providers

    if collection is not None and not collection.embedding_model.startswith("local/"):
        return fallback_token_spans  # nobody is asked before there is something to embed
    if collection is None and providers.local_model_problem():
        return fallback_token_spans
    embedder = bench.usable_embedder(collection) if collection else bench.embedder(providers.DEFAULT_EMBEDDING_MODEL)
    return embedder.token_spans if embedder else fallback_token_spans


def add_document(
    bench: Workbench,
    collection: Collection,
    document: Document,
    data: bytes,
    report: Reporter,
    on_used: Heard,
    *,
    replaces: str | None = None,
    timings: _Timings | None = None,
) -> int:
    """Chunk, embed and store a parsed document in one transaction; return how many chunks it has. `on_used` as in `embed`.

    Raises `StoppedError` (nothing of the document is in, but the vectors made so far are kept), `DocumentError` and `StoreError`.
    """
    clock = timings or _Timings()
    with clock.step("chunk"):
        chunks = chunk(document, collection.options, token_spans_of(bench, collection), scope=collection.id)
    if not chunks:
        return 0
    vectors = None
    if collection.embedding_model:
        with clock.step("embed"):
            vectors = embed(bench, collection, [c.text for c in chunks], report, document.name, on_used)
    with clock.step("store"), bench.write_lock:
        bench.catalog.put_document(collection.id, document, data, chunks, vectors, replaces=replaces)
    return len(chunks)


# --- one file -------------------------------------------------------------------------------------------------------


def _ingest_one(
    bench: Workbench,
    item: Upload | Path,
    target: Collection,
    report: Reporter,
    place: str,
    names: DropNames,
    on_used: Heard,
) -> FileReport | None:
    """Return what became of the file; None when the user stopped."""
    path = "" if isinstance(item, Upload) else str(item)
    name = clean_name(item.name)
    clock = _Timings()
    report.begin(0, "chunks", f"Reading {name} {place}".strip())
    try:
        upload = item if isinstance(item, Upload) else load(item, bench.settings.upload_limit_bytes)
        document_id = hashlib.sha256(upload.data).hexdigest()
        name, kept = names.name(name, document_id)
        outcome = _put(bench, replace(upload, name=name), document_id, target, report, clock, place, on_used)
        if kept and outcome.status == "added":
            outcome = replace(
                outcome, message=f"It may be a new version; which file is cannot be told, so {kept} was kept."
            )
        return replace(outcome, path=path, timings=clock.ms)
    except StoppedError:
        return None
    except StoreError:
        raise  # the data folder itself is in trouble: every further file would fail alike
    except RagError as error:
        status: Any = "empty" if type(error).__name__ == "EmptyDocumentError" else "failed"
        return FileReport(name, status, str(error), path, timings=clock.ms)
    except Exception:
        log.exception("ingesting a file failed")
        message = f"{name} could not be added for a reason that the log tells; the other files are not affected."
        return FileReport(name, "failed", message, path, timings=clock.ms)


def _put(
    bench: Workbench,
    upload: Upload,
    document_id: str,
    target: Collection,
    report: Reporter,
    clock: _Timings,
    place: str,
    on_used: Heard,
) -> FileReport:
    if bench.catalog.has_document(target.id, document_id):
        return _known(bench, upload.name, target, document_id)
    with clock.step("read"):
        document = _document_of(bench, upload, report.stopping)
    older = bench.catalog.find_document(target.id, document.name)
    told = Placed(report, place)
    chunks = add_document(bench, target, document, upload.data, told, on_used, replaces=older, timings=clock)
    if not chunks:
        return FileReport(upload.name, "empty", f"{upload.name} has no text to search; nothing was added.")
    with clock.step("index"):
        try:
            bench.sync_index(target)
        except (
            StoreError
        ) as error:  # the document is in, and stays to be indexed; the next file meets the trouble itself
            log.warning("the index was not brought up to date: %s", error)
    message = "Its earlier version was replaced." if older else ""
    return FileReport(
        document.name,
        "replaced" if older else "added",
        message,
        document_id=document_id,
        chunks=chunks,
        pages=len(document.pages),
        warnings=document.warnings,
    )


def _known(bench: Workbench, name: str, target: Collection, document_id: str) -> FileReport:
    kept = bench.catalog.names([document_id])[document_id]
    pages = len(bench.catalog.document(document_id).pages)
    message = "It is in the collection already." if kept == name else f"It is in the collection already, as {kept}."
    chunks = len(bench.catalog.chunks_of(target.id, document_id))
    return FileReport(name, "known", message, document_id=document_id, chunks=chunks, pages=pages)


def _document_of(bench: Workbench, upload: Upload, stop: Stop = never) -> Document:
    """Parse the file, or take it from the library or from a moment ago: the same bytes are never read twice."""
    if len(upload.data) > bench.settings.upload_limit_bytes:
        raise DocumentTooLargeError(too_large(clean_name(upload.name), bench.settings.upload_limit_bytes))
    document_id = hashlib.sha256(upload.data).hexdigest()
    if document := bench.parsed.get(document_id):
        return replace(document, name=clean_name(upload.name))
    document = read(replace(upload, name=clean_name(upload.name)), bench.settings, stop=stop)
    bench.parsed[document_id] = document
    return document
