"""Exact search is exact: whatever a full sort would give."""

from __future__ import annotations

import numpy as np
import pytest

from rag.retrieval.exact import nearest, rows_at, rows_of
from rag.store.vectors import VectorTable


def table(rows: int, seed: int = 1) -> VectorTable:
    """Vectors of chunks c0, c1, … with rowids 10, 12, …"""
    matrix = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    ids = tuple(f"c{i}" for i in range(rows))
    return VectorTable(ids, ("d",) * rows, matrix, 1, np.arange(rows, dtype=np.int64) * 2 + 10)


@pytest.mark.parametrize("k", [1, 7, 40, 99])
def test_nearest_is_what_a_full_sort_gives(k: int) -> None:
    """The k nearest chunks come best first, however many are asked for."""
    vectors = table(40)
    order = np.argsort(-(vectors.matrix @ vectors.matrix[3]))[:k]
    assert nearest(vectors, vectors.matrix[3], k).tolist() == order.tolist()


@pytest.mark.parametrize("among", [[], [5], [39, 0, 7], list(range(0, 40, 2)), list(range(40))])
@pytest.mark.parametrize("k", [1, 3, 40])
def test_a_filter_keeps_the_order_and_drops_the_rest(among: list[int], k: int) -> None:
    """Filtered search is the full ranking without the other rows, whether a few rows pass or all of them."""
    vectors = table(40)
    wanted = [row for row in nearest(vectors, vectors.matrix[0], 40).tolist() if row in among]
    assert nearest(vectors, vectors.matrix[0], k, np.array(among, np.intp)).tolist() == wanted[:k]


def test_equal_vectors_keep_their_order() -> None:
    """Of chunks with the same words the first comes first, also where only some of them are wanted."""
    one = table(1).matrix
    same = VectorTable(tuple("abcdef"), ("d",) * 6, np.repeat(one, 6, axis=0), 1, np.arange(6, dtype=np.int64))
    assert nearest(same, one[0], 6).tolist() == [0, 1, 2, 3, 4, 5]


def test_rows_belong_to_the_chunks_asked_for() -> None:
    """Chunks are found by id and by rowid, in the order asked; one without a vector is left out."""
    vectors = table(10)
    assert rows_of(vectors, ["c9", "gone", "c4"]).tolist() == [9, 4]
    assert rows_at(vectors, np.array([28, 11, 999, 10, 3], np.int64)).tolist() == [9, 0]


def test_an_empty_table_has_nothing_near() -> None:
    """Searching an empty collection gives nothing."""
    empty = VectorTable((), (), np.zeros((0, 8), np.float32), 0, np.zeros(0, np.int64))
    assert nearest(empty, np.ones(8, np.float32), 5).tolist() == []
    assert rows_of(empty, ["c1"]).tolist() == rows_at(empty, np.array([1], np.int64)).tolist() == []
