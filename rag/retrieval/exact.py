"""Exact search: a question's vector compared with every vector of a collection, or with every one that passes a filter.

Always right, and with a filter many times faster than the approximate index; it also gives the true cosine of the chunks that the
index or the keywords nominate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.providers.base import Vectors

if TYPE_CHECKING:
    from rag.store.keyword_search import Rowids
    from rag.store.vectors import VectorTable

Rows = NDArray[np.intp]
_GATHERED_SHARE = 16
"""One row in so many: copying the rows of a filter together pays up to there, beyond it the whole product is quicker."""


_AT_ONCE = 16
"""Questions compared together: 6 MB of similarities for 100,000 chunks."""


def rows_of(table: VectorTable, chunk_ids: Iterable[str]) -> Rows:
    """Return the rows of the chunks, in their order; one that the table does not have is left out."""
    rows = table.rows
    return np.array([rows[chunk_id] for chunk_id in chunk_ids if chunk_id in rows], np.intp)


def rows_at(table: VectorTable, rowids: Rowids) -> Rows:
    """Return the rows of the chunks with these rowids, in their order; one that the table does not have is left out."""
    if not len(table.rowids):
        return np.zeros(0, np.intp)
    rows = np.searchsorted(table.rowids, rowids)
    rows[rows == len(table.rowids)] = 0
    found: Rows = rows[table.rowids[rows] == rowids]
    return found


def nearest(table: VectorTable, vector: Vectors, k: int, among: Rows | None = None) -> Rows:
    """Return the `k` rows with the highest cosine, best first, of all rows or of those given."""
    if among is None:
        similarities = table.matrix @ vector
    elif len(among) * _GATHERED_SHARE < len(table.matrix):
        similarities = table.matrix[among] @ vector
    else:
        similarities = (table.matrix @ vector)[among]
    best = highest(similarities, k)
    return best if among is None else among[best]


def nearest_of_each(table: VectorTable, vectors: Vectors, k: int, among: Rows | None = None) -> Iterator[Rows]:
    """Yield `nearest` of each of the vectors: several at a time cost little more than one, which memory is too slow for."""
    gathered = among is not None and len(among) * _GATHERED_SHARE < len(table.matrix)
    matrix = table.matrix[among] if among is not None and gathered else table.matrix
    for at in range(0, len(vectors), _AT_ONCE):
        for similarities in (matrix @ vectors[at : at + _AT_ONCE].T).T:
            wanted = similarities if among is None or gathered else similarities[among]
            best = highest(wanted, k)
            yield best if among is None else among[best]


def highest(similarities: NDArray[np.float32], k: int) -> Rows:
    """Return the places of the `k` highest values, highest first; equal ones in their order."""
    places = np.arange(len(similarities))
    if len(similarities) > k:
        places = np.sort(np.argpartition(-similarities, k - 1)[:k])
    best_first: Rows = places[np.argsort(-similarities[places], kind="stable")]
    return best_first
