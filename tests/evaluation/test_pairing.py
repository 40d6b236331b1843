"""Two results of one question side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rag
from rag.evaluation import changes, pairs
from rag.types import ChunkOptions, SearchOptions, SearchResult

QUESTION = "Why was turbine 3 out of service and for how long?"


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path], samples: list[Any]
) -> tuple[Any, Any]:
    """Candidates of one question in two collections that cut the same documents differently."""
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("paired"))) as bench:
        small = bench.create_collection("small", options=ChunkOptions(chunk_size_tokens=80))
        rag.ingest(bench, samples, collection=small.name)
        return rag.fetch(bench, QUESTION), rag.fetch(bench, QUESTION, collection="small")


def ranked(candidates: Any, **options: Any) -> SearchResult:
    return rag.rank(candidates, SearchOptions(**{"similarity_threshold": 0.1, "top_k": 5, **options}))


def test_the_same_settings_change_nothing(found: tuple[Any, Any]) -> None:
    """Every hit stands beside itself, in order."""
    one = ranked(found[0])
    rows = pairs(one, one)
    assert {"stayed": 5, "moved": 0, "left": 0, "entered": 0} == changes(rows)
    assert [hit.chunk.id for hit in one.hits] == [row.left.chunk.id for row in rows if row.left]


def test_other_weights_move_hits_and_every_hit_is_there_once(found: tuple[Any, Any]) -> None:
    """Each hit of both sides is in one row; what is a hit on both says by how many places it rose."""
    one, other = ranked(found[0], mode="keyword"), ranked(found[0], mode="semantic")
    rows = pairs(one, other)
    lefts = [row.left.chunk.id for row in rows if row.change != "entered" and row.left]
    rights = [row.right.chunk.id for row in rows if row.change != "left" and row.right]
    assert sorted(lefts) == sorted(h.chunk.id for h in one.hits)
    assert sorted(rights) == sorted(h.chunk.id for h in other.hits)
    for row in rows:
        if row.change == "moved":
            assert row.left and row.right and row.risen == row.left.rank - row.right.rank != 0
        else:
            assert 0 == row.risen
    assert changes(rows)["entered"] == changes(rows)["left"] > 0


def test_one_that_left_says_where_it_is_now(found: tuple[Any, Any]) -> None:
    """A hit that a smaller number cuts off stands beside its candidate: its rank and score there are known."""
    rows = pairs(ranked(found[0]), ranked(found[0], top_k=3))
    gone = [row for row in rows if row.change == "left"]
    assert [4, 5] == [row.right.rank for row in gone if row.right]


def test_chunks_of_two_collections_meet_where_they_overlap(found: tuple[Any, Any]) -> None:
    """Cut differently, a hit still finds the chunk of the same place; one of another document never."""
    rows = pairs(ranked(found[0]), ranked(found[1]))
    both = [row for row in rows if row.left and row.right]
    assert both
    for row in both:
        assert row.left and row.right
        a, b = row.left.chunk, row.right.chunk
        assert a.document_id == b.document_id
        assert 2 * (min(a.end, b.end) - max(a.start, b.start)) >= min(a.end - a.start, b.end - b.start)


def test_a_chunk_is_taken_once(found: tuple[Any, Any]) -> None:
    """Two small chunks of one large chunk: the one that shares most is its counterpart, the other entered."""
    large, small = ranked(found[0], top_k=1), ranked(found[1], top_k=20)
    first = large.hits[0].chunk
    inside = [
        h for h in small.hits if h.chunk.document_id == first.document_id and first.start <= h.chunk.start < first.end
    ]
    assert len(inside) > 1
    rows = pairs(large, replace(small, hits=tuple(inside)))
    assert len(inside) == len(rows) and len(inside) - 1 == changes(rows)["entered"]
