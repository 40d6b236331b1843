"""Vectors for chunks: made once for a text and an embedding model, and kept as they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rag.ingestion.reporting import Reporter
from rag.providers.base import Embedder, Vectors
from rag.types import Collection, Usage
from rag.usage.ledger import Call
from rag.workbench import Workbench

_BATCH = 256  # texts embedded between two saves: what a kill can cost at most


Heard = Callable[[Usage], None]


def embed(
    bench: Workbench, collection: Collection, texts: Sequence[str], report: Reporter, name: str, on_used: Heard
) -> Vectors:
    """Return one vector a text, made only where none is kept yet; `on_used` hears what that takes, also where it fails.

    Raises `ModelUnavailableError` and `StoppedError`; vectors made before it are kept.
    """
    embedder = bench.embedder(collection)
    assert embedder is not None, "only collections with an embedding model are embedded"
    vectors = np.empty((len(texts), embedder.dimension), np.float32)
    known = bench.catalog.known_vectors(embedder.name, texts)
    for position, vector in known.items():
        vectors[position] = vector
    missing = [i for i in range(len(texts)) if i not in known]
    report.begin(len(texts), "chunks", name)
    report.advance(len(known))
    if missing:
        _embed_missing(bench, embedder, texts, missing, vectors, report, on_used)
    return vectors


def _embed_missing(
    bench: Workbench,
    embedder: Embedder,
    texts: Sequence[str],
    missing: list[int],
    vectors: Vectors,
    report: Reporter,
    on_used: Heard,
) -> None:
    """Fill in the vectors of the missing positions and keep each batch as it is made."""
    used: list[Usage] = []
    finished = 0

    def heard(usage: Usage) -> None:
        used.append(usage)
        on_used(usage)

    with _counted(bench, embedder) as call:
        for low in range(0, len(missing), _BATCH):
            part = missing[low : low + _BATCH]
            batch = [texts[i] for i in part]
            made = embedder.embed_documents(batch, on_done=report.advance, on_used=heard, stop=report.stopping)
            bench.catalog.keep_vectors(embedder.name, batch, made)
            vectors[part] = made
            finished += len(part)
            call.usage, call.items = Usage.total(used), finished


@contextmanager
def _counted(bench: Workbench, embedder: Embedder) -> Iterator[Call]:
    """Keep the ledger's row of local work, which costs nothing; a remote model's requests are each kept where they are made."""
    if getattr(embedder, "keeps_books", False):
        yield Call()
        return
    provider, _, model = embedder.name.partition("/")
    with bench.ledger.measure("ingest", provider, model) as call:
        call.cost_usd, call.price_source = 0.0, "local"
        yield call
