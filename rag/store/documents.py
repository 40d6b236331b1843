"""Documents of the library, as rows: their text and pages, their original bytes, and the chunks that collections made of them."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import DocumentError, DocumentNotFoundError
from rag.store import schema, tags
from rag.types import Chunk, Document, DocumentInfo, Heading, Page

_BATCH = 500


def now() -> str:
    return datetime.now(UTC).isoformat()


def name_key(name: str) -> str:
    """Return what makes two names the same document: composed and without case, as a person reads them."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


# --- documents ---


def add(connection: Connection, document: Document, data: bytes) -> None:
    """Add a document with its original bytes to the library."""
    connection.execute(
        sa.insert(schema.documents).values(
            id=document.id,
            name=document.name,
            name_key=name_key(document.name),
            media_type=document.media_type,
            size_bytes=len(data),
            title=document.title,
            text=zlib.compress(document.text.encode("utf-8"), 3),
            characters=len(document.text),
            pages=[(p.number, p.start, p.end) for p in document.pages],
            page_count=len(document.pages),
            headings=[(h.level, h.text, h.start, h.end) for h in document.headings],
            warnings=list(document.warnings),
            added_at=now(),
        )
    )
    connection.execute(sa.insert(schema.document_files).values(document_id=document.id, data=data))


def exists(connection: Connection, document_id: str) -> bool:
    return connection.execute(sa.select(sa.exists().where(schema.documents.c.id == document_id))).scalar_one()


def get(connection: Connection, document_id: str) -> Document:
    """Return the document with its text. Raises `DocumentNotFoundError`."""
    table = schema.documents
    row = connection.execute(sa.select(table).where(table.c.id == document_id)).one_or_none()
    if row is None:
        raise not_found()
    return Document(
        id=row.id,
        name=row.name,
        media_type=row.media_type,
        text=zlib.decompress(row.text).decode("utf-8"),
        pages=tuple(Page(*page) for page in row.pages),
        headings=tuple(Heading(*heading) for heading in row.headings),
        title=row.title,
        warnings=tuple(row.warnings),
    )


def data(connection: Connection, document_id: str) -> bytes:
    """Return the bytes as they were uploaded. Raises `DocumentNotFoundError`."""
    table = schema.document_files
    found = connection.execute(sa.select(table.c.data).where(table.c.document_id == document_id)).scalar_one_or_none()
    if found is None:
        raise not_found()
    return bytes(found)


def check_same_text(connection: Connection, document: Document) -> None:
    """Raise DocumentError when the library has another text for the document: chunks of both could not share it."""
    if get(connection, document.id).text != document.text:
        raise DocumentError(
            f"{document.name} is read differently by this version than when it was added; delete it from the library and add it again."
        )


def not_found() -> DocumentNotFoundError:
    return DocumentNotFoundError("The document is no longer in the library; add it again to use it.")


def listing(connection: Connection, collection_id: str | None) -> list[DocumentInfo]:
    """Return the documents of a collection, or of the whole library, newest first."""
    table, links = schema.documents, schema.collection_documents
    holders: dict[str, list[str]] = {}
    tagged = tags.of_all(connection)
    names = sa.select(links.c.document_id, schema.collections.c.name).join(schema.collections)
    for document_id, name in connection.execute(names.order_by(schema.collections.c.name)):
        holders.setdefault(document_id, []).append(name)
    query = sa.select(
        *(
            table.c[c]
            for c in ("id", "name", "media_type", "size_bytes", "page_count", "characters", "added_at", "warnings")
        )
    ).order_by(table.c.added_at.desc(), sa.literal_column("documents.rowid").desc())
    if collection_id is not None:
        query = query.add_columns(links.c.chunks).join(links).where(links.c.collection_id == collection_id)
    return [
        DocumentInfo(
            id=row.id,
            name=row.name,
            media_type=row.media_type,
            size_bytes=row.size_bytes,
            pages=row.page_count,
            characters=row.characters,
            added_at=datetime.fromisoformat(row.added_at),
            warnings=tuple(row.warnings),
            collections=tuple(holders.get(row.id, ())),
            chunks=0 if collection_id is None else row.chunks,
            tags=tagged.get(row.id, ()),
        )
        for row in connection.execute(query)
    ]


def names(connection: Connection, document_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of those of the documents that exist."""
    table, wanted, found = schema.documents, list(document_ids), {}
    for at in range(0, len(wanted), _BATCH):
        query = sa.select(table.c.id, table.c.name).where(table.c.id.in_(wanted[at : at + _BATCH]))
        found.update({row.id: row.name for row in connection.execute(query)})
    return found


def find(connection: Connection, collection_id: str, name: str) -> str | None:
    """Return the id of the collection's document of that name, the newest if there are several."""
    table, links = schema.documents, schema.collection_documents
    return connection.execute(
        sa.select(table.c.id)
        .join(links)
        .where(links.c.collection_id == collection_id, table.c.name_key == name_key(name))
        .order_by(links.c.revision.desc())
        .limit(1)
    ).scalar_one_or_none()


def delete(connection: Connection, document_id: str) -> None:
    """Delete the row and the bytes; no collection may hold the document any more."""
    connection.execute(sa.delete(schema.documents).where(schema.documents.c.id == document_id))


# --- chunks ---


def add_chunks(
    connection: Connection, collection_id: str, chunks: Sequence[Chunk], hashes: Sequence[bytes]
) -> list[int]:
    """Add chunks and return their rowids, which their keyword rows share."""
    first = connection.execute(sa.select(sa.func.coalesce(sa.func.max(schema.chunks.c.rowid), 0))).scalar_one() + 1
    rowids = list(range(first, first + len(chunks)))
    values = [
        {
            "rowid": rowid,
            "id": chunk.id,
            "collection_id": collection_id,
            "document_id": chunk.document_id,
            "idx": chunk.index,
            "start": chunk.start,
            "end": chunk.end,
            "pages": list(chunk.pages),
            "heading": chunk.heading,
            "text_hash": digest,
            "text": chunk.text,
        }
        for rowid, chunk, digest in zip(rowids, chunks, hashes, strict=True)
    ]
    if values:
        connection.execute(sa.insert(schema.chunks), values)
    return rowids


def chunks(connection: Connection, chunk_ids: Sequence[str]) -> dict[str, Chunk]:
    """Return those of the chunks that exist, by id."""
    table, found = schema.chunks, {}
    for at in range(0, len(chunk_ids), _BATCH):
        query = sa.select(table).where(table.c.id.in_(chunk_ids[at : at + _BATCH]))
        found.update({row.id: _chunk(row) for row in connection.execute(query)})
    return found


def excerpts(connection: Connection, collection_id: str, characters: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the first `characters` of each chunk of a collection with its pages, by chunk id."""
    table = schema.chunks
    query = sa.select(table.c.id, sa.func.substr(table.c.text, 1, characters), table.c.pages)
    rows = connection.execute(query.where(table.c.collection_id == collection_id))
    return {chunk_id: (text, tuple(pages)) for chunk_id, text, pages in rows}


def chunks_of(connection: Connection, collection_id: str, document_id: str) -> list[Chunk]:
    """Return the chunks that a collection made of a document, in order."""
    table = schema.chunks
    query = sa.select(table).where(table.c.collection_id == collection_id, table.c.document_id == document_id)
    return [_chunk(row) for row in connection.execute(query.order_by(table.c.idx))]


def count_chunks(connection: Connection, collection_id: str) -> int:
    """Return the number of chunks of a collection."""
    query = sa.select(sa.func.count()).where(schema.chunks.c.collection_id == collection_id)
    return connection.execute(query).scalar_one()


def _chunk(row: sa.Row[*tuple[Any, ...]]) -> Chunk:
    return Chunk(
        id=row.id,
        document_id=row.document_id,
        index=row.idx,
        start=row.start,
        end=row.end,
        pages=tuple(row.pages),
        heading=row.heading,
        text=row.text,
    )
