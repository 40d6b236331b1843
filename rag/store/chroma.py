"""The index in local Chroma: ids, vectors and document ids only, cosine, our own embeddings always.

The one file that imports chromadb, inside functions, because the import takes a second. Facts it is built around (1.5.9): `add` silently
keeps what an id had, so only `upsert` is used; the search width can only be set when a collection is made; errors come in many kinds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rag.errors import StoreError
from rag.store.crash import point
from rag.store.distances import Space, cosine
from rag.store.vectors import Vectors

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

log = logging.getLogger(__name__)

BATCH = 1000
"""Chroma rewrites its files every 1000 vectors; larger batches gained nothing."""
_PREFIX = "c-"
_SPACE: Space = "cosine"
_HNSW = {"space": _SPACE, "ef_construction": 200, "ef_search": 128}
"""Wider than Chroma's 100: of 6,429 chunks of real text it finds .9993 of the exact ten best, 100 finds .9984 and 200 .9995."""


class ChromaIndex:
    """A Chroma folder, opened by the one process that owns the data folder. Implements `VectorIndex`."""

    def __init__(self, folder: Path) -> None:
        """Open the index in `folder`, which is made when it is missing. Raises `StoreError`."""
        self.folder = folder
        self._handles: dict[str, Collection] = {}
        self._writing = threading.Lock()
        self._client: Client | None = None
        with self._sentences():
            self._client = _open_client(folder)
            self._batch = min(BATCH, int(self._client.get_max_batch_size()))

    def upsert(
        self, collection_id: str, chunk_ids: Sequence[str], document_ids: Sequence[str], vectors: Vectors
    ) -> None:
        """Put vectors in, in place of those with the same chunk ids; shape (len(chunk_ids), dimension)."""
        if not len(chunk_ids) == len(document_ids) == len(vectors):
            raise ValueError("chunk ids, document ids and vectors differ in number")
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        with self._sentences(), self._writing:
            handle = self._made(collection_id)
            for at in range(0, len(chunk_ids), self._batch):
                part = slice(at, at + self._batch)
                handle.upsert(
                    ids=list(chunk_ids[part]),
                    embeddings=rows[part],
                    metadatas=[{"document_id": document_id} for document_id in document_ids[part]],
                )
                point("index: batch upserted")

    def delete(self, collection_id: str, chunk_ids: Sequence[str]) -> None:
        """Drop vectors; ids that are not there are passed over."""
        with self._sentences(), self._writing:
            handle = self._handle(collection_id)
            for at in range(0, len(chunk_ids) if handle else 0, self._batch):
                assert handle is not None
                handle.delete(ids=list(chunk_ids[at : at + self._batch]))
                point("index: batch deleted")

    def query(self, collection_id: str, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Return (chunk id, cosine) of about the nearest `k`, best first; nothing for a collection it does not have."""
        with self._sentences():
            handle = self._handle(collection_id)
            if handle is None:
                return []
            found = handle.query(query_embeddings=_one_row(vector), n_results=k, include=["distances"])
            distances = found["distances"] or [[]]
            return [(i, cosine(distance, _SPACE)) for i, distance in zip(found["ids"][0], distances[0], strict=True)]

    def nearest(self, collection_id: str, vector: Vectors, k: int) -> list[str]:
        """Return the chunk ids that `query` returns, without their cosines, which is quicker."""
        with self._sentences():
            handle = self._handle(collection_id)
            return handle.query(query_embeddings=_one_row(vector), n_results=k, include=[])["ids"][0] if handle else []

    def count(self, collection_id: str) -> int:
        """Return how many vectors it says it has; not a proof that they can be found."""
        with self._sentences():
            handle = self._handle(collection_id)
            return handle.count() if handle else 0

    def ids(self, collection_id: str) -> list[str]:
        """Return the chunk ids of a collection, after reading every vector: fails where vectors were lost."""
        with self._sentences():
            handle = self._handle(collection_id)
            return list(handle.get(include=["embeddings"])["ids"]) if handle else []

    def collections(self) -> list[str]:
        """Return the ids of the collections it has."""
        with self._sentences():
            names = [collection.name for collection in self._open.list_collections()]
            return [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]

    def drop(self, collection_id: str) -> None:
        """Drop a collection; harmless when it is not there."""
        with self._sentences(), self._writing:
            if self._handle(collection_id) is not None:
                self._open.delete_collection(_PREFIX + collection_id)
                self._handles.pop(collection_id, None)
                point("index: collection dropped")

    def close(self) -> None:
        """Free files and memory; the index cannot be used after it."""
        with self._sentences(), self._writing:
            client, self._client = self._client, None
            self._handles.clear()
            if client is not None:
                client.close()

    @property
    def _open(self) -> Client:
        if self._client is None:
            raise StoreError("The search index was closed; open the workbench again.")
        return self._client

    def _handle(self, collection_id: str) -> Collection | None:
        """Return Chroma's collection, or None when it has none."""
        if collection_id not in self._handles:
            from chromadb.errors import NotFoundError

            try:
                self._handles[collection_id] = self._open.get_collection(
                    _PREFIX + collection_id, embedding_function=None
                )
            except NotFoundError:
                return None
        return self._handles[collection_id]

    def _made(self, collection_id: str) -> Collection:
        handle = self._handle(collection_id)
        if handle is None:
            configuration: Any = {"hnsw": _HNSW}
            handle = self._open.create_collection(
                _PREFIX + collection_id, configuration=configuration, embedding_function=None
            )
            self._handles[collection_id] = handle
            point("index: collection made")
        return handle

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn whatever Chroma raises into one sentence; a panic of its Rust side is no Exception, only a BaseException."""
        try:
            yield
        except (StoreError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raise self._sentence(error) from error

    def _sentence(self, error: BaseException) -> StoreError:
        log.warning("chroma in %s: %s", self.folder, error)
        return StoreError(
            f"The search index in {self.folder} cannot be used ({error}); rebuild it with `rag doctor --repair`."
        )


def _one_row(vector: Vectors) -> Vectors:
    return np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)


def _open_client(folder: Path) -> Client:
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    # No .env of the working folder: it is the workbench's, and Chroma would stop at names it does not know.
    settings = Settings(_env_file=None, anonymized_telemetry=False)  # type: ignore[call-arg]  # pydantic's own argument
    return cast("Client", chromadb.PersistentClient(path=str(folder), settings=settings))
