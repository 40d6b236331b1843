"""Fetch the candidates of one question with every part of their score, once; ranking them again is then free."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rag.providers.base import Vectors
from rag.question import checked_question
from rag.retrieval.asking import accounted, usable_embedder
from rag.retrieval.gathering import Gathering
from rag.types import Candidates, Collection, Mode, SearchOptions

if TYPE_CHECKING:
    from rag.workbench import Workbench


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
        return _gathered(bench, collection, question, options, vector, mode, {})
    embedder = None if mode == "keyword" else usable_embedder(bench, collection)
    with accounted(bench, embedder, [question]):
        began = time.perf_counter()
        vector = embedder.embed_query(question) if embedder else None
        timings = {"embed": (time.perf_counter() - began) * 1000} if embedder else {}
        return _gathered(bench, collection, question, options, vector, mode, timings)


def _gathered(
    bench: Workbench,
    collection: Collection,
    question: str,
    options: SearchOptions,
    vector: Vectors | None,
    mode: Mode,
    timings: dict[str, float],
) -> Candidates:
    with bench.catalog.snapshot(collection.id) as snapshot:
        return Gathering(bench, snapshot, collection, options, mode).candidates(question, vector, timings)
