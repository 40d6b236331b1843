"""The keyword index: one FTS5 table a collection, so that word frequencies and BM25 are the collection's own.

A row holds the stems of a chunk (`body`) and of its document's title and headings (`title`), parted by spaces, under the rowid of
the chunk. `keyword_search` reads them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from rag.store.keywords import terms
from rag.types import Chunk

K1, B = 1.2, 0.75
"""Fixed inside FTS5."""
_LEAST_IDF = 1e-6
"""What FTS5 gives a word that stands in more than half of the rows."""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How common words are in a collection."""

    chunks: int
    words: int
    """Of all chunks together, titles included."""
    containing: Mapping[str, int]
    """Chunks that hold the word."""

    def idf(self, term: str) -> float:
        """Return the inverse document frequency as FTS5 has it."""
        n = self.containing.get(term, 0)
        return max(_LEAST_IDF, math.log((self.chunks - n + 0.5) / (n + 0.5)))

    def bm25(self, held: Mapping[str, int], length: int) -> float:
        """Return the BM25 score of a chunk of `length` words that holds each of `held` so often; FTS5's formula, positive."""
        norm = K1 * (1 - B + B * length * self.chunks / max(1, self.words))
        return sum(self.idf(word) * often * (K1 + 1) / (often + norm) for word, often in held.items())


def create(connection: Connection, collection_id: str) -> None:
    """Make the table of a new collection, and the view that tells its word frequencies."""
    table = table_of(collection_id)
    # The ascii tokenizer parts at spaces and leaves our stems alone, whatever their script.
    connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {table} USING fts5(title, body, tokenize='ascii')")
    connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {table}_words USING fts5vocab({table}, 'row')")


def drop(connection: Connection, collection_id: str) -> None:
    """Drop what `create` made."""
    table = table_of(collection_id)
    connection.exec_driver_sql(f"DROP TABLE {table}_words")
    connection.exec_driver_sql(f"DROP TABLE {table}")


def rows(title: str, chunks: Sequence[Chunk]) -> list[tuple[str, str, int]]:
    """Return (title stems, body stems, number of words) for each chunk of a document; slow enough to be done outside a transaction."""
    made = []
    for chunk in chunks:
        head, body = terms(f"{title} {chunk.heading}"), terms(chunk.text)
        made.append((" ".join(head), " ".join(body), len(head) + len(body)))
    return made


def add(
    connection: Connection, collection_id: str, rowids: Sequence[int], made: Sequence[tuple[str, str, int]]
) -> None:
    """Add the rows that `rows` made under the chunks' rowids."""
    values = [(rowid, title, body) for rowid, (title, body, _) in zip(rowids, made, strict=True)]
    if values:
        connection.exec_driver_sql(
            f"INSERT INTO {table_of(collection_id)} (rowid, title, body) VALUES (?, ?, ?)", values
        )


def remove(connection: Connection, collection_id: str, document_id: str) -> None:
    """Remove the rows of a document; its chunks must still be there."""
    connection.exec_driver_sql(
        f"DELETE FROM {table_of(collection_id)} WHERE rowid IN "
        "(SELECT rowid FROM chunks WHERE collection_id = ? AND document_id = ?)",
        (collection_id, document_id),
    )


def count(connection: Connection, collection_id: str) -> int:
    """Return the number of rows."""
    # The content table: counting through FTS5 itself visits every row.
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table_of(collection_id)}_content").scalar_one())


def table_of(collection_id: str) -> str:
    """Return the name of a collection's table; `_words` and `_content` after it name what FTS5 keeps beside."""
    if not collection_id.isalnum():  # it becomes part of a statement
        raise ValueError(f"not the id of a collection: {collection_id!r}")
    return f"keywords_{collection_id}"
