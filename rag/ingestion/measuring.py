"""Before and after vectors are bought: about what they cost, and where the threshold of a model lies that nobody measured."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag.errors import RagError
from rag.ingestion.reporting import Reporter
from rag.providers.tokens import estimate
from rag.types import ChunkOptions, Collection, ThresholdOrigin
from rag.workbench import Workbench

log = logging.getLogger(__name__)

_SAMPLE: Final = 12  # documents read for the estimate
_SAMPLE_CHARACTERS: Final = 20_000  # of each of them


@dataclass(frozen=True, slots=True)
class EmbeddingEstimate:
    """About what embedding documents takes."""

    tokens: int
    usd: float | None
    """None is an unknown price, 0 a model of one's own machine."""
    measuring_texts: int = 0
    """How many of the texts measure the threshold at the end; 0 where it is not measured."""


def estimate_embedding(
    bench: Workbench, embedding_model: str, options: ChunkOptions, document_ids: Sequence[str], *,
    into: Collection | None = None,
) -> EmbeddingEstimate:  # fmt: skip
    """Return about how many tokens the chunks of documents have and what their vectors cost; contacts nobody.

    What measures the threshold of the collection, a new one or the one that they go `into`, is part of both. Texts that this model
    embedded before cost nothing and are counted all the same. Raises `ProviderError` for a model that is not set up.
    """
    wanted = set(document_ids)
    documents = [d for d in bench.catalog.documents() if d.id in wanted]
    characters = sum(d.characters for d in documents)
    chosen = random.Random(0).sample(documents, min(_SAMPLE, len(documents)))
    texts = [bench.catalog.document(d.id).text[:_SAMPLE_CHARACTERS] for d in chosen]
    read = sum(len(text) for text in texts)
    fresh = (options.chunk_size_tokens - options.overlap_tokens) / options.chunk_size_tokens
    tokens = round(sum(estimate(text) for text in texts) / read * characters / fresh) if read else 0
    chunks = round(tokens / options.chunk_size_tokens) + (into.chunks if into else 0)
    measuring, spent = measuring_size(embedding_model, into.threshold_from if into else "default", chunks)
    tokens += spent
    return EmbeddingEstimate(tokens, bench.likely_usd(embedding_model, tokens, 0), measuring)


def estimate_texts(bench: Workbench, embedding_model: str, texts: Sequence[str]) -> int:
    """Return about how many tokens go to an embedding model for texts; those that it embedded before are not sent again."""
    known = bench.catalog.known_vectors(embedding_model, texts)
    return sum(estimate(text) for place, text in enumerate(texts) if place not in known)


def measures_threshold(embedding_model: str, origin: ThresholdOrigin) -> bool:
    """Tell whether a build measures the threshold at its end: where nobody knows it, or an earlier measurement is all there is.

    The local model's own is known from labelled questions, and the user's stays.
    """
    return bool(embedding_model) and not embedding_model.startswith("local/") and origin != "user"


def measuring_size(embedding_model: str, origin: ThresholdOrigin, chunks: int) -> tuple[int, int]:
    """Return about how many texts and tokens are embedded to measure the threshold of so many chunks; none where it is not measured."""
    import rag

    return rag.retrieval.calibration_size(chunks) if measures_threshold(embedding_model, origin) else (0, 0)


def measure_threshold(bench: Workbench, collection: Collection, report: Reporter, *, again: bool = True) -> None:
    """Measure the threshold of a collection whose embedding model nobody measured; a failure leaves what there is and is logged.

    Without `again` a measurement that there is already stays.
    """
    import rag

    try:
        origin = bench.catalog.collection(collection.name).threshold_from  # as it is now: the user may have set one
        if not measures_threshold(collection.embedding_model, origin) or (origin == "measured" and not again):
            return
        report.begin(0, "chunks", "Measuring the threshold")
        rag.retrieval.calibrate_threshold(bench, collection.name, over_users=False)
    except RagError as error:
        log.warning("the threshold of a collection was not measured: %s", error)
