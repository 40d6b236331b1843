"""Who turns questions into vectors, and the row that it leaves in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag.errors import ModelUnavailableError
from rag.providers.base import Embedder
from rag.types import Collection, Usage

if TYPE_CHECKING:
    from rag.workbench import Workbench

log = logging.getLogger(__name__)


def usable_embedder(bench: Workbench, collection: Collection) -> Embedder | None:
    """Return the collection's embedding model; None when it has none, or when that is absent or damaged.

    A model that is not installed is found out at its first use, which this is.
    """
    try:
        embedder = bench.embedder(collection)
        if embedder is not None:
            embedder.token_spans("loaded")
        return embedder
    except ModelUnavailableError as error:
        log.warning("%s", error)
        return None


@contextmanager
def accounted(bench: Workbench, embedder: Embedder | None, questions: Sequence[str]) -> Iterator[None]:
    """Keep the row of a search in the ledger; a remote model keeps its own. None is search by words alone."""
    if getattr(embedder, "keeps_books", False):
        yield
        return
    provider, _, model = (embedder.name if embedder else "local/keywords").partition("/")
    with bench.ledger.measure("search", provider, model, items=len(questions)) as call:
        call.cost_usd, call.price_source = 0.0, "local"
        if embedder is not None:
            limit = embedder.max_input_tokens
            call.usage = Usage(input_tokens=sum(min(len(embedder.token_spans(q)), limit) for q in questions))
        yield
