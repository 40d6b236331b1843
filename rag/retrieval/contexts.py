"""Surrounding text of hits: shown, and given to a model, beside what matched. The ranking never sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rag.types import SearchResult

if TYPE_CHECKING:
    from rag.workbench import Workbench


def with_contexts(bench: Workbench, result: SearchResult) -> SearchResult:
    """Return the result with `context` on each hit, as `neighbours` of its options asks; one that is gone has none.

    Raises `CollectionNotFoundError`.
    """
    if not result.options.neighbours or not result.hits:
        return result
    with bench.catalog.snapshot(result.collection.id) as snapshot:
        found = snapshot.contexts([hit.chunk for hit in result.hits], result.options.neighbours)
    return replace(result, hits=tuple(replace(hit, context=found.get(hit.chunk.id)) for hit in result.hits))
