"""Measure a question set on a collection: candidates are fetched once a question and remembered until the chunks change."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import QuestionError, QuestionSetError, StoppedError
from rag.evaluation.labels import in_collection
from rag.evaluation.pool import Place, Pool, Scored, make_pool, with_vectors
from rag.evaluation.scoring import Evaluation, rescore
from rag.recent import Recent
from rag.store.question_sets import QuestionSets
from rag.types import Candidates, Collection, LabelledQuestion, QuestionSet, SearchOptions, Stop, never

if TYPE_CHECKING:
    from rag.workbench import Workbench

OnProgress = Callable[[int, int], None]
"""Hears how many questions are done, of how many."""

_KEPT_QUESTIONS = 5000  # about 10 KB each
_KEPT_POOLS = 4
_REMOTE_AT_ONCE = 4
_Key = tuple[object, ...]


class _Known:
    """What was fetched for one workbench."""

    def __init__(self) -> None:
        self.scored: Recent[_Key, Scored] = Recent(_KEPT_QUESTIONS)
        self.pools: Recent[_Key, Pool] = Recent(_KEPT_POOLS)
        self.places: weakref.WeakValueDictionary[str, Place] = weakref.WeakValueDictionary()


_known: weakref.WeakKeyDictionary[Workbench, _Known] = weakref.WeakKeyDictionary()


def evaluate(
    bench: Workbench,
    question_set: QuestionSet | str,
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    on_progress: OnProgress | None = None,
    stop: Stop = never,
) -> Evaluation:
    """Return how a search under `options` does on a question set (or the one of that id or name).

    The first call on a collection searches every question; later ones, under any options, cost nothing until its chunks
    change. Drafts and questions whose evidence is not in the collection are left out, with a sentence each. Raises
    `QuestionSetError` when no question is left, `CollectionNotFoundError`, and `StoppedError`.
    """
    return rescore(
        gather(bench, question_set, collection=collection, options=options, on_progress=on_progress, stop=stop), options
    )


def gather(
    bench: Workbench,
    question_set: QuestionSet | str,
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    on_progress: OnProgress | None = None,
    stop: Stop = never,
) -> Pool:
    """Return the candidates of every question that can be measured, as `rescore` takes them; raises what `evaluate` does."""
    if isinstance(question_set, str):
        question_set = QuestionSets(bench.catalog.engine).get(question_set)
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    known = _known.setdefault(bench, _Known())
    key = (*_reach(bench, collection, options), question_set.questions)
    pool = known.pools.get(key)
    if pool is None:
        pool = _fetched(bench, known, question_set, collection, options, on_progress, stop)
        if key[:-1] == _reach(
            bench, collection, options
        ):  # else chunks changed meanwhile: right now, but not for later
            known.pools[key] = replace(pool, fetched=0)
    return replace(pool, collection=collection)  # its threshold may have been set anew


def _reach(bench: Workbench, collection: Collection, options: SearchOptions) -> _Key:
    """Return what candidates depend on beside the question: nothing that only ranks them."""
    tags: _Key = ()
    if options.tags:  # tags change without a change of the chunks
        tags = tuple((document.id, document.tags) for document in bench.catalog.documents(collection.id))
    size = max(options.pool, options.top_k)
    return collection.id, bench.catalog.revision(collection.id), size, options.exact, options.filters, tags


def _fetched(
    bench: Workbench,
    known: _Known,
    question_set: QuestionSet,
    collection: Collection,
    options: SearchOptions,
    on_progress: OnProgress | None,
    stop: Stop,
) -> Pool:
    wanted, left_out = in_collection(bench, question_set, collection)
    reach = _reach(bench, collection, options)
    new = [question for question in wanted if known.scored.get((*reach, question.text)) is None]

    def search(question: LabelledQuestion) -> Scored | str:
        """Return the candidates, or the sentence that says why the question cannot be asked."""
        if stop():
            raise StoppedError("Measuring was stopped; what was searched so far is remembered.")
        found = known.scored.get((*reach, question.text))
        if found is None:
            try:
                found = known.scored[*reach, question.text] = _scored(known, bench, question, collection, options)
            except QuestionError as error:
                return str(error)
        return found

    asked, scored = [], []
    for done, (question, found) in enumerate(_each(search, wanted, 1 if _is_local(collection) else _REMOTE_AT_ONCE), 1):
        if on_progress:
            on_progress(done, len(wanted))
        if isinstance(found, str):
            left_out.append((question, found))
        else:
            asked.append(question)
            scored.append(found)
    if not asked:
        raise nothing_to_measure(question_set, left_out)
    pool = make_pool(asked, scored, collection, filters=options.filters, left_out=left_out, fetched=len(new))
    if not pool.has_vectors.any():
        return pool
    table = bench.vectors(collection)
    return with_vectors(pool, table.chunk_ids, table.matrix)


def _is_local(collection: Collection) -> bool:
    return not collection.embedding_model or collection.embedding_model.startswith("local/")


def _each(
    search: Callable[[LabelledQuestion], Scored | str], wanted: Sequence[LabelledQuestion], at_once: int
) -> Iterator[tuple[LabelledQuestion, Scored | str]]:
    """Yield every question with what was found, in order; some are searched at once where a remote model embeds them."""
    if at_once == 1:
        yield from ((question, search(question)) for question in wanted)
        return
    with ThreadPoolExecutor(at_once) as workers:
        try:
            yield from zip(wanted, workers.map(search, wanted), strict=True)
        finally:
            workers.shutdown(cancel_futures=True)


def nothing_to_measure(question_set: QuestionSet, left_out: Sequence[tuple[LabelledQuestion, str]]) -> QuestionSetError:
    """Return the error for a set of which no question can be measured."""
    reasons = {sentence for question, sentence in left_out if question.label not in ("draft", "adversarial")}
    if not question_set.labelled("evidence", "absent"):
        return QuestionSetError(
            f"Question set {question_set.name!r} has no labelled question yet; label a result on Search, or import labels."
        )
    return QuestionSetError(f"No question of {question_set.name!r} can be measured here: {min(reasons)}")


def _scored(
    known: _Known, bench: Workbench, question: LabelledQuestion, collection: Collection, options: SearchOptions
) -> Scored:
    from rag import fetch  # another verb, so through the facade

    found: Candidates = fetch(bench, question.text, collection=collection, options=options)
    places = []
    for hit in found.hits:
        chunk = hit.chunk
        place = known.places.get(chunk.id) or Place(chunk.id, chunk.document_id, chunk.start, chunk.end, chunk.pages)
        known.places[chunk.id] = place
        places.append(place)
    parts = [hit.parts for hit in found.hits]
    return Scored(
        places=tuple(places),
        cosine=np.array([p.cosine for p in parts]),
        keyword=np.array([p.keyword for p in parts]),
        coverage=np.array([p.coverage for p in parts]),
        has_vectors=found.used_index != "none",
    )
