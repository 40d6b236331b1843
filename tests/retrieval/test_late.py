"""Parts that are looked up late are the ones that an eager fetch gives."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from pydantic import TypeAdapter

import rag
from rag import SearchOptions, Upload, Workbench
from rag.types import Hit, Parts, SearchResult

QUESTION = "How many sea trout passed Mill Weir?"
ALL = SearchOptions(similarity_threshold=0, top_k=10)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("late"))) as bench:
        yield bench


def truth(bench: Workbench) -> dict[str, tuple[float, ...]]:
    pool = rag.fetch(bench, QUESTION, options=replace(ALL, pool=1000))
    return {h.chunk.id: values(h.parts) for h in pool.hits}


def values(parts: Parts) -> tuple[float, ...]:
    return (round(parts.cosine, 5), round(parts.keyword, 9), round(parts.coverage, 9))


def keyword_lookups(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows whenever the words of chunks are looked up."""
    asked: list[str] = []
    real = rag.store.snapshot.Snapshot.keywords
    monkeypatch.setattr(
        rag.store.snapshot.Snapshot, "keywords", lambda self, *a, **k: (asked.append(self._id), real(self, *a, **k))[1]
    )
    return asked


def test_semantic_search_does_without_words_until_somebody_looks(
    library: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranking, threshold, scores and near misses look no word up; the first part that is looked at looks all up, once."""
    expected = truth(library)
    asked = keyword_lookups(library, monkeypatch)
    result = rag.search(
        library, QUESTION, options=replace(ALL, mode="semantic", similarity_threshold=0.3, neighbours=1)
    )
    assert result.hits and result.near_misses
    assert all(hit.score == max(0, hit.parts.cosine) for hit in result.candidates)
    assert asked == []
    assert {h.chunk.id: values(h.parts) for h in result.candidates} == {
        h.chunk.id: expected[h.chunk.id] for h in result.candidates
    }
    assert len(asked) == 1


def test_keyword_search_embeds_nothing_until_somebody_looks(
    library: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keyword search needs no vector; the cosine of its hits is still the true one when it is looked at."""
    expected = truth(library)
    embedder = library.embedder(library.collection())
    asked: list[str] = []
    real = type(embedder).embed_query
    monkeypatch.setattr(type(embedder), "embed_query", lambda self, text: (asked.append(text), real(self, text))[1])
    result = rag.search(library, QUESTION, options=replace(ALL, mode="keyword"))
    assert asked == []
    assert {values(h.parts) for h in result.hits} == {expected[h.chunk.id] for h in result.hits}
    assert asked == [QUESTION]


@pytest.mark.parametrize("mode", ["semantic", "keyword"])
def test_the_lean_way_gives_the_hits_of_the_full_one(library: Workbench, mode: str) -> None:
    """A search for one mode has the hits, near misses, scores and parts of a fetch for all modes ranked in that mode."""
    for threshold in (0.0, 0.3, 0.5, 0.9):
        options = replace(ALL, mode=mode, similarity_threshold=threshold, top_k=4)
        lean, full = rag.search(library, QUESTION, options=options), rag.rank(rag.fetch(library, QUESTION), options)
        assert shown(lean.hits) == shown(full.hits)
        assert [row[:2] for row in shown(lean.near_misses)] == [row[:2] for row in shown(full.near_misses)]


def shown(hits: tuple[Hit, ...]) -> list[tuple[object, ...]]:
    return [(h.chunk.id, round(h.score, 5), h.rank, values(h.parts)) for h in hits]


@pytest.fixture
def result(library: Workbench) -> SearchResult:
    """A semantic search whose words nobody looked at yet."""
    return rag.search(library, QUESTION, options=replace(ALL, mode="semantic"))


def test_late_parts_travel_like_others(library: Workbench, result: SearchResult) -> None:
    """Copied, pickled, written as JSON, shown or compared they are complete."""
    expected = truth(library)[result.hits[0].chunk.id]
    adapter = TypeAdapter(Hit)
    hits = [
        copy.deepcopy(result.hits[0]),
        pickle.loads(pickle.dumps(result.hits[1])),
        adapter.validate_python(adapter.dump_python(result.hits[2], mode="json")),
    ]
    assert values(hits[0].parts) == expected
    assert [values(h.parts) for h in hits] == [values(h.parts) for h in result.hits[:3]]
    assert asdict(result.hits[0])["parts"]["coverage"] == result.hits[0].parts.coverage
    assert f"coverage={result.hits[0].parts.coverage}" in repr(result.hits[0].parts)
    assert not hasattr(result.hits[0].parts, "unknown")


def test_any_number_of_threads_may_look_first(result: SearchResult) -> None:
    """Whoever comes first looks up, the others wait for it."""
    seen: list[float] = []
    threads = [Thread(target=lambda h=h: seen.append(h.parts.coverage)) for h in result.hits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(result.hits)


def test_parts_of_a_collection_that_is_gone_are_zero(bench: Workbench, samples: list[Upload]) -> None:
    """Hits that are still on a screen when their collection was deleted in another tab can be drawn."""
    rag.ingest(bench, samples[1:2])
    result = rag.search(bench, QUESTION, options=replace(ALL, mode="semantic"))
    bench.catalog.delete_collection("main")
    assert {(h.parts.keyword, h.parts.coverage) for h in result.hits} == {(0.0, 0.0)}
    assert all(h.parts.cosine == np.clip(h.score, h.parts.cosine, 1) for h in result.hits)


def test_a_vector_given_is_not_made_again_nor_counted(library: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the question's vector a search calls no model: nothing is embedded, and the ledger has no row of it."""
    fetched = rag.fetch(library, QUESTION)
    rows = len(library.ledger.records())
    monkeypatch.setattr(type(library.embedder(library.collection())), "embed_query", None)
    for mode in ("hybrid", "semantic", "keyword"):
        options = replace(ALL, mode=mode)
        again = rag.search(library, QUESTION, options=options, vector=fetched.vector)
        assert shown(again.hits) == shown(rag.rank(fetched, options).hits)
    assert len(library.ledger.records()) == rows
