"""The keyword index: one FTS5 table a collection, so that word frequencies and BM25 are the collection's own.

A row holds the stems of a chunk (`body`) and of its document's title and headings (`title`), parted by spaces, under the rowid of
the chunk. FTS5 finds and ranks; scores of given chunks are computed here by the same formula, because FTS5 would walk the
whole list of a word again for each chunk asked for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.store import schema
from rag.store.keywords import terms
from rag.types import Chunk

K1, B = 1.2, 0.75
"""Fixed inside FTS5."""
_LEAST_IDF = 1e-6
"""What FTS5 gives a word that stands in more than half of the rows."""
COMMON_SHARE = 0.1
"""A word in more than this share of the chunks is common: where it would cost too much it ranks what other words found, no more."""
FREE_MATCHES = 20_000
"""Up to so many matches, summed over the words, every word finds: FTS5 scores them in some ten milliseconds."""
_SPARE = 10
"""Chunks that the rarer words find for each one asked for, before the common words have their say on the order."""
BATCH = 500
"""Values bound in one statement; SQLite's own limit is far above."""


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

    def bm25(self, found: Mapping[str, int], length: int, wanted: Iterable[str]) -> float:
        """Return the BM25 score of a chunk of `length` words that holds each of `found` so often; FTS5's formula, positive."""
        if not self.words:
            return 0.0
        norm = K1 * (1 - B + B * length * self.chunks / self.words)
        return sum(self.idf(t) * found[t] * (K1 + 1) / (found[t] + norm) for t in wanted if found.get(t))


def create(connection: Connection, collection_id: str) -> None:
    """Make the table of a new collection, and the view that tells its word frequencies."""
    table = _table(collection_id)
    # The ascii tokenizer parts at spaces and leaves our stems alone, whatever their script.
    connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {table} USING fts5(title, body, tokenize='ascii')")
    connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {table}_words USING fts5vocab({table}, 'row')")


def drop(connection: Connection, collection_id: str) -> None:
    """Drop what `create` made."""
    table = _table(collection_id)
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
        connection.exec_driver_sql(f"INSERT INTO {_table(collection_id)} (rowid, title, body) VALUES (?, ?, ?)", values)


def remove(connection: Connection, collection_id: str, document_id: str) -> None:
    """Remove the rows of a document; its chunks must still be there."""
    connection.exec_driver_sql(
        f"DELETE FROM {_table(collection_id)} WHERE rowid IN "
        "(SELECT rowid FROM chunks WHERE collection_id = ? AND document_id = ?)",
        (collection_id, document_id),
    )


def count(connection: Connection, collection_id: str) -> int:
    """Return the number of rows."""
    # The content table: counting through FTS5 itself visits every row.
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {_table(collection_id)}_content").scalar_one())


def frequencies(connection: Connection, collection_id: str, words: Iterable[str]) -> Frequencies:
    """Return how many chunks hold each of `words`; costs about a microsecond for each such chunk."""
    total = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(schema.collection_documents.c.chunks), 0),
            sa.func.coalesce(sa.func.sum(schema.collection_documents.c.words), 0),
        ).where(schema.collection_documents.c.collection_id == collection_id)
    ).one()
    query = f"SELECT doc FROM {_table(collection_id)}_words WHERE term = ?"
    containing = {word: connection.exec_driver_sql(query, (word,)).scalar() or 0 for word in words}
    return Frequencies(int(total[0]), int(total[1]), containing)


def search(
    connection: Connection,
    collection_id: str,
    words: Sequence[str],
    k: int,
    known: Frequencies,
    document_ids: Sequence[str] = (),
) -> list[tuple[str, float]]:
    """Return (chunk id, BM25) of the best `k` chunks that hold any of `words`, best first.

    Beyond `FREE_MATCHES` a chunk that holds nothing but common words is not found, unless all words are common.
    """
    words = [w for w in dict.fromkeys(words) if known.containing.get(w)]
    finders = _finders(words, known)
    if not finders:
        return []
    found = _ranked(connection, collection_id, finders, k if finders == words else k * _SPARE, document_ids)
    if finders != words:
        again = scores(connection, collection_id, words, [chunk_id for chunk_id, _ in found], known)
        found = sorted(again.items(), key=lambda pair: -pair[1])
    return found[:k]


def _finders(words: Sequence[str], known: Frequencies) -> Sequence[str]:
    if sum(known.containing[w] for w in words) <= FREE_MATCHES:
        return words
    rare = [w for w in words if known.containing[w] <= COMMON_SHARE * known.chunks]
    # Failing that, all but those whose share in the score is nothing.
    return rare or [w for w in words if known.idf(w) > _LEAST_IDF] or words


def _ranked(
    connection: Connection, collection_id: str, words: Sequence[str], k: int, document_ids: Sequence[str]
) -> list[tuple[str, float]]:
    table = _table(collection_id)
    # `+rowid`: else FTS5 would run the whole search once for every chunk of the documents.
    only = f"AND +f.rowid IN (SELECT rowid FROM chunks WHERE collection_id = ? AND document_id IN ({_marks(document_ids)}))"
    # Ranked first and joined after, so that the text of chunks that are not among the best is never read.
    rows = connection.exec_driver_sql(
        f"SELECT chunks.id, -best.rank FROM (SELECT f.rowid AS rowid, f.rank AS rank FROM {table} f WHERE {table} MATCH ? "
        f"{only if document_ids else ''} ORDER BY f.rank LIMIT ?) best JOIN chunks ON chunks.rowid = best.rowid "
        "ORDER BY best.rank, chunks.rowid",
        (" OR ".join(f'"{w}"' for w in words), *((collection_id, *document_ids) if document_ids else ()), k),
    )
    return [(row[0], float(row[1])) for row in rows]


def scores(
    connection: Connection, collection_id: str, words: Sequence[str], chunk_ids: Sequence[str], known: Frequencies
) -> dict[str, float]:
    """Return the BM25 score of each of the chunks that holds any of `words`."""
    found = {}
    wanted = set(words)
    for chunk_id, title, body in _stored(connection, collection_id, chunk_ids):
        stems = title.split(" ") + body.split(" ") if title else body.split(" ")
        held = Counter(stem for stem in stems if stem in wanted)
        if held:
            found[chunk_id] = known.bm25(held, len(stems), wanted)
    return found


def present(
    connection: Connection, collection_id: str, words: Sequence[str], chunk_ids: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Return which of `words` stand in each chunk, in its title, headings or text."""
    wanted = frozenset(words)
    return {
        chunk_id: wanted.intersection(title.split(" ")) | wanted.intersection(body.split(" "))
        for chunk_id, title, body in _stored(connection, collection_id, chunk_ids)
    }


def _stored(connection: Connection, collection_id: str, chunk_ids: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    table = _table(collection_id)
    for at in range(0, len(chunk_ids), BATCH):
        batch = tuple(chunk_ids[at : at + BATCH])
        rows = connection.exec_driver_sql(
            f"SELECT chunks.id, c0, c1 FROM chunks JOIN {table}_content ON {table}_content.id = chunks.rowid "
            f"WHERE +chunks.collection_id = ? AND chunks.id IN ({_marks(batch)})",
            (collection_id, *batch),
        )
        yield from ((row[0], row[1], row[2]) for row in rows)


def _table(collection_id: str) -> str:
    if not collection_id.isalnum():  # it becomes part of a statement
        raise ValueError(f"not the id of a collection: {collection_id!r}")
    return f"keywords_{collection_id}"


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
