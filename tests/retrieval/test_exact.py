"""Exact search is exact: whatever a full sort would give."""

from __future__ import annotations

import numpy as np
import pytest

from rag.retrieval.exact import cosines, nearest
from rag.store.vectors import VectorTable


def table(rows: int, seed: int = 1) -> VectorTable:
    matrix = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return VectorTable(tuple(f"c{i}" for i in range(rows)), tuple(f"d{i % 3}" for i in range(rows)), matrix, 1)


@pytest.mark.parametrize("k", [1, 7, 40, 99])
def test_nearest_is_what_a_full_sort_gives(k: int) -> None:
    """The k nearest chunks come best first, however many are asked for."""
    vectors = table(40)
    order = np.argsort(-(vectors.matrix @ vectors.matrix[3]))[:k]
    assert nearest(vectors, vectors.matrix[3], k) == [f"c{i}" for i in order]


def test_a_filter_keeps_the_order_and_drops_the_rest() -> None:
    """Filtered search is the full ranking without the other documents; an unknown document has no chunks."""
    vectors = table(40)
    everything = nearest(vectors, vectors.matrix[0], 40)
    wanted = [name for name in everything if int(name[1:]) % 3 in (0, 2)]
    assert nearest(vectors, vectors.matrix[0], 40, ("d0", "d2", "unknown")) == wanted
    assert nearest(vectors, vectors.matrix[0], 5, ("unknown",)) == []


def test_cosines_belong_to_the_chunks_asked_for() -> None:
    """Each chunk gets its own cosine, in any order; a chunk without a vector gets none."""
    vectors = table(10)
    found = cosines(vectors, vectors.matrix[4], ["c9", "gone", "c4"])
    assert list(found) == ["c9", "c4"]
    assert found["c4"] == pytest.approx(1.0)
    assert found["c9"] == pytest.approx(float(vectors.matrix[9] @ vectors.matrix[4]))


def test_a_new_table_of_the_same_collection_is_looked_up_anew() -> None:
    """After the collection changed, no row of the table before is used."""
    first = table(10)
    cosines(first, first.matrix[0], ["c1"])
    changed = VectorTable(first.chunk_ids[:1] + first.chunk_ids[2:], first.document_ids[1:], first.matrix[1:], 2)
    assert cosines(changed, first.matrix[0], ["c5"])["c5"] == pytest.approx(float(changed.matrix[4] @ first.matrix[0]))


def test_an_empty_table_has_nothing_near() -> None:
    """Searching an empty collection gives nothing."""
    empty = VectorTable((), (), np.zeros((0, 8), np.float32), 0)
    assert nearest(empty, np.ones(8, np.float32), 5) == []
    assert cosines(empty, np.ones(8, np.float32), ["c1"]) == {}
