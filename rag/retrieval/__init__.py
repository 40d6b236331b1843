"""`search()`: the hits of a question, and `fetch()` + `rank()` for those who turn knobs over the same candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rag.providers.accounts import counting
from rag.providers.base import Vectors
from rag.retrieval.batch import search_many
from rag.retrieval.calibration import calibrate_threshold, calibration_size, index_recall
from rag.retrieval.candidates import fetch, fetch_for, serves
from rag.retrieval.contexts import with_contexts
from rag.retrieval.ranking import rank
from rag.types import Collection, SearchOptions, SearchResult

if TYPE_CHECKING:
    from rag.workbench import Workbench

__all__ = [
    "calibrate_threshold",
    "calibration_size",
    "fetch",
    "index_recall",
    "rank",
    "search",
    "search_many",
    "serves",
    "with_contexts",
]


def search(
    bench: Workbench,
    question: str,
    *,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    vector: Vectors | None = None,
) -> SearchResult:
    """Return the chunks that match `question`, best first, and those that just missed the threshold.

    No hits is a result, not an error. Only the side that `options.mode` ranks by is searched; parts of the other are looked up
    when somebody looks at them. `vector` is the question's unit vector when it is known already. Raises `QuestionError`,
    `CollectionNotFoundError`, `FilterError` when no chunk passes the filters, and `ProviderError`.
    """
    with counting() as account:
        candidates = fetch_for(bench, question, collection=collection, options=options, vector=vector)
    return replace(with_contexts(bench, rank(candidates, options)), paid=account.paid)
