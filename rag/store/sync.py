"""Bring the index to what the catalog says, and put a new one in its place when it cannot be trusted.

The catalog changes first and alone; what the index still has to learn stands in the catalog (`pending`, `removals`) until the index
has learned it. A crash at any point therefore leaves work to do, never something wrong. Until the work is done, and whenever the
index fails, callers search exactly.
"""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rag.errors import StoppedError, StoreError
from rag.store.catalog import Catalog
from rag.store.crash import point
from rag.store.index import VectorIndex
from rag.store.opening import INDEX_PREFIX
from rag.store.vectors import Vectors
from rag.types import Collection, Health, Stop, never

log = logging.getLogger(__name__)

OnDone = Callable[[int], None]
_FOLDER_KEY = "index_folder"
_FIRST_FOLDER = f"{INDEX_PREFIX}first"
_BATCH = 1000
"""Vectors handed to the index at a time; small documents share a batch."""
_SAMPLE = 20
_FOUND = 0.999
"""Cosine from which a query with a kept vector has found it, or another chunk of the same words."""


def sync(
    catalog: Catalog, index: VectorIndex, collection_id: str, *, on_done: OnDone | None = None, stop: Stop = never
) -> None:
    """Give the index what it lacks of a collection and take from it what is gone; `on_done` hears of vectors as they go in.

    Raises `StoppedError` when `stop` says so, and `StoreError` when the index fails or does not hold what it should; what it
    has got until then is recorded.
    """
    heard = 0

    def count(vectors: int) -> None:
        nonlocal heard
        heard += vectors
        if on_done is not None:
            on_done(vectors)

    with catalog.index_lock:
        _drop_strangers(catalog, index)
        while _remove(catalog, index, collection_id) + _add(catalog, index, collection_id, count, stop):
            pass  # documents may have come and gone meanwhile
        # Read between small additions, Chroma weaves each into its graph by itself, and in 7 of 100 collections of 43 chunks it
        # then lost the way to some. What is not counted now is counted at the next start.
        if not 0 < heard < _BATCH:
            _compare(catalog, index, collection_id)


def check(catalog: Catalog, index: VectorIndex | None, collection: Collection) -> Health:
    """Tell whether catalog and index of a collection agree: by counting, and by asking for a sample of the vectors.

    `index` None (opened for reading, or not usable) leaves the index out.
    """
    chunks, kept = catalog.counts(collection.id)
    pending = len(catalog.pending(collection.id))
    problems: list[str] = []
    if collection.embedding_model and kept != chunks:
        problems.append(f"{chunks - kept} of {chunks} chunks have no vector; delete the collection and build it again.")
    indexed = 0
    if index is not None and collection.embedding_model:
        try:
            indexed = index.count(collection.id)
            problems += _disagreements(catalog, index, collection.id, chunks, indexed, pending)
        except StoreError as error:
            problems.append(str(error))
    return Health(collection.name, chunks, kept, indexed, pending, tuple(problems))


def index_folder(catalog: Catalog, data_dir: Path) -> Path:
    """Return the folder of the index. If it has gone, every document becomes pending: Chroma would begin an empty one silently."""
    folder = data_dir / str(catalog.setting(_FOLDER_KEY, _FIRST_FOLDER))
    if not (folder / "chroma.sqlite3").exists():
        catalog.unindex(_FOLDER_KEY, folder.name)
    return folder


def start_over(catalog: Catalog, data_dir: Path) -> Path:
    """Point at a new, empty index folder, make every document pending and delete the old folder; return the new one.

    No `ChromaIndex` may be open. The index is complete again after `sync` of every collection; searches are exact until then.
    """
    folder = data_dir / f"{INDEX_PREFIX}{uuid.uuid4().hex[:8]}"
    catalog.unindex(_FOLDER_KEY, folder.name)
    point("index: started over")
    _delete_other_folders(data_dir, folder)
    return folder


def rebuild(catalog: Catalog, data_dir: Path, *, on_done: OnDone | None = None, stop: Stop = never) -> Path:
    """Build the index anew from the vectors in the catalog, in a new folder, and return that; nothing is embedded again.

    No `ChromaIndex` may be open. Stopped or killed half-way it leaves documents pending, which the next `sync` takes up.
    """
    from rag.store.chroma import ChromaIndex

    folder = start_over(catalog, data_dir)
    index = ChromaIndex(folder)
    try:
        for collection in catalog.collections():
            if collection.embedding_model:
                sync(catalog, index, collection.id, on_done=on_done, stop=stop)
    finally:
        index.close()
    return folder


def repair_after_crash(catalog: Catalog, data_dir: Path) -> tuple[str, ...]:
    """Look at the index from a child process, which a damaged file may crash; start over when anything is wrong.

    Returns what was wrong. After it the index can be opened; `sync` fills it.
    """
    from rag.store.probe import probe

    folder = index_folder(catalog, data_dir)
    _delete_other_folders(data_dir, folder)
    if not folder.exists():
        return ()
    problems = probe(catalog, folder)
    if problems:
        log.warning("index started over: %s", "; ".join(problems))
        start_over(catalog, data_dir)
    return problems


def missing_from(index: VectorIndex, collection_id: str, chunk_ids: list[str], vectors: Vectors) -> int:
    """Return how many of a sample of the vectors the index does not find when asked for them."""
    places = np.linspace(0, len(chunk_ids) - 1, min(_SAMPLE, len(chunk_ids))).astype(int)
    missing = 0
    for at in places:
        found = index.query(collection_id, vectors[at], 1)
        missing += not found or found[0][1] < _FOUND
    return missing


def _remove(catalog: Catalog, index: VectorIndex, collection_id: str) -> int:
    gone = catalog.removals(collection_id)
    if gone:
        index.delete(collection_id, gone)
        point("sync: removals applied")
        catalog.clear_removals(collection_id, gone)
    return len(gone)


def _add(catalog: Catalog, index: VectorIndex, collection_id: str, on_done: OnDone, stop: Stop) -> int:
    """Give the index the pending documents; return how many."""
    added = 0
    for batch in _batches(catalog, collection_id, stop):
        vectors = np.concatenate([made for _, made in batch.values()])
        ids = [chunk_id for chunk_ids, _ in batch.values() for chunk_id in chunk_ids]
        owners = [document_id for (document_id, _), (chunk_ids, _) in batch.items() for _ in chunk_ids]
        if ids:
            index.upsert(collection_id, ids, owners, vectors)
        point("sync: vectors added")
        catalog.mark_indexed(collection_id, dict(batch))
        added += len(batch)
        on_done(len(ids))
    return added


_Batch = dict[tuple[str, int], tuple[list[str], Vectors]]


def _batches(catalog: Catalog, collection_id: str, stop: Stop) -> Iterator[_Batch]:
    """Yield pending documents as {(id, revision): (chunk ids, vectors)}, as many at a time as make a batch of vectors."""
    batch: _Batch = {}
    for document in catalog.pending_revisions(collection_id).items():
        if stop():
            raise StoppedError("Stopped; the index takes up the rest at the next start.")
        batch[document] = catalog.document_vectors(collection_id, document[0])
        if sum(len(ids) for ids, _ in batch.values()) >= _BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def _compare(catalog: Catalog, index: VectorIndex, collection_id: str) -> None:
    """Raise StoreError when the index does not count what the catalog counts while nothing is left to do."""
    chunks = catalog.chunk_count(collection_id)
    indexed = index.count(collection_id)
    changed_since = catalog.pending(collection_id) or catalog.removals(collection_id)
    if indexed != chunks and not changed_since:
        raise StoreError(
            f"The search index holds {indexed} vectors of {chunks}; rebuild it with `rag doctor --repair`."
        )


def _disagreements(
    catalog: Catalog, index: VectorIndex, collection_id: str, chunks: int, indexed: int, pending: int
) -> list[str]:
    if pending or catalog.removals(collection_id):
        return []  # known to be behind, and searched exactly until it is not
    if indexed != chunks:
        return [f"The index holds {indexed} vectors of {chunks}; rebuild it."]
    table = catalog.vectors(collection_id)
    missing = missing_from(index, collection_id, list(table.chunk_ids), table.matrix)
    return [f"The index does not find {missing} of {min(_SAMPLE, chunks)} vectors; rebuild it."] if missing else []


def _drop_strangers(catalog: Catalog, index: VectorIndex) -> None:
    """Drop what the index has of collections that were deleted."""
    known = {collection.id for collection in catalog.collections()}
    for collection_id in index.collections():
        if collection_id not in known:
            index.drop(collection_id)


def _delete_other_folders(data_dir: Path, folder: Path) -> None:
    for other in data_dir.glob(f"{INDEX_PREFIX}*"):
        if other != folder and other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
