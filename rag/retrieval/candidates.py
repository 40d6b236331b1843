"""Fetch the candidates of one question with every part of their score, once; ranking them again is then free.

Both sides nominate their best: the vectors (through the index, or exactly) and the keywords. Whichever half of a pair a
side did not give is computed, so every candidate has a true cosine, BM25 and coverage. The index only ever nominates:
the cosines come from the catalog's own vectors, so an index that lags behind or is damaged can not make a score wrong.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag.errors import ModelUnavailableError, StoreError
from rag.providers.base import Embedder
from rag.question import checked_question, term_weights
from rag.retrieval import exact
from rag.retrieval.confidence import coverage, match_score
from rag.store.keywords import query_terms
from rag.types import Candidates, Collection, Hit, Parts, SearchOptions, Usage

if TYPE_CHECKING:
    from rag.workbench import Workbench

log = logging.getLogger(__name__)


def fetch(
    bench: Workbench,
    question: str,
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
) -> Candidates:
    """Return the union of both sides' best `options.pool` chunks (at least `options.top_k`), each with all its parts.

    The same candidates serve every mode, weight, threshold and a smaller `top_k`. Without an embedding model the pool
    comes from the keywords alone. One row goes into the usage ledger. Raises `QuestionError` and
    `CollectionNotFoundError`.
    """
    question = checked_question(question, bench.settings.question_limit_characters)
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    embedder, tokens = _embedder(bench, collection, question)
    provider, _, model = (embedder.name if embedder else "local/keywords").partition("/")
    with bench.ledger.measure("search", provider, model, items=1) as call:
        call.usage = Usage(input_tokens=tokens)
        if provider == "local":
            call.cost_usd, call.price_source = 0.0, "local"
        return _Pool(bench, collection, question, options, embedder).candidates()


def _embedder(bench: Workbench, collection: Collection, question: str) -> tuple[Embedder | None, int]:
    """Return the collection's embedding model and the tokens that it will read; None when it is absent or damaged.

    A model that is not installed is found out at its first use, which this is.
    """
    try:
        embedder = bench.embedder(collection)
        if embedder is None:
            return None, 0
        return embedder, min(len(embedder.token_spans(question)), embedder.max_input_tokens)
    except ModelUnavailableError as error:
        log.warning("%s", error)
        return None, 0


class _Pool:
    """The work of one fetch; every step leaves its duration in `timings`."""

    def __init__(
        self, bench: Workbench, collection: Collection, question: str, options: SearchOptions, embedder: Embedder | None
    ) -> None:
        self.bench, self.collection, self.question, self.options = bench, collection, question, options
        self.embedder = embedder
        self.size = max(options.pool, options.top_k)
        self.terms = query_terms(question)
        self.used_index = "none"
        self.timings: dict[str, float] = {}

    def candidates(self) -> Candidates:
        with self._timed("total"):
            cosines = self._semantic_side()
            keywords = self._keyword_side(cosines)
            cosines = self._completed(cosines, keywords)
            hits = self._hits(cosines, keywords)
        return Candidates(
            question=self.question,
            collection=self.collection,
            hits=hits,
            terms=self.terms,
            pool=self.size,
            document_ids=self.options.document_ids,
            timings=self.timings,
            used_index=self.used_index,
        )

    def _semantic_side(self) -> dict[str, float]:
        """Return the cosine of each chunk that the vectors nominate; nothing without an embedding model."""
        if self.embedder is None:
            return {}
        with self._timed("embed"):
            self.vector = self.embedder.embed_query(self.question)
        with self._timed("semantic"):
            self.table = self.bench.vectors(self.collection)
            ids = self._nominated_by_index()
            self.used_index = "exact" if ids is None else "chroma"
            if ids is None:
                ids = exact.nearest(self.table, self.vector, self.size, self.options.document_ids)
            return exact.cosines(self.table, self.vector, ids)

    def _nominated_by_index(self) -> list[str] | None:
        """Return what the index finds; None when exact search has to answer instead.

        An index that gives fewer chunks than there are has lost some: it is not believed.
        """
        if self.options.exact or self.options.document_ids or not self.bench.index_ready(self.collection.id):
            return None
        index = self.bench.index
        if index is None:
            return None
        try:
            found = [chunk_id for chunk_id, _ in index.query(self.collection.id, self.vector, self.size)]
        except StoreError as error:
            self.bench.index_failed(error)
            return None
        if len(found) < min(self.size, len(self.table.chunk_ids)):
            log.warning("index of %s gave %d chunks of %d", self.collection.name, len(found), self.size)
            return None
        return found

    def _keyword_side(self, cosines: dict[str, float]) -> dict[str, float]:
        """Return BM25 of what the keywords nominate and of what the vectors did."""
        catalog, collection_id = self.bench.catalog, self.collection.id
        if not self.terms:  # "?!": nothing to look up
            return {}
        with self._timed("keyword"):
            found = dict(
                catalog.keyword_search(collection_id, self.terms, self.size, document_ids=self.options.document_ids)
            )
            missing = [chunk_id for chunk_id in cosines if chunk_id not in found]
            return found | catalog.keyword_scores(collection_id, self.terms, missing)

    def _completed(self, found: dict[str, float], keywords: dict[str, float]) -> dict[str, float]:
        """Return the cosines together with those of the chunks that only the keywords nominated."""
        if self.embedder is None:
            return {}
        with self._timed("semantic"):
            return found | exact.cosines(self.table, self.vector, [i for i in keywords if i not in found])

    def _hits(self, cosines: dict[str, float], keywords: dict[str, float]) -> tuple[Hit, ...]:
        catalog, collection_id = self.bench.catalog, self.collection.id
        ids = list(cosines | keywords)
        with self._timed("coverage"):
            frequencies, chunk_count = catalog.document_frequencies(collection_id, self.terms)
            weights = term_weights(self.terms, frequencies, chunk_count)
            present = catalog.coverage_terms(collection_id, self.terms, ids)
        with self._timed("chunks"):
            chunks = catalog.chunks(ids)
            names = catalog.names({chunk.document_id for chunk in chunks.values()})
        hits = []
        for chunk_id, chunk in chunks.items():  # a chunk that was deleted meanwhile is simply not there
            share = coverage(weights, present.get(chunk_id, frozenset()))
            parts = Parts(cosines.get(chunk_id, 0.0), keywords.get(chunk_id, 0.0), share)
            hits.append(Hit(chunk, names.get(chunk.document_id, ""), 0, match_score(parts), parts))
        return tuple(hits)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0.0) + (time.perf_counter() - began) * 1000
