"""Take files in: read, chunk, embed, store. A document is in with all of its chunks and vectors, or not at all.

Nothing that one file does can stop the others of the same drop: every file ends as one `FileReport`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rag.errors import DocumentError, DocumentTooLargeError, RagError, StoppedError, StoreError, UnreadableDocumentError
from rag.ingestion.chunking import chunk
from rag.ingestion.naming import clean_name
from rag.ingestion.readers import SUFFIXES, read
from rag.jobs import Job
from rag.providers.base import Embedder, Vectors
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
_BATCH = 256  # texts embedded between two saves: what a kill can cost at most


class Reporter(Protocol):
    """What long work tells of itself; a `Job` is one."""

    def begin(self, total: int, unit: str, message: str = "") -> None: ...
    def advance(self, n: int = 1, message: str | None = None) -> None: ...
    def stopping(self) -> bool: ...


class Silent:
    """The reporter that nobody listens to."""

    def begin(self, total: int, unit: str, message: str = "") -> None: ...
    def advance(self, n: int = 1, message: str | None = None) -> None: ...
    def stopping(self) -> bool:
        return False


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
) -> IngestReport:
    """Add files to the library and to a collection (the default one is made when it is missing).

    Paths may be folders: every supported file below them is taken. Bad files are told in the report and raise nothing;
    stopping keeps the files that were finished. Raises `CollectionNotFoundError` and `StoreError`.
    """
    bench.require_writable()
    target = collection if isinstance(collection, Collection) else bench.collection(collection)
    report = report or Silent()
    items = list(_expand(files))
    done: list[FileReport] = []
    names: dict[str, str] = {}
    tokens = 0
    for number, item in enumerate(items, 1):
        if report.stopping():
            break
        outcome = _ingest_one(bench, item, target, report, f"({number} of {len(items)})", names)
        if outcome is None:
            break
        done.append(outcome[0])
        tokens += outcome[1]
    stopped = len(done) < len(items)
    return IngestReport(tuple(done), target.name, Usage(input_tokens=tokens), stopped)


def start_ingest(
    bench: Workbench, files: Sequence[Upload | Path | str], *, collection: Collection | str | None = None
) -> Job[IngestReport]:
    """Like `ingest`, in the background."""
    bench.require_writable()

    def work(job: Job[IngestReport]) -> IngestReport:
        return ingest(bench, files, collection=collection, report=job)

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
    *,
    replaces: str | None = None,
    timings: _Timings | None = None,
) -> tuple[int, int]:
    """Chunk, embed and store a parsed document in one transaction; return (chunks, tokens embedded).

    Raises `StoppedError` (nothing of the document is in, but the vectors made so far are kept) and `StoreError`.
    """
    clock = timings or _Timings()
    with clock.step("chunk"):
        chunks = chunk(document, collection.options, token_spans_of(bench, collection), scope=collection.id)
    if not chunks:
        return 0, 0
    vectors, tokens = None, 0
    if collection.embedding_model:
        with clock.step("embed"):
            vectors, tokens = embed(bench, collection, [c.text for c in chunks], report, document.name)
    with clock.step("store"), bench.write_lock:
        bench.catalog.put_document(collection.id, document, data, chunks, vectors, replaces=replaces)
    return len(chunks), tokens


def embed(
    bench: Workbench, collection: Collection, texts: Sequence[str], report: Reporter, name: str = ""
) -> tuple[Vectors, int]:
    """Return one vector a text, made only where none is kept yet, and the tokens that this took.

    Raises `ModelUnavailableError` and `StoppedError`; vectors made before it are kept.
    """
    embedder = bench.embedder(collection)
    assert embedder is not None, "only collections with an embedding model are embedded"
    vectors = np.empty((len(texts), embedder.dimension), np.float32)
    known = bench.catalog.known_vectors(embedder.name, texts)
    for position, vector in known.items():
        vectors[position] = vector
    missing = [i for i in range(len(texts)) if i not in known]
    report.begin(len(texts), "chunks", name)
    report.advance(len(known))
    return vectors, _embed_missing(bench, embedder, texts, missing, vectors, report) if missing else 0


def _embed_missing(
    bench: Workbench, embedder: Embedder, texts: Sequence[str], missing: list[int], vectors: Vectors, report: Reporter
) -> int:
    provider, _, model = embedder.name.partition("/")
    record = bench.ledger.start("ingest", provider, model, items=len(missing))
    begun, tokens, finished, status = time.perf_counter(), 0, 0, "failed"
    try:
        for low in range(0, len(missing), _BATCH):
            part = missing[low : low + _BATCH]
            batch = [texts[i] for i in part]
            made = embedder.embed_documents(batch, on_done=report.advance, stop=report.stopping)
            bench.catalog.keep_vectors(embedder.name, batch, made)
            vectors[part] = made
            tokens += sum(min(embedder.max_input_tokens, len(embedder.token_spans(text))) for text in batch)
            finished += len(part)
        status = "ok"
    except StoppedError:
        status = "stopped"
        raise
    finally:
        bench.ledger.finish(
            record,
            status=status,  # type: ignore[arg-type]  # one of the three above
            usage=Usage(input_tokens=tokens),
            cost_usd=0.0 if provider == "local" else None,
            price_source="local" if provider == "local" else "unknown",
            duration_ms=(time.perf_counter() - begun) * 1000,
            items=finished,
        )
    return tokens


# --- one file -------------------------------------------------------------------------------------------------------


def _ingest_one(
    bench: Workbench, item: Upload | Path, target: Collection, report: Reporter, place: str, names: dict[str, str]
) -> tuple[FileReport, int] | None:
    """Return what became of the file and the tokens it took; None when the user stopped.

    `names` are those of the same drop: two files of one name from two folders are two documents, not two versions of one.
    """
    path = "" if isinstance(item, Upload) else str(item)
    name = clean_name(item.name)
    clock = _Timings()
    report.begin(0, "chunks", f"Reading {name} {place}")
    try:
        upload = item if isinstance(item, Upload) else _load(item, bench.settings.upload_limit_bytes)
        document_id = hashlib.sha256(upload.data).hexdigest()
        name = _own_name(name, document_id, names)
        outcome, tokens = _put(bench, replace(upload, name=name), document_id, target, report, clock, place)
        return replace(outcome, path=path, timings=clock.ms), tokens
    except StoppedError:
        return None
    except StoreError:
        raise  # the data folder itself is in trouble: every further file would fail alike
    except RagError as error:
        status: Any = "empty" if type(error).__name__ == "EmptyDocumentError" else "failed"
        return FileReport(name, status, str(error), path, timings=clock.ms), 0
    except Exception:
        log.exception("ingesting a file failed")
        message = f"{name} could not be added for a reason that the log tells; the other files are not affected."
        return FileReport(name, "failed", message, path, timings=clock.ms), 0


def _put(
    bench: Workbench,
    upload: Upload,
    document_id: str,
    target: Collection,
    report: Reporter,
    clock: _Timings,
    place: str,
) -> tuple[FileReport, int]:
    if bench.catalog.has_document(target.id, document_id):
        return _known(bench, upload.name, target, document_id), 0
    with clock.step("read"):
        document = _document_of(bench, upload, report.stopping)
    older = bench.catalog.find_document(target.id, document.name)
    chunks, tokens = add_document(
        bench, target, document, upload.data, _Placed(report, place), replaces=older, timings=clock
    )
    if not chunks:
        return FileReport(upload.name, "empty", f"{upload.name} has no text to search; nothing was added."), tokens
    with clock.step("index"):
        bench.sync_index(target)
    message = "Its earlier version was replaced." if older else ""
    return (
        FileReport(
            document.name,
            "replaced" if older else "added",
            message,
            document_id=document_id,
            chunks=chunks,
            pages=len(document.pages),
            warnings=document.warnings,
        ),
        tokens,
    )


def _known(bench: Workbench, name: str, target: Collection, document_id: str) -> FileReport:
    kept = bench.catalog.names([document_id])[document_id]
    info = next(d for d in bench.catalog.documents(target.id) if d.id == document_id)
    message = "It is in the collection already." if kept == name else f"It is in the collection already, as {kept}."
    chunks = len(bench.catalog.chunks_of(target.id, document_id))
    return FileReport(name, "known", message, document_id=document_id, chunks=chunks, pages=info.pages)


def _own_name(name: str, document_id: str, taken: dict[str, str]) -> str:
    """Return `name`, or "name (2)" and so on when another document of the same drop has it."""
    stem, dot, suffix = name.rpartition(".")
    number, own = 1, name
    while taken.setdefault(own.casefold(), document_id) != document_id:
        number += 1
        own = f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})"
    return own


def _document_of(bench: Workbench, upload: Upload, stop: Stop = never) -> Document:
    """Parse the file, or take it from the library or from a moment ago: the same bytes are never read twice."""
    if len(upload.data) > bench.settings.upload_limit_bytes:
        raise DocumentTooLargeError(_too_large(clean_name(upload.name), bench.settings.upload_limit_bytes))
    document_id = hashlib.sha256(upload.data).hexdigest()
    if document := bench.parsed.get(document_id):
        return replace(document, name=clean_name(upload.name))
    document = read(replace(upload, name=clean_name(upload.name)), bench.settings, stop=stop)
    bench.parsed[document_id] = document
    return document


def _load(path: Path, limit_bytes: int) -> Upload:
    try:
        if path.stat().st_size > limit_bytes:
            raise DocumentTooLargeError(_too_large(path.name, limit_bytes))
        return Upload(path.name, path.read_bytes())
    except FileNotFoundError:
        raise DocumentError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise UnreadableDocumentError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def _too_large(name: str, limit_bytes: int) -> str:
    return (
        f"{name} is larger than the limit of {limit_bytes / 2**20:.0f} MB; split it, or raise RAG_UPLOAD_LIMIT_BYTES."
    )


def _expand(files: Iterable[Upload | Path | str]) -> Iterator[Upload | Path]:
    """Yield uploads and paths; a folder yields the supported files below it, hidden ones left out, in name order."""
    for item in files:
        if isinstance(item, Upload):
            yield item
        elif Path(item).is_dir():
            yield from _below(Path(item))
        else:
            yield Path(item)


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(root) / name


class _Placed:
    """A reporter that says which file of how many."""

    def __init__(self, inner: Reporter, place: str) -> None:
        self._inner, self._place = inner, place

    def begin(self, total: int, unit: str, message: str = "") -> None:
        self._inner.begin(total, unit, f"{message} {self._place}")

    def advance(self, n: int = 1, message: str | None = None) -> None:
        self._inner.advance(n, message)

    def stopping(self) -> bool:
        return self._inner.stopping()
