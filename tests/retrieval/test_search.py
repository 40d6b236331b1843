"""Search over real documents: the right chunk, true score parts, and the same answer whoever nominates the candidates."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rag
from rag import SearchOptions, Upload, Workbench, providers
from rag.errors import CollectionNotFoundError, QuestionError, StoreError
from rag.providers.local import LocalEmbedder
from rag.question import term_weights
from rag.store import keyword_search
from rag.store.keywords import terms
from rag.types import Hit, SearchResult

QUESTION = "How many sea trout passed Mill Weir?"
ALL = SearchOptions(similarity_threshold=0, top_k=200)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    """The three samples, ingested once for all tests that only read."""
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("library"))) as bench:
        yield bench


def found(result: SearchResult) -> list[tuple[str, float]]:
    return [(hit.chunk.id, round(hit.score, 5)) for hit in result.hits]


def test_the_answer_comes_first(library: Workbench) -> None:
    """The best hit holds the answer, with its document's name and page, and its text is the document's own."""
    hit = rag.search(library, QUESTION).hits[0]
    assert "1,870 sea trout" in hit.chunk.text
    assert (hit.document_name, hit.rank) == ("brackwater-annual-report-2025.pdf", 1)
    assert 3 in hit.chunk.pages
    assert library.catalog.document(hit.chunk.document_id).text[hit.chunk.start : hit.chunk.end] == hit.chunk.text


def test_a_question_about_something_else_finds_nothing_but_near_misses(library: Workbench) -> None:
    """Below the threshold there are no hits; what came nearest says by how much it fell short."""
    result = rag.search(library, "What is the boiling point of ethanol?")
    assert result.hits == ()
    assert result.near_misses
    assert all(near.short_by == pytest.approx(result.threshold - near.score) for near in result.near_misses)


def test_every_candidate_has_all_its_parts(library: Workbench) -> None:
    """Whichever side nominated a candidate: its cosine, BM25 and coverage are the true ones."""
    pool = rag.fetch(library, QUESTION, options=replace(ALL, pool=5, top_k=5))
    assert 5 < len(pool.hits) <= 10
    embedder = library.embedder(pool.collection)
    assert embedder is not None
    vector = embedder.embed_query(QUESTION)
    table = library.vectors(pool.collection)
    with library.catalog.snapshot(pool.collection.id) as snapshot:
        matches = snapshot.keywords(pool.terms, 0, also=table.rowids.tolist())
    frequencies, chunks = library.catalog.document_frequencies(pool.collection.id, pool.terms)
    weights = term_weights(pool.terms, frequencies, chunks)
    for hit in pool.hits:
        row = table.chunk_ids.index(hit.chunk.id)
        assert hit.parts.cosine == pytest.approx(float(table.matrix[row] @ vector), abs=1e-5)
        assert hit.parts.keyword == pytest.approx(matches.scores.get(table.rowids[row], 0.0))
        assert hit.parts.coverage == pytest.approx(covered(library, hit, weights))


def covered(library: Workbench, hit: Hit, weights: dict[str, float]) -> float:
    """The share of the question's weight in the words of the chunk, its headings and its document's title."""
    document = library.catalog.document(hit.chunk.document_id)
    words = set(terms(f"{document.title or document.name} {hit.chunk.heading} {hit.chunk.text}"))
    return sum(weight for term, weight in weights.items() if term in words) / sum(weights.values())


def test_search_is_fetch_then_rank(library: Workbench) -> None:
    """Ranking candidates that were fetched for other options gives what a search with those options gives."""
    pool = rag.fetch(library, QUESTION)
    for options in (
        ALL,
        SearchOptions(mode="semantic"),
        SearchOptions(mode="keyword"),
        SearchOptions(weight=0.9, top_k=3, similarity_threshold=0.2),
    ):
        assert found(rag.rank(pool, replace(options, top_k=min(options.top_k, 50)))) == found(
            rag.search(library, QUESTION, options=replace(options, top_k=min(options.top_k, 50)))
        )


def test_index_and_exact_search_agree(library: Workbench) -> None:
    """The index answers unless exact search is asked for, and both give the same hits and scores."""
    few = SearchOptions(pool=20)  # of 43: the index may not know the way to the last of them
    through_index = rag.search(library, QUESTION, options=few)
    exact = rag.search(library, QUESTION, options=replace(few, exact=True))
    assert (through_index.used_index, exact.used_index) == ("chroma", "exact")
    assert found(through_index) == found(exact)


def test_a_reader_beside_the_owner_gets_the_same(library: Workbench) -> None:
    """A workbench opened for reading searches exactly, beside the one that owns the folder."""
    with rag.open_workbench(library.data_dir, read_only=True) as reader:
        result = rag.search(reader, QUESTION)
    assert result.used_index == "exact"
    assert found(result) == found(rag.search(library, QUESTION))


def test_only_the_chosen_documents_are_searched(library: Workbench) -> None:
    """With a document filter every candidate is of those documents, and the vectors are compared exactly."""
    handbook = next(d for d in library.catalog.documents() if d.name.endswith(".md"))
    result = rag.search(library, "turbine", options=replace(ALL, document_ids=(handbook.id,)))
    assert {hit.chunk.document_id for hit in result.candidates} == {handbook.id}
    assert result.used_index == "exact"


def test_top_k_may_be_larger_than_the_pool(library: Workbench) -> None:
    """The pool grows with top_k: asking for 30 hits from a pool of 2 gives 30."""
    assert (
        len(rag.search(library, QUESTION, options=SearchOptions(top_k=30, pool=2, similarity_threshold=0)).hits) == 30
    )


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_scores_are_absolute_in_every_mode(library: Workbench, mode: str) -> None:
    """In every mode the answer to a question scores well and an unrelated question's best score stays low."""
    options = SearchOptions(mode=mode, similarity_threshold=0)  # type: ignore[arg-type]
    inside = rag.search(library, QUESTION, options=options).hits[0].score
    outside = max(h.score for h in rag.search(library, "Who painted The Night Watch?", options=options).candidates)
    assert outside < 0.35 < 0.5 < inside <= 1


@pytest.mark.parametrize("question", ["?!", "…", "的", "\x00 trout \ud800", "a" * 9000, "the of and"])
def test_odd_questions_are_searched_like_any_other(library: Workbench, question: str) -> None:
    """No sign, script or length within the limit makes a search fail."""
    rag.search(library, question)


@pytest.mark.parametrize(("question", "said"), [("  \n", "empty"), ("a" * 10_001, "10,001")])
def test_a_question_that_cannot_be_asked_says_why(library: Workbench, question: str, said: str) -> None:
    """An empty or far too long question is refused with a sentence."""
    with pytest.raises(QuestionError, match=said):
        rag.search(library, question)


def test_a_search_leaves_one_row_in_the_ledger(library: Workbench) -> None:
    """Every search is counted with the tokens that the local model read, at an explicit cost of 0."""
    before = len(library.ledger.records())
    rag.search(library, QUESTION)
    rows = library.ledger.records()
    assert len(rows) == before + 1
    row = max(rows, key=lambda r: r.id)
    assert (row.action, row.provider, row.model) == ("search", "local", "all-MiniLM-L6-v2")
    assert (row.status, row.cost_usd, row.price_source) == ("ok", 0.0, "local")
    assert row.usage.input_tokens > 5


def test_an_unknown_collection_is_said_to_be_unknown(library: Workbench) -> None:
    """Searching a collection that is not there is an expected failure."""
    with pytest.raises(CollectionNotFoundError):
        rag.search(library, QUESTION, collection="nowhere")


def test_an_empty_collection_has_no_hits(bench: Workbench) -> None:
    """Before anything is ingested a search gives nothing, not an error."""
    result = rag.search(bench, QUESTION)
    assert (result.hits, result.near_misses) == ((), ())


def test_without_an_embedding_model_search_goes_by_keywords(bench: Workbench, samples: list[Upload]) -> None:
    """A collection with keyword search only works in every mode, and the result says which mode it was."""
    bench.create_collection("words", embedding_model="")
    rag.ingest(bench, samples, collection="words")
    result = rag.search(bench, QUESTION, collection="words", options=SearchOptions(mode="semantic"))
    assert "1,870 sea trout" in result.hits[0].chunk.text
    assert (result.options.mode, result.used_index) == ("keyword", "none")
    assert all(hit.parts.cosine == 0 and hit.score == hit.parts.coverage for hit in result.candidates)


def test_a_model_that_went_missing_leaves_keyword_search(
    library: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When the model's package was removed after the collection was built, its documents can still be found."""
    monkeypatch.setattr(providers, "embedder", lambda name, **options: LocalEmbedder(folder=tmp_path))
    result = rag.search(library, QUESTION)
    assert (result.options.mode, result.used_index) == ("keyword", "none")
    assert "1,870 sea trout" in result.hits[0].chunk.text


def test_an_index_that_lost_vectors_is_not_believed(bench: Workbench, samples: list[Upload]) -> None:
    """An index that gives fewer chunks than there are is passed over: the hits stay what exact search gives."""
    rag.ingest(bench, samples)
    few = SearchOptions(pool=20)
    expected = rag.search(bench, QUESTION, options=few)
    assert expected.used_index == "chroma"
    assert bench.index is not None
    bench.index.delete(expected.collection.id, list(bench.vectors(expected.collection).chunk_ids[15:]))
    result = rag.search(bench, QUESTION, options=few)
    assert result.used_index == "exact"
    assert found(result) == found(expected)


def test_an_index_that_fails_is_replaced_by_exact_search(
    bench: Workbench, samples: list[Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that raises does not fail the question, and is not asked again."""
    rag.ingest(bench, samples[:1])
    assert bench.index is not None

    def fail(*args: object) -> None:
        raise StoreError("The index is damaged.")

    monkeypatch.setattr(bench.index, "nearest", fail)
    assert rag.search(bench, QUESTION).used_index == "exact"
    assert bench.index is None
    assert rag.search(bench, QUESTION).hits


def test_a_question_that_fails_leaves_nothing_at_work(
    bench: Workbench, samples: list[Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the words fail while the vectors are still asked, the failure comes when both have ended: nothing is left for a close to meet."""
    rag.ingest(bench, samples[:1])
    assert bench.index is not None
    ended = threading.Event()
    nearest = bench.index.nearest

    def slowly(*args: Any) -> list[str]:
        time.sleep(0.3)
        found = nearest(*args)
        ended.set()
        return found

    def fail(*args: object, **options: object) -> None:
        raise StoreError("The catalog is damaged.")

    monkeypatch.setattr(bench.index, "nearest", slowly)
    with monkeypatch.context() as broken:
        broken.setattr(keyword_search, "look_up", fail)
        with pytest.raises(StoreError, match="catalog is damaged"):
            rag.search(bench, QUESTION)
    assert ended.is_set()
    again = rag.search(bench, QUESTION)
    assert again.used_index == "chroma" and again.hits
    assert again.timings["semantic"] >= 300 > again.timings["keyword"], "waiting for the vectors is not the words' time"


def test_words_that_no_document_has_leave_the_search_to_the_vectors(bench: Workbench, samples: list[Upload]) -> None:
    """A hybrid question without a known word gets what semantic search finds."""
    rag.ingest(bench, samples[:1])
    anything = SearchOptions(similarity_threshold=0)
    both = rag.search(bench, "xylophonic zzyzx", options=anything)
    by_vectors = rag.search(bench, "xylophonic zzyzx", options=replace(anything, mode="semantic"))
    assert [hit.chunk.id for hit in both.hits] == [hit.chunk.id for hit in by_vectors.hits] and both.hits


def test_a_deleted_document_is_not_found(bench: Workbench, samples: list[Upload]) -> None:
    """After a document is deleted no search gives a chunk of it, whether or not the index knows."""
    rag.ingest(bench, samples)
    report = next(d for d in bench.catalog.documents() if d.name.endswith(".pdf"))
    bench.catalog.delete_document(report.id)
    result = rag.search(bench, QUESTION, options=ALL)
    assert result.candidates
    assert report.id not in {hit.chunk.document_id for hit in result.candidates}


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_a_collection_deleted_meanwhile_is_said_to_be_gone(bench: Workbench, samples: list[Upload], mode: str) -> None:
    """Searching a collection that another tab deleted ends in one sentence, before and after the index was asked."""
    rag.ingest(bench, samples[1:2])
    gone = bench.collection()
    rag.search(bench, QUESTION, collection=gone)
    bench.catalog.delete_collection("main")
    with pytest.raises(CollectionNotFoundError, match="was deleted; choose another"):
        rag.search(bench, QUESTION, collection=gone, options=SearchOptions(mode=mode))  # type: ignore[arg-type]
