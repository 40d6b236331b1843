"""Vectors of texts, kept by embedding model and hash of the text: what exact search reads, what any index can be rebuilt from,
and what makes chunking the same words again free."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from rag.store import schema

Vectors = NDArray[np.float32]
_STORED = np.dtype("<f4")
_BATCH = 500
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class VectorTable:
    """All vectors of a collection in memory, for exact search; row i of `matrix` belongs to `chunk_ids[i]`."""

    chunk_ids: tuple[str, ...]
    document_ids: tuple[str, ...]
    matrix: Vectors = field(repr=False)
    """Shape (chunks, dimension), unit rows, read-only."""
    revision: int
    """Of the collection when it was read."""
    rowids: NDArray[np.int64] = field(repr=False)
    """Of the chunks, ascending."""

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each chunk id."""
        return {chunk_id: row for row, chunk_id in enumerate(self.chunk_ids)}


def text_hash(text: str) -> bytes:
    """Return what a text is known by."""
    return hashlib.sha256(text.encode("utf-8")).digest()


def keep(connection: Connection, embedding_model: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
    """Keep the vectors of the texts with these hashes; those kept already stay as they are.

    Raises ValueError when there is not one finite vector a text.
    """
    if vectors.ndim != 2 or len(vectors) != len(hashes) or not np.isfinite(vectors).all():
        raise ValueError(f"expected {len(hashes)} finite vectors, got shape {vectors.shape}")
    rows = np.ascontiguousarray(vectors, dtype=_STORED)
    values = [
        {"embedding_model": embedding_model, "text_hash": digest, "dimension": rows.shape[1], "data": row.tobytes()}
        for digest, row in zip(hashes, rows, strict=True)
    ]
    if values:
        connection.execute(insert(schema.vectors).on_conflict_do_nothing(), values)


def known(connection: Connection, embedding_model: str, hashes: Sequence[bytes]) -> dict[bytes, Vectors]:
    """Return the vectors that are kept for texts with these hashes."""
    table, found = schema.vectors, {}
    for at in range(0, len(hashes), _BATCH):
        query = sa.select(table.c.text_hash, table.c.data).where(
            table.c.embedding_model == embedding_model, table.c.text_hash.in_(hashes[at : at + _BATCH])
        )
        for digest, data in connection.execute(query):
            found[digest] = np.frombuffer(data, dtype=_STORED)
    return found


def table(connection: Connection, collection_id: str) -> VectorTable:
    """Read all vectors of a collection, in the order of its chunks' rowids."""
    place = connection.execute(
        sa.select(
            schema.collections.c.revision, schema.collections.c.embedding_model, schema.collections.c.dimension
        ).where(schema.collections.c.id == collection_id)
    ).one_or_none()
    if place is None:
        return VectorTable((), (), np.zeros((0, 0), np.float32), 0, np.zeros(0, np.int64))
    ids: list[str] = []
    rowids: list[int] = []
    documents: list[str] = []
    parts: list[Vectors] = []
    shared: dict[str, str] = {}  # one string a document rather than one a chunk
    for block in _joined(connection, collection_id, place.embedding_model):
        ids += [row[0] for row in block]
        rowids += [row[3] for row in block]
        documents += [shared.setdefault(row[1], row[1]) for row in block]
        parts.append(
            np.frombuffer(b"".join(row[2] for row in block), dtype=_STORED).reshape(len(block), place.dimension)
        )
    matrix = np.concatenate(parts) if parts else np.zeros((0, place.dimension), np.float32)
    matrix.flags.writeable = False
    return VectorTable(tuple(ids), tuple(documents), matrix, place.revision, np.array(rowids, np.int64))


def of_document(connection: Connection, collection_id: str, document_id: str) -> tuple[list[str], Vectors]:
    """Return chunk ids and vectors of one document of a collection, in order."""
    rows = connection.exec_driver_sql(
        "SELECT chunks.id, vectors.data FROM chunks JOIN collections ON collections.id = chunks.collection_id "
        "JOIN vectors ON vectors.text_hash = chunks.text_hash AND vectors.embedding_model = collections.embedding_model "
        "WHERE chunks.collection_id = ? AND chunks.document_id = ? ORDER BY chunks.idx",
        (collection_id, document_id),
    ).all()
    matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=_STORED).reshape(len(rows), -1 if rows else 0)
    return [row[0] for row in rows], matrix


def count(connection: Connection, collection_id: str) -> int:
    """Return the number of chunks of the collection whose vector is kept."""
    return int(
        connection.exec_driver_sql(
            "SELECT count(*) FROM chunks JOIN collections ON collections.id = chunks.collection_id "
            "JOIN vectors ON vectors.text_hash = chunks.text_hash AND vectors.embedding_model = collections.embedding_model "
            "WHERE chunks.collection_id = ?",
            (collection_id,),
        ).scalar_one()
    )


def some_of(connection: Connection, embedding_model: str, most: int) -> list[tuple[str, Vectors]]:
    """Return up to so many texts and their vectors by that model; none when no chunk of any collection has such a text."""
    rows = connection.exec_driver_sql(
        "SELECT chunks.text, vectors.data FROM vectors JOIN chunks ON chunks.text_hash = vectors.text_hash "
        "WHERE vectors.embedding_model = ? GROUP BY vectors.text_hash LIMIT ?",
        (embedding_model, most),
    )
    return [(row[0], np.frombuffer(row[1], dtype=_STORED)) for row in rows]


def forget(connection: Connection, embedding_model: str) -> int:
    """Forget all vectors by that model; return how many."""
    return connection.execute(
        sa.delete(schema.vectors).where(schema.vectors.c.embedding_model == embedding_model)
    ).rowcount


def forget_unused(connection: Connection, hashes: Iterable[bytes]) -> int:
    """Forget the vectors of the given texts that no chunk uses; return how many."""
    unused = ~sa.exists().where(schema.chunks.c.text_hash == schema.vectors.c.text_hash)
    gone, given = 0, list(hashes)
    for at in range(0, len(given), _BATCH):
        some = schema.vectors.c.text_hash.in_(given[at : at + _BATCH])
        gone += connection.execute(sa.delete(schema.vectors).where(some, unused)).rowcount
    return gone


def _joined(
    connection: Connection, collection_id: str, embedding_model: str
) -> Iterable[Sequence[sa.Row[*tuple[Any, ...]]]]:
    rows = connection.exec_driver_sql(
        "SELECT chunks.id, chunks.document_id, vectors.data, chunks.rowid FROM chunks JOIN vectors "
        "ON vectors.text_hash = chunks.text_hash AND vectors.embedding_model = ? "
        "WHERE chunks.collection_id = ? ORDER BY chunks.rowid",
        (embedding_model, collection_id),
    )
    return rows.partitions(_ROWS_AT_ONCE)
