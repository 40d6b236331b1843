"""Words that the user sorts documents by. Case and the way accents are coded make no other tag."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import StoreError
from rag.store import schema

LONGEST = 60
MOST = 50


def tag_key(tag: str) -> str:
    """Return what makes two tags the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", " ".join(tag.split())).casefold())


def of_document(connection: Connection, document_id: str) -> tuple[str, ...]:
    """Return the tags of a document, in alphabetical order."""
    table = schema.document_tags
    query = sa.select(table.c.tag).where(table.c.document_id == document_id).order_by(table.c.tag_key)
    return tuple(connection.execute(query).scalars())


def of_all(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Return the tags of every document that has any, each in alphabetical order."""
    table, found = schema.document_tags, dict[str, tuple[str, ...]]()
    for row in connection.execute(sa.select(table).order_by(table.c.tag_key)):
        found[row.document_id] = (*found.get(row.document_id, ()), row.tag)
    return found


def put(connection: Connection, document_id: str, tags: Iterable[str]) -> None:
    """Give a document these tags in place of those it had. Raises `StoreError` for one that is too long, or for too many."""
    wanted: dict[str, str] = {}
    for tag in tags:
        tag = unicodedata.normalize("NFC", " ".join(tag.split()))
        if len(tag) > LONGEST:
            raise StoreError(f"A tag has at most {LONGEST} characters; shorten {tag[:20]!r}….")
        if tag:
            wanted.setdefault(tag_key(tag), tag)
    if len(wanted) > MOST:
        raise StoreError(f"A document has at most {MOST} tags; leave some out.")
    table = schema.document_tags
    connection.execute(sa.delete(table).where(table.c.document_id == document_id))
    if wanted:
        rows = [{"document_id": document_id, "tag_key": key, "tag": tag} for key, tag in wanted.items()]
        connection.execute(sa.insert(table), rows)


def counts(connection: Connection, collection_id: str | None) -> dict[str, int]:
    """Return every tag in use with the number of its documents, in alphabetical order; of one collection or of the library."""
    table, links = schema.document_tags, schema.collection_documents
    # The spelling that came first alphabetically stands for all.
    query = sa.select(sa.func.min(table.c.tag), sa.func.count()).group_by(table.c.tag_key).order_by(table.c.tag_key)
    if collection_id is not None:
        query = query.join_from(table, links, links.c.document_id == table.c.document_id)
        query = query.where(links.c.collection_id == collection_id)
    return {row[0]: row[1] for row in connection.execute(query)}
