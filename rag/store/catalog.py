"""The catalog: one SQLite file that holds documents, chunks, the keyword index and the vectors. It is the truth; the index is not.

Every public method is one transaction: it happens as a whole or not at all. Any thread may call any method. The rows themselves are
the business of `documents`, `collections`, `keyword_index` and `vectors`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection, Engine

from rag.errors import StoreReadOnlyError
from rag.store import collections, documents, keyword_index, opening, schema, soundness, tags, vectors
from rag.store import engine as engines
from rag.store.crash import point
from rag.store.snapshot import Memory, Snapshot
from rag.store.vectors import Vectors, VectorTable
from rag.types import Calibration, Chunk, ChunkOptions, Collection, Document, DocumentInfo, ThresholdOrigin


class Catalog:
    """The catalog of one data folder. Use `Catalog.open`."""

    def __init__(self, path: Path, engine: Engine, *, read_only: bool) -> None:
        self.path = path
        self.engine = engine
        """For the tables that any process may write: usage and conversations."""
        self.read_only = read_only
        self.index_lock = threading.RLock()
        """Held while the index is brought up to date."""
        self._writing = threading.Lock()
        self._memory = Memory()

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Catalog:
        """Open the catalog file at `path`; folder and file are made, and an older one is brought up to date, unless `read_only`.

        Raises `StoreDamagedError` for a file that is not readable, which is left as it is, and `StoreError` for one that a newer
        version made or, when `read_only`, for a missing one.
        """
        engine = opening.open_existing(path, migrate=False) if read_only else opening.open_or_create(path)
        return cls(path, engine, read_only=read_only)

    def close(self) -> None:
        """Close all connections; the catalog cannot be used after it."""
        self.engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """One transaction, so that several queries see one state."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if self.read_only:
            raise StoreReadOnlyError(
                f"{self.path.parent} was opened for reading only; close the other program that uses it and try again."
            )
        # SQLite has one writer at a time; threads queue here in turn rather than by polling until they time out.
        with self._writing, self.engine.connect() as connection:
            with connection.execution_options(writes=True).begin():
                yield connection
                point("before commit")
            point("after commit")

    # --- documents ---

    def documents(self, collection_id: str | None = None) -> list[DocumentInfo]:
        """Return the documents of a collection, or of the whole library, newest first."""
        with self._read() as connection:
            return documents.listing(connection, collection_id)

    def document_ids(self, collection_id: str) -> list[str]:
        """Return the ids of the documents of a collection, in order."""
        with self._read() as connection:
            return collections.document_ids(connection, collection_id)

    def document(self, document_id: str) -> Document:
        """Return a document with its text. Raises `DocumentNotFoundError`."""
        with self._read() as connection:
            return documents.get(connection, document_id)

    def file(self, document_id: str) -> bytes:
        """Return the bytes of a document as they were uploaded. Raises `DocumentNotFoundError`."""
        with self._read() as connection:
            return documents.data(connection, document_id)

    def names(self, document_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of those of the documents that exist."""
        with self._read() as connection:
            return documents.names(connection, document_ids)

    def find_document(self, collection_id: str, name: str) -> str | None:
        """Return the id of the collection's document of that name; case and the way accents are coded do not count."""
        with self._read() as connection:
            return documents.find(connection, collection_id, name)

    def has_document(self, collection_id: str, document_id: str) -> bool:
        """Tell whether the collection holds the document."""
        with self._read() as connection:
            return collections.holds(connection, collection_id, document_id)

    def put_document(
        self,
        collection_id: str,
        document: Document,
        data: bytes,
        chunks: Sequence[Chunk],
        vectors_: Vectors | None,
        *,
        replaces: str | None = None,
    ) -> None:
        """Put a document with its chunks into a collection, in place of what the collection held of it and of `replaces`.

        `vectors_` has one row a chunk; None for a collection without an embedding model. A document that is left in no
        collection by the replacement leaves the library; its tags go over to the new one. Raises `CollectionNotFoundError`, `DocumentError` when another
        collection rests on another reading of the file, and ValueError when vectors and collection do not fit.
        """
        hashes = [vectors.text_hash(chunk.text) for chunk in chunks]
        rows = keyword_index.rows(document.title or document.name, chunks)
        with self._write() as connection:
            collection = collections.by_id(connection, collection_id)
            _check_fit(collection, document, chunks, vectors_)
            point("put: begun")
            kept_tags = tags.of_document(connection, document.id) or tags.of_document(connection, replaces or "")
            self._make_room(connection, collection_id, document.id, replaces)
            _add_to_library(connection, document, data)
            tags.put(connection, document.id, kept_tags)
            point("put: document added")
            if vectors_ is not None:
                vectors.keep(connection, collection.embedding_model, hashes, vectors_)
            point("put: vectors kept")
            rowids = documents.add_chunks(connection, collection_id, chunks, hashes)
            point("put: chunks added")
            keyword_index.add(connection, collection_id, rowids, rows)
            point("put: keywords added")
            collections.clear_removals(connection, collection_id, [chunk.id for chunk in chunks])
            state = collections.PENDING if collection.embedding_model and chunks else collections.INDEXED
            revision = collections.changed(connection, collection_id)
            words = sum(row[2] for row in rows)
            collections.link(connection, collection_id, document.id, state, revision, len(chunks), words)

    def delete_document(self, document_id: str) -> None:
        """Delete a document from the library and from every collection. Raises `DocumentNotFoundError`."""
        with self._write() as connection:
            if not documents.exists(connection, document_id):
                raise documents.not_found()
            hashes: list[bytes] = []
            for collection_id in collections.holders(connection, document_id):
                hashes += collections.take_out(connection, collection_id, document_id)
            collections.forget(connection, document_id, hashes)

    def remove_document(self, collection_id: str, document_id: str) -> None:
        """Take a document out of one collection; the library keeps it. Raises `DocumentNotFoundError`."""
        with self._write() as connection:
            if not collections.holds(connection, collection_id, document_id):
                raise documents.not_found()
            collections.take_out(connection, collection_id, document_id)

    def _make_room(self, connection: Connection, collection_id: str, document_id: str, replaces: str | None) -> None:
        """Take out what the collection holds of the document itself and of the one it replaces."""
        for old in dict.fromkeys((document_id, replaces)):
            if old is None or not collections.holds(connection, collection_id, old):
                continue
            hashes = collections.take_out(connection, collection_id, old)
            if old != document_id and not collections.holders(connection, old):
                collections.forget(connection, old, hashes)

    def set_tags(self, document_id: str, tags_: Iterable[str]) -> None:
        """Give a document these tags in place of those it had. Raises `DocumentNotFoundError`, and `StoreError` for a tag too long."""
        with self._write() as connection:
            if not documents.exists(connection, document_id):
                raise documents.not_found()
            tags.put(connection, document_id, tags_)

    def tags(self, collection_id: str | None = None) -> dict[str, int]:
        """Return the tags in use in a collection, or in the whole library, each with the number of its documents."""
        with self._read() as connection:
            return tags.counts(connection, collection_id)

    # --- chunks ---

    def chunks(self, chunk_ids: Sequence[str]) -> dict[str, Chunk]:
        """Return those of the chunks that exist, by id."""
        with self._read() as connection:
            return documents.chunks(connection, chunk_ids)

    def chunks_of(self, collection_id: str, document_id: str) -> list[Chunk]:
        """Return the chunks that a collection made of a document, in order."""
        with self._read() as connection:
            return documents.chunks_of(connection, collection_id, document_id)

    def excerpts(self, collection_id: str, characters: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return how each chunk of a collection begins, and its pages, by chunk id."""
        with self._read() as connection:
            return documents.excerpts(connection, collection_id, characters)

    # --- collections ---

    def collections(self) -> list[Collection]:
        """Return all collections, oldest first."""
        with self._read() as connection:
            return collections.listing(connection)

    def collection(self, name: str) -> Collection:
        """Return the collection of that name. Raises `CollectionNotFoundError`."""
        with self._read() as connection:
            return collections.by_name(connection, name)

    def create_collection(
        self, name: str, *, embedding_model: str, dimension: int, options: ChunkOptions, similarity_threshold: float,
        threshold_from: ThresholdOrigin = "default",
    ) -> Collection:  # fmt: skip
        """Make an empty collection. Raises `CollectionExistsError`."""
        with self._write() as connection:
            return collections.create(
                connection, name, embedding_model, dimension, options, similarity_threshold, threshold_from
            )

    def delete_collection(self, name: str) -> None:
        """Delete a collection with its chunks; the library keeps the documents. Raises `CollectionNotFoundError`."""
        with self._write() as connection:
            collections.delete(connection, name)

    def set_options_if_empty(self, name: str, options: ChunkOptions) -> Collection | None:
        """Give a collection other chunk options and return it; None, and nothing changed, when it holds documents or chunks.

        Raises `CollectionNotFoundError`.
        """
        with self._write() as connection:
            return collections.set_options_if_empty(connection, name, options)

    def rename_collection(self, old: str, new: str) -> Collection:
        """Give a collection another name. Raises `CollectionNotFoundError` and `CollectionExistsError`."""
        with self._write() as connection:
            return collections.rename(connection, old, new)

    def set_threshold(
        self, name: str, value: float, *, calibration: Calibration | None = None, over_users: bool = True
    ) -> None:
        """Set the default threshold of a collection: the user's, or one that was measured when it comes with how.

        Without `over_users` one that the user has set meanwhile stays. Raises `CollectionNotFoundError`.
        """
        if not 0 <= value <= 1:
            raise ValueError("similarity_threshold must be between 0 and 1")
        with self._write() as connection:
            collections.set_threshold(connection, name, value, calibration, over_users=over_users)

    def revision(self, collection_id: str) -> int:
        """Return how often the chunks of a collection changed. Raises `CollectionNotFoundError`."""
        with self._read() as connection:
            return collections.revision(connection, collection_id)

    # --- vectors ---

    def known_vectors(self, embedding_model: str, texts: Sequence[str]) -> dict[int, Vectors]:
        """Return the vectors that are kept already, by position of the text in `texts`."""
        hashes = [vectors.text_hash(text) for text in texts]
        with self._read() as connection:
            found = vectors.known(connection, embedding_model, hashes)
        return {at: found[digest] for at, digest in enumerate(hashes) if digest in found}

    def keep_vectors(self, embedding_model: str, texts: Sequence[str], vectors_: Vectors) -> None:
        """Keep vectors before their document goes in, so that a job that was stopped does not embed twice."""
        hashes = [vectors.text_hash(text) for text in texts]
        with self._write() as connection:
            vectors.keep(connection, embedding_model, hashes, vectors_)

    def vectors(self, collection_id: str) -> VectorTable:
        """Read all vectors of a collection; 154 MB for 100 000 chunks of 384 numbers."""
        with self._read() as connection:
            return vectors.table(connection, collection_id)

    def document_vectors(self, collection_id: str, document_id: str) -> tuple[list[str], Vectors]:
        """Return chunk ids and vectors of one document of a collection, in order."""
        with self._read() as connection:
            return vectors.of_document(connection, collection_id, document_id)

    def forget_vectors(self, embedding_model: str) -> int:
        """Forget every vector by a model that no collection uses; return how many."""
        with self._write() as connection:
            return vectors.forget(connection, embedding_model)

    # --- searching ---

    @contextmanager
    def snapshot(self, collection_id: str) -> Iterator[Snapshot]:
        """Give what a search asks of a collection, all of one moment. Raises `CollectionNotFoundError`."""
        with engines.reading(self.engine, self.path) as connection:
            yield Snapshot(connection, self._memory, collection_id)

    def document_frequencies(self, collection_id: str, terms: Sequence[str]) -> tuple[dict[str, int], int]:
        """Return how many chunks hold each term, and how many chunks there are."""
        with self.snapshot(collection_id) as snapshot:
            known = snapshot.frequencies(terms)
        return {term: known.containing[term] for term in terms}, known.chunks

    # --- what the index has to learn ---

    def pending(self, collection_id: str) -> list[str]:
        """Return the documents whose vectors the index does not have yet, oldest first."""
        return list(self.pending_revisions(collection_id))

    def pending_revisions(self, collection_id: str) -> dict[str, int]:
        """Return the pending documents, each with the revision of the collection that it came in at."""
        with self._read() as connection:
            return collections.pending(connection, collection_id)

    def mark_indexed(self, collection_id: str, documents_at: Iterable[tuple[str, int]]) -> None:
        """Record that the index has documents, given with their revision as `pending_revisions` told it; one that was put in
        anew since then stays pending."""
        with self._write() as connection:
            for document_id, at_revision in documents_at:
                collections.mark_indexed(connection, collection_id, document_id, at_revision)

    def unindex(self, setting_key: str, value: str) -> None:
        """Make every document with vectors pending, as for an empty index, and keep the setting that names that index."""
        with self._write() as connection:
            collections.unindex(connection)
            _keep_setting(connection, setting_key, value)

    def removals(self, collection_id: str) -> list[str]:
        """Return the ids of chunks that are gone and that the index has to drop."""
        with self._read() as connection:
            return collections.removals(connection, collection_id)

    def clear_removals(self, collection_id: str, ids: Sequence[str]) -> None:
        """Record that the index has dropped the chunks."""
        with self._write() as connection:
            collections.clear_removals(connection, collection_id, ids)

    # --- settings ---

    def setting(self, key: str, default: Any = None) -> Any:
        """Return a kept value."""
        table = schema.settings
        with self._read() as connection:
            row = connection.execute(sa.select(table.c.value).where(table.c.key == key)).one_or_none()
        return default if row is None else row.value

    def set_setting(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        with self._write() as connection:
            _keep_setting(connection, key, value)

    # --- soundness ---

    def counts(self, collection_id: str) -> tuple[int, int]:
        """Return how many chunks a collection has, and how many of them have their vector."""
        with self._read() as connection:
            return documents.count_chunks(connection, collection_id), vectors.count(connection, collection_id)

    def chunk_count(self, collection_id: str) -> int:
        """Return how many chunks a collection has, as recorded with its documents: cheap, where `counts` counts."""
        with self._read() as connection:
            return collections.by_id(connection, collection_id).chunks

    def problems(self) -> list[str]:
        """Return what is wrong with the file and its rows, a sentence each; reads all of it, about a second for each 500 MB."""
        with self._read() as connection:
            return soundness.problems(connection)


def _keep_setting(connection: Connection, key: str, value: Any) -> None:
    statement = insert(schema.settings).values(key=key, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
    )


def _check_fit(collection: Collection, document: Document, chunks: Sequence[Chunk], vectors_: Vectors | None) -> None:
    if any(chunk.document_id != document.id for chunk in chunks):
        raise ValueError("every chunk must belong to the document")
    if vectors_ is None:
        if collection.embedding_model:
            raise ValueError(f"collection {collection.name!r} needs vectors")
    elif not collection.embedding_model or vectors_.shape != (len(chunks), collection.dimension):
        raise ValueError(
            f"collection {collection.name!r} takes {len(chunks)} vectors of {collection.dimension}, got shape {vectors_.shape}"
        )


def _add_to_library(connection: Connection, document: Document, data: bytes) -> None:
    """Add the document, or read it anew when no other collection rests on how it was read before."""
    if documents.exists(connection, document.id):
        if collections.holders(connection, document.id):
            documents.check_same_text(connection, document)
            return
        documents.delete(connection, document.id)
    documents.add(connection, document, data)
