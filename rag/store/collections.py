"""Collections as rows, which documents they hold, and what the index still has to learn about them.

A document is linked `pending` in the transaction that brings its chunks and becomes `indexed` once the index has its vectors.
Ids of chunks that are gone wait in `index_removals` until the index has dropped them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import CollectionExistsError, CollectionNotFoundError, StoreError
from rag.store import documents, keyword_index, schema, vectors
from rag.store.crash import point
from rag.types import Calibration, ChunkOptions, Collection, ThresholdOrigin

PENDING, INDEXED = "pending", "indexed"
_BATCH = 500


def listing(connection: Connection) -> list[Collection]:
    """Return all collections, oldest first."""
    return [_collection(row) for row in connection.execute(_counted().order_by(schema.collections.c.created_at))]


def by_name(connection: Connection, name: str) -> Collection:
    """Return the collection of that name. Raises `CollectionNotFoundError`."""
    row = connection.execute(_counted().where(schema.collections.c.name == name)).one_or_none()
    if row is None:
        raise CollectionNotFoundError(f"There is no collection named {name!r}; make it first, or choose another.")
    return _collection(row)


def by_id(connection: Connection, collection_id: str) -> Collection:
    """Return the collection of that id. Raises `CollectionNotFoundError`."""
    row = connection.execute(_counted().where(schema.collections.c.id == collection_id)).one_or_none()
    if row is None:
        raise CollectionNotFoundError("The collection was deleted; choose another.")
    return _collection(row)


def create(
    connection: Connection,
    name: str,
    embedding_model: str,
    dimension: int,
    options: ChunkOptions,
    similarity_threshold: float,
    threshold_from: ThresholdOrigin,
) -> Collection:
    """Add an empty collection with its keyword table. Raises `CollectionExistsError`."""
    _check_name(connection, name)
    collection_id = uuid.uuid4().hex
    connection.execute(
        sa.insert(schema.collections).values(
            id=collection_id,
            name=name,
            embedding_model=embedding_model,
            dimension=dimension,
            chunk_size_tokens=options.chunk_size_tokens,
            overlap_tokens=options.overlap_tokens,
            similarity_threshold=similarity_threshold,
            threshold_from=threshold_from,
            created_at=documents.now(),
            revision=0,
        )
    )
    keyword_index.create(connection, collection_id)
    return by_name(connection, name)


def rename(connection: Connection, old: str, new: str) -> Collection:
    """Give a collection another name. Raises `CollectionNotFoundError` and `CollectionExistsError`."""
    collection = by_name(connection, old)
    if new != old:
        _check_name(connection, new)
        connection.execute(
            sa.update(schema.collections).where(schema.collections.c.id == collection.id).values(name=new)
        )
    return by_name(connection, new)


def delete(connection: Connection, name: str) -> None:
    """Delete a collection with its chunks; documents and vectors stay. Raises `CollectionNotFoundError`."""
    collection_id = by_name(connection, name).id
    keyword_index.drop(connection, collection_id)
    point("collection: keywords dropped")
    connection.execute(sa.delete(schema.collections).where(schema.collections.c.id == collection_id))


def set_options_if_empty(connection: Connection, name: str, options: ChunkOptions) -> Collection | None:
    """Give a collection that holds nothing other chunk options; None when it holds something. Raises `CollectionNotFoundError`."""
    found = by_name(connection, name)
    if found.documents or found.chunks:
        return None
    connection.execute(
        sa.update(schema.collections)
        .where(schema.collections.c.id == found.id)
        .values(chunk_size_tokens=options.chunk_size_tokens, overlap_tokens=options.overlap_tokens)
    )
    return by_name(connection, name)


def set_threshold(
    connection: Connection, name: str, value: float, calibration: Calibration | None, *, over_users: bool
) -> None:
    """Set the default threshold, measured or the user's; an earlier measurement goes. Raises `CollectionNotFoundError`."""
    table = schema.collections
    kept, origin = (asdict(calibration), "measured") if calibration else (None, "user")
    change = sa.update(table).where(table.c.id == by_name(connection, name).id)
    if not over_users:
        change = change.where(table.c.threshold_from != "user")
    connection.execute(change.values(similarity_threshold=value, calibration=kept, threshold_from=origin))


def changed(connection: Connection, collection_id: str) -> int:
    """Count one more change of the chunks and return the number."""
    table = schema.collections
    connection.execute(sa.update(table).where(table.c.id == collection_id).values(revision=table.c.revision + 1))
    return revision(connection, collection_id)


def revision(connection: Connection, collection_id: str) -> int:
    """Return how often the chunks changed. Raises `CollectionNotFoundError`."""
    table = schema.collections
    found = connection.execute(sa.select(table.c.revision).where(table.c.id == collection_id)).scalar_one_or_none()
    if found is None:
        raise CollectionNotFoundError("The collection was deleted; choose another.")
    return int(found)


# --- documents of a collection ---


def holders(connection: Connection, document_id: str) -> list[str]:
    """Return the ids of the collections that hold the document."""
    links = schema.collection_documents
    return list(
        connection.execute(sa.select(links.c.collection_id).where(links.c.document_id == document_id)).scalars()
    )


def document_ids(connection: Connection, collection_id: str) -> list[str]:
    """Return the ids of the documents that a collection holds, in order."""
    links = schema.collection_documents.c
    query = sa.select(links.document_id).where(links.collection_id == collection_id).order_by(links.document_id)
    return list(connection.execute(query).scalars())


def holds(connection: Connection, collection_id: str, document_id: str) -> bool:
    return document_id in _states(connection, collection_id, (document_id,))


def link(
    connection: Connection, collection_id: str, document_id: str, state: str, at_revision: int, chunks: int, words: int
) -> None:
    """Record that the collection holds the document."""
    connection.execute(
        sa.insert(schema.collection_documents).values(
            collection_id=collection_id,
            document_id=document_id,
            state=state,
            revision=at_revision,
            chunks=chunks,
            words=words,
        )
    )


def take_out(connection: Connection, collection_id: str, document_id: str) -> list[bytes]:
    """Take a document out of one collection; return the hashes of its chunks' texts.

    Every id goes on the list of removals, also of a pending document: the index may hold a part of it already.
    """
    mine = (schema.chunks.c.collection_id == collection_id, schema.chunks.c.document_id == document_id)
    hashes = list(connection.execute(sa.select(schema.chunks.c.text_hash).where(*mine)).scalars())
    if by_id(connection, collection_id).embedding_model:
        ids = sa.select(sa.literal(collection_id), schema.chunks.c.id).where(*mine)
        connection.execute(sa.insert(schema.index_removals).from_select(["collection_id", "chunk_id"], ids))
    point("take out: removals queued")
    keyword_index.remove(connection, collection_id, document_id)
    point("take out: keywords removed")
    connection.execute(sa.delete(schema.chunks).where(*mine))
    links = schema.collection_documents.c
    connection.execute(
        sa.delete(schema.collection_documents).where(
            links.collection_id == collection_id, links.document_id == document_id
        )
    )
    changed(connection, collection_id)
    point("take out: chunks removed")
    return hashes


def forget(connection: Connection, document_id: str, hashes: Sequence[bytes]) -> None:
    """Delete a document that no collection holds, and the vectors of its texts that nothing else uses."""
    documents.delete(connection, document_id)
    point("forget: document deleted")
    vectors.forget_unused(connection, hashes)


# --- what the index has to learn ---


def pending(connection: Connection, collection_id: str) -> dict[str, int]:
    """Return the documents that the index does not have yet, each with the revision it came in at."""
    links = schema.collection_documents.c
    query = sa.select(links.document_id, links.revision).where(
        links.collection_id == collection_id, links.state == PENDING
    )
    return {row.document_id: row.revision for row in connection.execute(query.order_by(links.revision))}


def mark_indexed(connection: Connection, collection_id: str, document_id: str, at_revision: int) -> None:
    """Record that the index has the document, unless it was put in anew since `at_revision`."""
    links = schema.collection_documents.c
    connection.execute(
        sa.update(schema.collection_documents)
        .where(links.collection_id == collection_id, links.document_id == document_id, links.revision == at_revision)
        .values(state=INDEXED)
    )


def removals(connection: Connection, collection_id: str) -> list[str]:
    """Return the ids of the chunks that the index has to drop."""
    table = schema.index_removals
    return list(connection.execute(sa.select(table.c.chunk_id).where(table.c.collection_id == collection_id)).scalars())


def clear_removals(connection: Connection, collection_id: str, chunk_ids: Sequence[str]) -> None:
    """Take ids off the list of removals."""
    table = schema.index_removals.c
    for at in range(0, len(chunk_ids), _BATCH):
        batch = chunk_ids[at : at + _BATCH]
        connection.execute(
            sa.delete(schema.index_removals).where(table.collection_id == collection_id, table.chunk_id.in_(batch))
        )


def unindex(connection: Connection) -> None:
    """Start over with an empty index: nothing to remove, and every document with vectors is pending."""
    with_vectors = sa.select(schema.collections.c.id).where(schema.collections.c.embedding_model != "")
    connection.execute(sa.delete(schema.index_removals))
    connection.execute(
        sa.update(schema.collection_documents)
        .where(schema.collection_documents.c.collection_id.in_(with_vectors))
        .values(state=PENDING)
    )


def _states(connection: Connection, collection_id: str, document_ids: Sequence[str]) -> dict[str, str]:
    links = schema.collection_documents.c
    query = sa.select(links.document_id, links.state).where(
        links.collection_id == collection_id, links.document_id.in_(document_ids)
    )
    return {row.document_id: row.state for row in connection.execute(query)}


def _check_name(connection: Connection, name: str) -> None:
    if not name.strip() or len(name) > 200:
        raise StoreError("A collection needs a name of 1 to 200 characters; give it another.")
    taken = sa.select(sa.exists().where(schema.collections.c.name == name))
    if connection.execute(taken).scalar_one():
        raise CollectionExistsError(f"There is a collection named {name!r} already; choose another name.")


@cache
def _counted() -> sa.Select[Any]:
    links = schema.collection_documents
    counts = (
        sa.select(
            links.c.collection_id, sa.func.count().label("documents"), sa.func.sum(links.c.chunks).label("chunks")
        )
        .group_by(links.c.collection_id)
        .subquery()
    )
    return sa.select(schema.collections, counts.c.documents, counts.c.chunks).outerjoin(
        counts, counts.c.collection_id == schema.collections.c.id
    )


def _collection(row: sa.Row[*tuple[Any, ...]]) -> Collection:
    return Collection(
        id=row.id,
        name=row.name,
        embedding_model=row.embedding_model,
        dimension=row.dimension,
        options=ChunkOptions(row.chunk_size_tokens, row.overlap_tokens),
        similarity_threshold=row.similarity_threshold,
        created_at=datetime.fromisoformat(row.created_at),
        documents=row.documents or 0,
        chunks=row.chunks or 0,
        calibration=Calibration(**row.calibration) if row.calibration else None,
        threshold_from=row.threshold_from,
    )
