"""The port to an index of vectors: fast, approximate, and never the only copy of anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rag.store.vectors import Vectors


class VectorIndex(Protocol):
    """Finds the nearest vectors of a collection. Whatever goes wrong inside is raised as `StoreError`."""

    def upsert(
        self, collection_id: str, chunk_ids: Sequence[str], document_ids: Sequence[str], vectors: Vectors
    ) -> None:
        """Put vectors in, in place of those with the same chunk ids; shape (len(chunk_ids), dimension)."""
        ...

    def delete(self, collection_id: str, chunk_ids: Sequence[str]) -> None:
        """Drop vectors; ids that are not there are passed over."""
        ...

    def query(self, collection_id: str, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Return (chunk id, cosine) of about the nearest `k`, best first; nothing for a collection it does not have."""
        ...

    def nearest(self, collection_id: str, vector: Vectors, k: int) -> list[str]:
        """Return the chunk ids of `query` alone, which is quicker."""
        ...

    def count(self, collection_id: str) -> int:
        """Return how many vectors it says it has; not a proof that they can be found."""
        ...

    def collections(self) -> list[str]:
        """Return the ids of the collections it has."""
        ...

    def drop(self, collection_id: str) -> None:
        """Drop a collection; harmless when it is not there."""
        ...

    def close(self) -> None:
        """Free files and memory; the index cannot be used after it."""
        ...
