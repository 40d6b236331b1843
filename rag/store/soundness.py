"""What must always hold in the catalog, and a look at whether it does.

Every chunk has its keyword row and, in a collection with an embedding model, its vector; links count what is there; nothing is left
over of what was deleted.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.store import collections, documents, keyword_index, schema, vectors
from rag.types import Collection


def problems(connection: Connection) -> list[str]:
    """Return what does not hold, a sentence each."""
    found = [
        f"The catalog file is damaged: {line}."
        for line in connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars()
        if line != "ok"
    ]
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        found.append("Rows of the catalog point to rows that are gone.")
    for collection in collections.listing(connection):
        found += _of_collection(connection, collection)
    return found + _left_over(connection)


def _of_collection(connection: Connection, collection: Collection) -> list[str]:
    chunks = documents.count_chunks(connection, collection.id)
    counts = {"recorded chunks": collection.chunks, "keyword rows": keyword_index.count(connection, collection.id)}
    if collection.embedding_model:
        counts["vectors"] = vectors.count(connection, collection.id)
    return [
        f"Collection {collection.name!r} has {chunks} chunks but {number} {what}; delete it and build it again."
        for what, number in counts.items()
        if number != chunks
    ]


def _left_over(connection: Connection) -> list[str]:
    links = schema.collection_documents
    unlinked = sa.select(sa.func.count()).where(
        ~sa.exists().where(
            links.c.collection_id == schema.chunks.c.collection_id, links.c.document_id == schema.chunks.c.document_id
        )
    )
    orphans = connection.execute(unlinked.select_from(schema.chunks)).scalar_one()
    return [f"{orphans} chunks belong to a document that their collection does not hold."] if orphans else []
