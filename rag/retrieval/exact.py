"""Exact search: a question's vector compared with every vector of a collection.

Up to about 10,000 chunks this is faster than an approximate index, and it is always right; it also gives the true cosine of
the chunks that the keywords nominate.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.providers.base import Vectors

if TYPE_CHECKING:
    from rag.store.vectors import VectorTable

_KEPT_PLACES = 8
_places: dict[str, _Places] = {}


class _Places:
    """Where each chunk and each document stands in a table; holds ids alone, so that the vectors can be let go."""

    def __init__(self, table: VectorTable) -> None:
        self.chunk_ids, self.document_ids = table.chunk_ids, table.document_ids
        self.rows = {chunk_id: row for row, chunk_id in enumerate(table.chunk_ids)}

    @cached_property
    def documents(self) -> dict[str, NDArray[np.intp]]:
        """Rows of each document."""
        names, codes = np.unique(np.asarray(self.document_ids, dtype=object), return_inverse=True)
        return {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}


def nearest(table: VectorTable, vector: Vectors, k: int, document_ids: Sequence[str] = ()) -> list[str]:
    """Return the ids of the `k` chunks with the highest cosine, best first, of all documents or of the given ones."""
    similarities = table.matrix @ vector
    rows = np.arange(len(similarities))
    if document_ids:
        documents = _of(table).documents
        rows = np.concatenate([documents[i] for i in document_ids if i in documents] or [rows[:0]])
    if len(rows) > k:
        rows = rows[np.argpartition(-similarities[rows], k - 1)[:k]]
    best_first = rows[np.argsort(-similarities[rows], kind="stable")]
    return [table.chunk_ids[row] for row in best_first]


def cosines(table: VectorTable, vector: Vectors, chunk_ids: Sequence[str]) -> dict[str, float]:
    """Return the cosine of each of the chunks; one without a vector has none."""
    places = _of(table).rows
    rows = {chunk_id: places[chunk_id] for chunk_id in chunk_ids if chunk_id in places}
    if not rows:
        return {}
    similarities = table.matrix[list(rows.values())] @ vector
    return dict(zip(rows, similarities.tolist(), strict=True))


def _of(table: VectorTable) -> _Places:
    """Return the places of a table, made once for each: a table's first chunk names its collection's latest."""
    key = table.chunk_ids[0] if table.chunk_ids else ""
    found = _places.get(key)
    if found is None or found.chunk_ids is not table.chunk_ids:
        found = _places[key] = _Places(table)
        for old in list(_places)[:-_KEPT_PLACES]:
            _places.pop(old, None)
    return found
