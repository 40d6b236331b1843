"""Many questions at once give what each gives alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rag
from rag import SearchOptions, Upload, Workbench
from rag.errors import CollectionNotFoundError, FilterError, ProviderError, QuestionError, RagError, StoppedError
from rag.providers.local import LocalEmbedder
from rag.retrieval import search_many
from rag.types import SearchResult

QUESTIONS = [
    "How many sea trout passed Mill Weir?",
    "Who keeps the minutes?",
    "?!",
    "What is the boiling point of ethanol?",
]


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path], samples: list[Upload]
) -> Iterator[Workbench]:
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("batch"))) as bench:
        bench.create_collection("words", embedding_model="")
        rag.ingest(bench, samples, collection="words")
        yield bench


def shown(result: SearchResult | RagError) -> object:
    assert isinstance(result, SearchResult), result
    return (
        result.question,
        result.used_index,
        [(h.chunk.id, round(h.score, 5), h.context) for h in result.hits],
        [(h.chunk.id, round(h.short_by, 5)) for h in result.near_misses],
    )


@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(),
        SearchOptions("semantic", similarity_threshold=0.2),
        SearchOptions("keyword"),
        SearchOptions(exact=True, neighbours=1, mmr=0.3),
        SearchOptions(page_to=2, similarity_threshold=0),
    ],
)
@pytest.mark.parametrize("collection", ["main", "words"])
def test_many_questions_give_what_each_gives_alone(library: Workbench, options: SearchOptions, collection: str) -> None:
    """In order, with the same hits, near misses and surrounding text, however the vectors are compared."""
    alone = [rag.search(library, q, collection=collection, options=options) for q in QUESTIONS]
    together = search_many(library, QUESTIONS, collection=collection, options=options)
    assert [shown(r) for r in together] == [shown(r) for r in alone]


def test_more_questions_than_a_batch_stay_in_order(library: Workbench) -> None:
    """Batches follow each other, and progress counts every question."""
    questions = [f"turbine {n}" for n in range(150)]
    done: list[int] = []
    results = search_many(library, questions, options=SearchOptions(exact=True), on_done=done.append)
    assert [r.question for r in results if isinstance(r, SearchResult)] == questions
    assert sum(done) == 150


def test_a_bad_question_does_not_sink_the_others(library: Workbench) -> None:
    """In the place of a question that cannot be asked stands its error; the others are answered."""
    found = search_many(library, [QUESTIONS[0], "  ", "x" * 50_000, QUESTIONS[1]])
    assert [type(r) for r in found] == [SearchResult, QuestionError, QuestionError, SearchResult]
    assert "50,000 characters" in str(found[2])
    assert shown(found[3]) == shown(rag.search(library, QUESTIONS[1]))


def test_no_questions_are_no_results(library: Workbench) -> None:
    """An empty set, or one of nothing but bad questions, asks no model."""
    rows = len(library.ledger.records())
    assert search_many(library, []) == []
    assert [type(r) for r in search_many(library, [""])] == [QuestionError]
    assert len(library.ledger.records()) == rows


def test_a_batch_is_one_row_in_the_ledger(library: Workbench) -> None:
    """The row counts the questions and the tokens that were read of all of them."""
    before = len(library.ledger.records())
    search_many(library, QUESTIONS)
    rows = library.ledger.records()
    assert len(rows) == before + 1
    assert (rows[0].action, rows[0].items, rows[0].status) == ("search", len(QUESTIONS), "ok")
    assert rows[0].usage.input_tokens > 20


def test_a_model_that_fails_stands_for_each_question(library: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the embedding model cannot be reached, every question has the reason; bad ones keep their own."""

    def fail(*args: object, **options: object) -> None:
        raise ProviderError("network", "The model cannot be reached; try again.")

    monkeypatch.setattr(LocalEmbedder, "embed_queries", fail)
    found = search_many(library, [QUESTIONS[0], "", QUESTIONS[1]])
    assert [type(r) for r in found] == [ProviderError, QuestionError, ProviderError]


def test_what_would_fail_every_question_is_raised(library: Workbench) -> None:
    """A collection that is gone, a filter that nothing passes and a stop are said once."""
    with pytest.raises(CollectionNotFoundError):
        search_many(library, QUESTIONS, collection="nowhere")
    with pytest.raises(CollectionNotFoundError):
        search_many(library, QUESTIONS, collection=replace(library.collection(), id="0" * 32))
    with pytest.raises(FilterError):
        search_many(library, QUESTIONS, options=SearchOptions(tags=("nobody",)))
    with pytest.raises(StoppedError, match="0 of 4"):
        search_many(library, QUESTIONS, stop=lambda: True)
