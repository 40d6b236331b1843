"""One collection as a single read transaction sees it: everything that a search asks of the catalog.

Chunks go by their rowids here: they are what keyword rows, vectors and chunks share, and the quickest to look up. Statements go to
the driver itself: the making of them by the toolkit took as long as the rest of a search.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from rag.clock import midnight
from rag.errors import CollectionNotFoundError
from rag.store import keyword_search
from rag.store.keyword_index import Frequencies
from rag.store.keyword_search import BATCH, Matches, Rowids, marks
from rag.store.tags import tag_key
from rag.types import Chunk, Context, DocumentFacts, Filters

_KEPT_WORDS = 10_000
_KEPT_FILTERS = 8
_STATE = (
    "SELECT revision, EXISTS (SELECT 1 FROM collection_documents WHERE collection_id = ?1 AND state = 'pending') "
    "OR EXISTS (SELECT 1 FROM index_removals WHERE collection_id = ?1) FROM collections WHERE id = ?1"
)


@dataclass(slots=True)
class _Words:
    revision: int
    chunks: int
    words: int
    containing: dict[str, int]


class Memory:
    """What one catalog remembers between snapshots, until a collection changes: word counts, and which chunks pass a filter."""

    def __init__(self) -> None:
        self.words: dict[str, _Words] = {}
        self.filtered: OrderedDict[tuple[object, ...], Rowids] = OrderedDict()


class Snapshot:
    """A collection at one revision. Use it inside `Catalog.snapshot`, from one thread."""

    def __init__(self, connection: sqlite3.Connection, memory: Memory, collection_id: str) -> None:
        """Raises `CollectionNotFoundError`."""
        self._connection, self._memory, self._id = connection, memory, collection_id
        row = connection.execute(_STATE, (collection_id,)).fetchone()
        if row is None:
            raise CollectionNotFoundError("The collection was deleted; choose another.")
        self.revision: int = row[0]
        self.index_is_behind: bool = bool(row[1])
        """The index lacks chunks that are here, or has some that are gone."""

    # --- words ---

    def keywords(
        self, terms: Sequence[str], k: int, *, also: Iterable[int] = (), within: Rowids | None = None
    ) -> Matches:
        """Return the best `k` chunks that hold any of `terms`, and score and words of these and of the chunks of `also`.

        `terms` are stems, as `keywords.query_terms` gives them; `within` comes from `rows`.
        """
        known = self.frequencies(terms)
        return keyword_search.look_up(self._connection, self._id, terms, k, known, also=also, within=within)

    def frequencies(self, terms: Iterable[str]) -> Frequencies:
        """Return how many chunks hold each term, and how many chunks and words there are; remembered until the collection changes."""
        kept = self._memory.words.get(self._id)
        if kept is None or kept.revision != self.revision or len(kept.containing) > _KEPT_WORDS:
            kept = _Words(self.revision, *keyword_search.totals(self._connection, self._id), {})
            self._memory.words[self._id] = kept
        missing = [term for term in terms if term not in kept.containing]
        kept.containing.update(keyword_search.containing(self._connection, self._id, missing))
        return Frequencies(kept.chunks, kept.words, kept.containing)

    # --- filters ---

    def rows(self, filters: Filters) -> Rowids | None:
        """Return the chunks that pass, ascending; None when all do."""
        if not filters:
            return None
        documents = self.passing(filters)
        key = (self._id, self.revision, documents, filters.page_from, filters.page_to)
        found = self._memory.filtered.get(key)
        if found is None:
            found = self._memory.filtered[key] = self._passing(documents, filters)
            while len(self._memory.filtered) > _KEPT_FILTERS:
                self._memory.filtered.popitem(last=False)
        return found

    def passing(self, filters: Filters) -> tuple[str, ...] | None:
        """Return the documents that pass, None for all: tags and documents change without a change of the collection."""
        where, values = "", [self._id]
        if filters.document_ids:
            where += " AND documents.id IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(filters.document_ids))
        if filters.tags:
            where += (
                " AND EXISTS (SELECT 1 FROM document_tags WHERE document_id = documents.id"
                " AND tag_key IN (SELECT value FROM json_each(?)))"
            )
            values.append(json.dumps([tag_key(tag) for tag in filters.tags]))
        if filters.added_from:
            where += " AND added_at >= ?"
            values.append(_beginning(filters.added_from))
        if filters.added_to:
            where += " AND added_at < ?"
            values.append(_beginning(filters.added_to + timedelta(days=1)))
        if not where:
            return None
        rows = self._connection.execute(
            "SELECT document_id FROM collection_documents JOIN documents ON documents.id = document_id "
            f"WHERE collection_id = ?{where} ORDER BY document_id",
            tuple(values),
        )
        return tuple(row[0] for row in rows)

    def _passing(self, documents: tuple[str, ...] | None, filters: Filters) -> Rowids:
        where, values = "", [self._id]
        if documents is not None:
            where += " AND document_id IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(documents))
        # A chunk's pages are ascending and without gaps; text without pages has NULL here and never passes.
        if filters.page_from is not None:
            where += f" AND json_extract(pages, '$[#-1]') >= {int(filters.page_from)}"
        if filters.page_to is not None:
            where += f" AND json_extract(pages, '$[0]') <= {int(filters.page_to)}"
        if filters.page_from is not None or filters.page_to is not None:
            where += " AND pages != '[]'"
        rows = self._connection.execute(f"SELECT rowid FROM chunks WHERE collection_id = ?{where}", tuple(values))
        return np.sort(np.fromiter((row[0] for row in rows), np.int64))

    # --- chunks ---

    def chunks(self, rowids: Sequence[int]) -> dict[int, Chunk]:
        """Return those of the chunks that exist, by rowid."""
        found: dict[int, Chunk] = {}
        for at in range(0, len(rowids), BATCH):
            batch = tuple(rowids[at : at + BATCH])
            rows = self._connection.execute(
                'SELECT rowid, id, document_id, idx, start, "end", pages, heading, text FROM chunks '
                f"WHERE rowid IN ({marks(batch)})",
                batch,
            )
            for row in rows:
                found[row[0]] = Chunk(row[1], row[2], row[3], row[4], row[5], _pages(row[6]), row[7], row[8])
        return found

    def documents(self, document_ids: Iterable[str]) -> dict[str, DocumentFacts]:
        """Return name, day and tags of those of the documents that exist."""
        rows = self._connection.execute(
            "SELECT id, name, added_at, (SELECT group_concat(tag, char(10)) FROM document_tags WHERE document_id = documents.id) "
            "FROM documents INDEXED BY documents_facts WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(document_ids)),),
        )
        return {
            row[0]: DocumentFacts(
                row[1], datetime.fromisoformat(row[2]), tuple((row[3] or "").split("\n")) if row[3] else ()
            )
            for row in rows
        }

    def contexts(self, chunks: Iterable[Chunk], neighbours: int) -> dict[str, Context]:
        """Return each chunk, by id, with the text from `neighbours` chunks before it to as many after it.

        A chunk whose document is gone has none.
        """
        texts: dict[str, str] = {}
        found = {}
        for chunk in chunks:
            rows = self._connection.execute(
                'SELECT start, "end", pages FROM chunks WHERE collection_id = ? AND document_id = ? AND idx BETWEEN ? AND ?',
                (self._id, chunk.document_id, chunk.index - neighbours, chunk.index + neighbours),
            ).fetchall()
            if not rows:
                continue
            if chunk.document_id not in texts:
                texts[chunk.document_id] = self._text(chunk.document_id)
            start, end = min(row[0] for row in rows), max(row[1] for row in rows)
            pages = sorted({page for row in rows for page in _pages(row[2])})
            found[chunk.id] = Context(start, end, tuple(pages), texts[chunk.document_id][start:end])
        return found

    def _text(self, document_id: str) -> str:
        (data,) = self._connection.execute("SELECT text FROM documents WHERE id = ?", (document_id,)).fetchone()
        return zlib.decompress(data).decode("utf-8")


@lru_cache(maxsize=4096)
def _pages(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


def _beginning(day: date) -> str:
    """Return when a day begins here, as documents keep their time."""
    return midnight(day).astimezone(UTC).isoformat()
