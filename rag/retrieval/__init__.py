"""`search()`: the hits of a question, and `fetch()` + `rank()` for those who turn knobs over the same candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.retrieval.candidates import fetch
from rag.retrieval.ranking import rank
from rag.types import Collection, SearchOptions, SearchResult

if TYPE_CHECKING:
    from rag.workbench import Workbench

__all__ = ["fetch", "rank", "search"]


def search(
    bench: Workbench,
    question: str,
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
) -> SearchResult:
    """Return the chunks that match `question`, best first, and those that just missed the threshold.

    No hits is a result, not an error. Raises `QuestionError` and `CollectionNotFoundError`.
    """
    return rank(fetch(bench, question, collection=collection, options=options), options)
