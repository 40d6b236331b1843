"""Gather the candidates of one question within one read of the catalog.

Both sides nominate their best: the vectors (through the index, or exactly) and the keywords. Whichever half of a pair a
side did not give is computed, so every candidate has a true cosine, BM25 and coverage. The index only ever nominates:
the cosines come from the catalog's own vectors, so an index that lags behind or is damaged can not make a score wrong.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import FilterError, StoreError
from rag.providers.base import Vectors
from rag.retrieval import exact
from rag.retrieval.filtering import described
from rag.retrieval.parts import Words, parts_of
from rag.retrieval.ranking import NEAR_MISS_LIMIT
from rag.store.keywords import query_terms
from rag.types import Candidates, Collection, Hit, Mode, SearchOptions

if TYPE_CHECKING:
    from rag.store.index import VectorIndex
    from rag.store.keyword_search import Matches, Rowids
    from rag.store.snapshot import Snapshot
    from rag.store.vectors import VectorTable
    from rag.workbench import Workbench

log = logging.getLogger(__name__)

_SMALL = 200
"""Chunks that asking the index for all of them costs little more than for a few: it walks through most of so many for any question."""
_NONE: Rowids = np.zeros(0, np.int64)


class Gathering:
    """What is the same for every question that is asked of one snapshot with the same options."""

    def __init__(
        self, bench: Workbench, snapshot: Snapshot, collection: Collection, options: SearchOptions, mode: Mode
    ) -> None:
        """`mode` says which sides nominate. Raises `FilterError` when no chunk passes the filters."""
        self.bench, self.snapshot, self.collection, self.options, self.mode = (
            bench, snapshot, collection, options, mode,
        )  # fmt: skip
        self.size = size(options, mode)
        self.within = snapshot.rows(options.filters)
        if self.within is not None and not len(self.within):
            raise FilterError(
                f"Nothing in {collection.name!r} passes the filter ({described(options.filters)}); widen or clear it."
            )

    @property
    def index(self) -> VectorIndex | None:
        """The index when it may nominate: nothing is left out, and it knows all that the catalog does."""
        if self.options.exact or self.within is not None or self.snapshot.index_is_behind:
            return None
        return self.bench.index

    def table(self) -> VectorTable:
        return self.bench.vectors(self.collection, self.snapshot.revision)

    def among(self, table: VectorTable) -> exact.Rows | None:
        """Return the rows that may be nominated; None for all."""
        return None if self.within is None else exact.rows_at(table, self.within)

    def candidates(
        self,
        question: str,
        vector: Vectors | None,
        timings: dict[str, float] | None = None,
        nearest: exact.Rows | None = None,
    ) -> Candidates:
        """Return the candidates of a question with its unit vector, or None to go by words alone.

        `nearest` are the rows that exact search nominates, where they are known already.
        """
        timings = {} if timings is None else timings
        with _timed(timings, "total"):
            found = _Found(self, question, vector, timings)
            return found.candidates(nearest)


class _Found:
    """The work on one question; every step leaves its duration in `timings`."""

    def __init__(self, all_: Gathering, question: str, vector: Vectors | None, timings: dict[str, float]) -> None:
        self.all, self.question, self.vector, self.timings = all_, question, vector, timings
        self.mode: Mode = "keyword" if vector is None else all_.mode
        self.words = Words(all_.bench, all_.collection.id, query_terms(question))
        self.used_index = "none"

    def candidates(self, nearest: exact.Rows | None) -> Candidates:
        snapshot = self.all.snapshot
        table = None if self.vector is None else self.all.table()
        near, matches = self._nominated(table, nearest)
        rowids = near if matches is None else _union(near, matches.best)
        if table is not None:
            rows = exact.rows_at(table, rowids)
            if len(rows) < len(rowids):  # the table is of another moment: what it lacks is left out
                rowids = table.rowids[rows]
        with _timed(self.timings, "chunks"):
            chunks = snapshot.chunks(rowids.tolist())
            documents = snapshot.documents({chunk.document_id for chunk in chunks.values()})
        keys = [rowid for rowid in rowids.tolist() if rowid in chunks]
        if table is not None and len(keys) < len(rowids):
            rows = exact.rows_at(table, np.array(keys, np.int64))
        vectors = None if table is None else table.matrix[rows]
        parts = parts_of(
            self.all.bench, self.all.collection, self.question, self.words, keys, self._cosines(vectors), matches
        )
        return Candidates(
            question=self.question,
            collection=self.all.collection,
            hits=tuple(
                Hit(chunks[key], documents[chunks[key].document_id].name, 0, 0.0, parts[key]) for key in keys
            ),
            terms=self.words.terms,
            options=self.all.options,
            timings=self.timings,
            used_index=self.used_index,
            documents=documents,
            is_everything=self.mode != "keyword" and len(near) < self.all.size,
            vector=self.vector,
            vectors=vectors,
        )  # fmt: skip

    def _nominated(self, table: VectorTable | None, nearest: exact.Rows | None) -> tuple[Rowids, Matches | None]:
        """Return what the vectors nominate, and what the words do. Where both have to be asked they work at the same time.

        Neither holds the interpreter while it works. The snapshot is asked by this thread only.
        """
        if table is None or self.mode == "keyword":
            return _NONE, self._matches(())
        if self.mode == "semantic" or nearest is not None:
            near = self._near(table, nearest)
            return near, None if self.mode == "semantic" else self._matches(near.tolist())
        found = self.all.bench.beside.submit(self._near, table, None)
        try:
            matches = self._matches(self._when_found(found))
            near = found.result()
        finally:
            wait([found])  # also when the words failed: nothing goes on when the question has ended
        self.timings["keyword"] -= self.timings.pop("wait", 0.0)
        return near, matches

    def _when_found(self, near: Future[Rowids]) -> Iterator[int]:
        """Yield chunks that are still looked for: whoever reads them waits."""
        with _timed(self.timings, "wait"):
            rowids = near.result().tolist()
        yield from rowids

    def _near(self, table: VectorTable, nearest: exact.Rows | None) -> Rowids:
        """Return the chunks that the vectors nominate, through the index where it can be believed."""
        assert self.vector is not None
        with _timed(self.timings, "semantic"):
            rows = self._nominated_by_index(table) if nearest is None else None
            self.used_index = "exact" if rows is None else "chroma"
            if rows is None:
                rows = nearest
            if rows is None:
                rows = exact.nearest(table, self.vector, self.all.size, self.all.among(table))
            return table.rowids[rows]

    def _nominated_by_index(self, table: VectorTable) -> exact.Rows | None:
        """Return what the index finds; None when exact search has to answer instead.

        An index that gives fewer chunks than there are has lost some: it is not believed. A small one is asked for all of its
        chunks, because that is where Chroma now and then loses the way to one.
        """
        index = self.all.index
        if index is None or self.vector is None:
            return None
        try:
            wanted = max(self.all.size, len(table.chunk_ids) if len(table.chunk_ids) <= _SMALL else 0)
            found = index.nearest(self.all.collection.id, self.vector, wanted)
        except StoreError as error:
            self.all.bench.index_failed(error)
            return None
        rows = exact.rows_of(table, found)
        if len(rows) < min(wanted, len(table.chunk_ids)):
            log.warning("index of %s gave %d chunks of %d", self.all.collection.name, len(rows), wanted)
            return None
        return rows[: self.all.size]

    def _matches(self, near: Iterable[int]) -> Matches:
        """Return what the keywords nominate, with scores of these and of what the vectors nominated."""
        with _timed(self.timings, "keyword"):
            return self.all.snapshot.keywords(self.words.terms, self.all.size, also=near, within=self.all.within)

    def _cosines(self, vectors: Vectors | None) -> list[float] | None:
        if vectors is None or self.vector is None:
            return None
        cosines: list[float] = (vectors @ self.vector).tolist()
        return cosines


def size(options: SearchOptions, mode: Mode) -> int:
    """Return how many candidates a side nominates.

    By vectors alone rank and match score are in the same order, so that no more than hits and near misses can be shown; but
    diversity chooses from all of the pool.
    """
    wanted = max(options.pool, options.top_k)
    return wanted if mode != "semantic" or options.mmr else min(wanted, options.top_k + NEAR_MISS_LIMIT)


def _union(near: Rowids, words: Sequence[int]) -> Rowids:
    known = set(near.tolist())
    return np.concatenate([near, np.array([rowid for rowid in words if rowid not in known], np.int64)])


@contextmanager
def _timed(timings: dict[str, float], step: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        timings[step] = timings.get(step, 0.0) + (time.perf_counter() - began) * 1000
