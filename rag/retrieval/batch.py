"""Search many questions at once: vectors in batches, one read of the catalog for many, and no bad question sinks the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rag.errors import ProviderError, QuestionError, RagError, StoppedError
from rag.providers.base import Embedder, Vectors
from rag.question import checked_question
from rag.retrieval import exact
from rag.retrieval.asking import accounted, usable_embedder
from rag.retrieval.contexts import with_contexts
from rag.retrieval.gathering import Gathering
from rag.retrieval.ranking import rank
from rag.types import Collection, SearchOptions, SearchResult, Stop, never

if TYPE_CHECKING:
    from rag.workbench import Workbench

_AT_ONCE = 64
"""Questions embedded and searched together: what one read transaction and a stop wait for."""


def search_many(
    bench: Workbench,
    questions: Sequence[str],
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    on_done: Callable[[int], None] | None = None,
    stop: Stop = never,
) -> list[SearchResult | RagError]:
    """Return what `search` gives of each question, in order; in place of one that cannot be searched stands its error.

    `on_done` hears how many more questions are done. What would fail every question is raised: `CollectionNotFoundError`,
    `FilterError`, and `StoppedError` when `stop` says so.
    """
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    found: list[SearchResult | RagError] = []
    embedder = None if options.mode == "keyword" else usable_embedder(bench, collection)
    for at in range(0, len(questions), _AT_ONCE):
        if stop():
            raise StoppedError(f"Stopped; {at} of {len(questions)} questions are searched.")
        part = questions[at : at + _AT_ONCE]
        found += _searched(bench, collection, part, options, embedder, stop)
        if on_done is not None:
            on_done(len(part))
    return found


def _searched(
    bench: Workbench,
    collection: Collection,
    questions: Sequence[str],
    options: SearchOptions,
    embedder: Embedder | None,
    stop: Stop,
) -> list[SearchResult | RagError]:
    checked = [_checked(bench, question) for question in questions]
    good = [question for question in checked if isinstance(question, str)]
    try:
        results = iter(_results(bench, collection, good, options, embedder, stop) if good else [])
    except ProviderError as error:  # the embedding model answers none of them
        results = iter([error] * len(good))
    return [next(results) if isinstance(question, str) else question for question in checked]


def _checked(bench: Workbench, question: str) -> str | QuestionError:
    try:
        return checked_question(question, bench.settings.question_limit_characters)
    except QuestionError as error:
        return error


def _results(
    bench: Workbench,
    collection: Collection,
    questions: Sequence[str],
    options: SearchOptions,
    embedder: Embedder | None,
    stop: Stop,
) -> Sequence[SearchResult | RagError]:
    with accounted(bench, embedder, questions):
        vectors = None if embedder is None else embedder.embed_queries(questions, stop=stop)
        with bench.catalog.snapshot(collection.id) as snapshot:
            gathering = Gathering(bench, snapshot, collection, options, options.mode)
            nearest = _nearest(gathering, vectors)
            ranked = [
                rank(
                    gathering.candidates(question, None if vectors is None else vectors[n], None, next(nearest)),
                    options,
                )
                for n, question in enumerate(questions)
            ]
        return [with_contexts(bench, result) for result in ranked]


def _nearest(gathering: Gathering, vectors: Vectors | None) -> Iterator[exact.Rows | None]:
    """Yield what exact search nominates for each question, found for several at a time; None where the index is to be asked."""
    if vectors is not None and gathering.mode != "keyword" and gathering.index is None:
        table = gathering.table()
        yield from exact.nearest_of_each(table, vectors, gathering.size, gathering.among(table))
    while True:
        yield None
