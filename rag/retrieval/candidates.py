"""Fetch the candidates of one question with every part of their score, once; ranking them again is then free.

Both sides nominate their best: the vectors (through the index, or exactly) and the keywords. Whichever half of a pair a
side did not give is computed, so every candidate has a true cosine, BM25 and coverage. The index only ever nominates:
the cosines come from the catalog's own vectors, so an index that lags behind or is damaged can not make a score wrong.
All of it is read in one transaction, of one moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import FilterError, ModelUnavailableError, StoreError
from rag.providers.base import Embedder, Vectors
from rag.question import checked_question, term_weights
from rag.retrieval import exact, late
from rag.retrieval.confidence import coverage
from rag.retrieval.ranking import NEAR_MISS_LIMIT
from rag.store.keywords import query_terms
from rag.types import Candidates, Collection, Filters, Hit, Mode, Parts, SearchOptions, Usage

if TYPE_CHECKING:
    from rag.store.keyword_search import Matches, Rowids
    from rag.store.snapshot import Snapshot
    from rag.store.vectors import VectorTable
    from rag.workbench import Workbench

log = logging.getLogger(__name__)

_NO_ROWIDS: Rowids = np.zeros(0, np.int64)


def fetch(
    bench: Workbench,
    question: str,
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    vector: Vectors | None = None,
) -> Candidates:
    """Return the union of both sides' best `options.pool` chunks (at least `options.top_k`), each with all its parts.

    The same candidates serve every mode, weight, threshold, diversity and a smaller `top_k`; `serves` tells whether they serve
    other options too. `vector` is the question's unit vector when it is known already, e.g. `Candidates.vector` of a fetch
    before: nothing is embedded then. Without an embedding model the pool comes from the keywords alone. A question that is
    embedded or looked up by words leaves one row in the usage ledger. Raises `QuestionError`, `CollectionNotFoundError`,
    `FilterError` when no chunk passes the filters, and `ProviderError`.
    """
    return _fetched(bench, question, collection, options, vector, "hybrid")


def fetch_for(
    bench: Workbench,
    question: str,
    *,
    collection: Collection | str | None,
    options: SearchOptions,
    vector: Vectors | None,
) -> Candidates:
    """Like `fetch`, but only for the mode of `options`: the other side is not searched, and its parts are looked up late."""
    return _fetched(bench, question, collection, options, vector, options.mode)


def serves(candidates: Candidates, options: SearchOptions) -> bool:
    """Tell whether `rank` gives of these candidates what it would give of newly fetched ones."""
    fetched = candidates.options
    return (
        max(options.pool, options.top_k) <= max(fetched.pool, fetched.top_k)
        and not (options.exact and candidates.used_index == "chroma")
        and (options.filters == fetched.filters or (candidates.is_everything and not fetched.filters))
    )


def _fetched(
    bench: Workbench,
    question: str,
    collection: Collection | str | None,
    options: SearchOptions,
    vector: Vectors | None,
    mode: Mode,
) -> Candidates:
    question = checked_question(question, bench.settings.question_limit_characters)
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    if vector is not None:
        return gathered(bench, collection, question, options, vector, mode)
    embedder = None if mode == "keyword" else usable_embedder(bench, collection)
    with accounted(bench, embedder, [question]):
        began = time.perf_counter()
        vector = embedder.embed_query(question) if embedder else None
        timings = {"embed": _ms_since(began)} if embedder else {}
        return gathered(bench, collection, question, options, vector, mode, timings)


def usable_embedder(bench: Workbench, collection: Collection) -> Embedder | None:
    """Return the collection's embedding model; None when it has none, or when that is absent or damaged.

    A model that is not installed is found out at its first use, which this is.
    """
    try:
        embedder = bench.embedder(collection)
        if embedder is not None:
            embedder.token_spans("loaded")
        return embedder
    except ModelUnavailableError as error:
        log.warning("%s", error)
        return None


@contextmanager
def accounted(bench: Workbench, embedder: Embedder | None, questions: Sequence[str]) -> Iterator[None]:
    """Keep the row of a search in the ledger; a remote model keeps its own."""
    if getattr(embedder, "keeps_books", False):
        yield
        return
    provider, _, model = (embedder.name if embedder else "local/keywords").partition("/")
    with bench.ledger.measure("search", provider, model, items=len(questions)) as call:
        call.cost_usd, call.price_source = 0.0, "local"
        if embedder is not None:
            limit = embedder.max_input_tokens
            call.usage = Usage(input_tokens=sum(min(len(embedder.token_spans(q)), limit) for q in questions))
        yield


def gathered(
    bench: Workbench,
    collection: Collection,
    question: str,
    options: SearchOptions,
    vector: Vectors | None,
    mode: Mode,
    timings: dict[str, float] | None = None,
) -> Candidates:
    """Return the candidates of a question whose vector is known, or that is looked up by words alone when it is None.

    Raises `CollectionNotFoundError` and `FilterError`.
    """
    gathering = _Gathering(bench, collection, question, options, vector, mode, {} if timings is None else timings)
    with gathering.timed("total"), bench.catalog.snapshot(collection.id) as snapshot:
        return gathering.candidates(snapshot)


class _Gathering:
    """The work of one fetch; every step leaves its duration in `timings`."""

    def __init__(
        self,
        bench: Workbench,
        collection: Collection,
        question: str,
        options: SearchOptions,
        vector: Vectors | None,
        mode: Mode,
        timings: dict[str, float],
    ) -> None:
        self.bench, self.collection, self.question, self.options = bench, collection, question, options
        self.vector, self.timings = vector, timings
        self.mode: Mode = "keyword" if vector is None else mode
        self.size = _size(options, self.mode)
        self.terms = query_terms(question)
        self.used_index = "none"
        self.table: VectorTable | None = None

    def candidates(self, snapshot: Snapshot) -> Candidates:
        if self.vector is not None:
            self.table = self.bench.vectors(self.collection, snapshot.revision)
        within = self._within(snapshot)
        near = _NO_ROWIDS if self.mode == "keyword" else self._nearest(snapshot, within)
        matches = None if self.mode == "semantic" else self._matches(snapshot, near, within)
        rowids = near if matches is None else _union(near, matches.best)
        rows = None if self.table is None else exact.rows_at(self.table, rowids)
        if self.table is not None and rows is not None and len(rows) < len(rowids):  # changed since the table was read
            rowids = self.table.rowids[rows]
        vectors = None if self.table is None or rows is None else self.table.matrix[rows]
        with self.timed("chunks"):
            chunks = snapshot.chunks(rowids.tolist())
            documents = snapshot.documents({chunk.document_id for chunk in chunks.values()})
        here = [at for at, rowid in enumerate(rowids.tolist()) if rowid in chunks]
        if len(here) < len(rowids):  # a chunk that was deleted meanwhile is simply not there
            rowids, vectors = rowids[here], None if vectors is None else vectors[here]
        parts = self._parts(rowids, vectors, matches)
        return Candidates(
            question=self.question,
            collection=self.collection,
            hits=tuple(
                Hit(chunk, documents[chunk.document_id].name, 0, 0.0, parts[rowid])
                for rowid, chunk in ((rowid, chunks[rowid]) for rowid in rowids.tolist())
            ),
            terms=self.terms,
            options=self.options,
            timings=self.timings,
            used_index=self.used_index,
            documents=documents,
            is_everything=self.mode != "keyword" and len(near) < self.size,
            vector=self.vector,
            vectors=vectors,
        )

    def _within(self, snapshot: Snapshot) -> Rowids | None:
        within = snapshot.rows(self.options.filters)
        if within is not None and not len(within):
            raise FilterError(
                f"Nothing in {self.collection.name!r} passes the filter ({described(self.options.filters)}); widen or clear it."
            )
        return within

    def _nearest(self, snapshot: Snapshot, within: Rowids | None) -> Rowids:
        """Return the chunks that the vectors nominate, through the index where it can be believed."""
        assert self.table is not None and self.vector is not None
        with self.timed("semantic"):
            rows = None if within is not None else self._nominated_by_index(snapshot)
            self.used_index = "exact" if rows is None else "chroma"
            if rows is None:
                among = None if within is None else exact.rows_at(self.table, within)
                rows = exact.nearest(self.table, self.vector, self.size, among)
            return self.table.rowids[rows]

    def _nominated_by_index(self, snapshot: Snapshot) -> exact.Rows | None:
        """Return what the index finds; None when exact search has to answer instead.

        An index that gives fewer chunks than there are has lost some: it is not believed.
        """
        index = None if self.options.exact or snapshot.index_is_behind else self.bench.index
        if index is None:
            return None
        assert self.table is not None and self.vector is not None
        try:
            found = index.query(self.collection.id, self.vector, self.size)
        except StoreError as error:
            self.bench.index_failed(error)
            return None
        rows = exact.rows_of(self.table, (chunk_id for chunk_id, _ in found))
        if len(rows) < min(self.size, len(self.table.chunk_ids)):
            log.warning("index of %s gave %d chunks of %d", self.collection.name, len(rows), self.size)
            return None
        return rows

    def _matches(self, snapshot: Snapshot, near: Rowids, within: Rowids | None) -> Matches:
        """Return what the keywords nominate, with scores of these and of what the vectors nominated."""
        with self.timed("keyword"):
            return snapshot.keywords(self.terms, self.size, also=near.tolist(), within=within)

    def _parts(self, rowids: Rowids, vectors: Vectors | None, matches: Matches | None) -> Mapping[int, Parts]:
        """Return the parts of each candidate: all of them, or with one side to be looked up late."""
        keys = rowids.tolist()
        cosines = None if vectors is None or self.vector is None else (vectors @ self.vector).tolist()
        if matches is None:
            assert cosines is not None
            known = {rowid: {"cosine": cosine} for rowid, cosine in zip(keys, cosines, strict=True)}
            return late.Question(known, lambda: self._looked_up_words(keys)).parts
        words = self._word_parts(matches, keys)
        if cosines is None and self._has_a_local_model():
            return late.Question(words, lambda: self._looked_up_cosines(keys)).parts
        return {
            rowid: Parts(cosine, words[rowid]["keyword"], words[rowid]["coverage"])
            for rowid, cosine in zip(keys, cosines or [0.0] * len(keys), strict=True)
        }

    def _word_parts(self, matches: Matches, rowids: Sequence[int]) -> dict[int, late.Known]:
        weights = term_weights(self.terms, matches.known.containing, matches.known.chunks)
        return {
            rowid: {
                "keyword": matches.scores.get(rowid, 0.0),
                "coverage": coverage(weights, matches.present.get(rowid, frozenset())),
            }
            for rowid in rowids
        }

    def _looked_up_words(self, rowids: Sequence[int]) -> Mapping[int, late.Known]:
        with self.bench.catalog.snapshot(self.collection.id) as snapshot:
            return self._word_parts(snapshot.keywords(self.terms, 0, also=rowids), rowids)

    def _has_a_local_model(self) -> bool:
        """Tell whether looking at a cosine may embed the question: at a remote model it would cost money and time."""
        return self.collection.embedding_model.startswith("local/") and self.options.mode == "keyword"

    def _looked_up_cosines(self, rowids: Sequence[int]) -> Mapping[int, late.Known]:
        embedder = usable_embedder(self.bench, self.collection)
        if embedder is None:
            return {}
        table = self.bench.vectors(self.collection)
        rows = exact.rows_at(table, np.array(rowids, np.int64))
        cosines = table.matrix[rows] @ embedder.embed_query(self.question)
        return {
            rowid: {"cosine": cosine}
            for rowid, cosine in zip(table.rowids[rows].tolist(), cosines.tolist(), strict=True)
        }

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0.0) + _ms_since(began)


def _size(options: SearchOptions, mode: Mode) -> int:
    """Return how many candidates a side nominates.

    By vectors alone rank and match score are in the same order, so that no more than hits and near misses can be shown; but
    diversity chooses from all of the pool.
    """
    wanted = max(options.pool, options.top_k)
    return wanted if mode != "semantic" or options.mmr else min(wanted, options.top_k + NEAR_MISS_LIMIT)


def described(filters: Filters) -> str:
    """Return what a filter asks for, for the user."""
    said = []
    if filters.document_ids:
        said.append("1 document" if len(filters.document_ids) == 1 else f"{len(filters.document_ids)} documents")
    if filters.tags:
        said.append("tagged " + " or ".join(repr(tag) for tag in filters.tags))
    if filters.page_from is not None or filters.page_to is not None:
        said.append(f"pages {filters.page_from or 1} to {filters.page_to or 'the last'}")
    if filters.added_from:
        said.append(f"added from {filters.added_from.isoformat()}")
    if filters.added_to:
        said.append(f"added to {filters.added_to.isoformat()}")
    return ", ".join(said)


def _union(near: Rowids, words: Sequence[int]) -> Rowids:
    known = set(near.tolist())
    return np.concatenate([near, np.array([rowid for rowid in words if rowid not in known], np.int64)])


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
