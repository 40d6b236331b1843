"""Before files are added: about what goes to the provider of the collection's embedding model, and what that costs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from rag.errors import RagError, StoreError
from rag.ingestion.intake import preview
from rag.ingestion.measuring import EmbeddingEstimate, estimate_texts, measuring_size
from rag.ingestion.reporting import Reporter, Silent
from rag.ingestion.sources import expand, load
from rag.types import Collection, Upload
from rag.workbench import Workbench

log = logging.getLogger(__name__)


def estimate_ingest(
    bench: Workbench, files: Iterable[Upload | Path | str], collection: Collection, report: Reporter | None = None
) -> EmbeddingEstimate:
    """Return about what adding files will send and cost, by reading and cutting them as `ingest` will; nothing is sent or stored.

    What measures the threshold of a collection that has only its model's default is part of both. Files that cannot go in count nothing: `ingest` tells them. Raises `ProviderError` and `StoreError`.
    """
    report = report or Silent()
    items = list(expand(files))
    report.begin(len(items), "files", "Reading")
    tokens = chunks = 0
    for item in items:
        if report.stopping():
            break
        try:
            cut = _chunks(bench, item, collection)
            chunks += len(cut)
            tokens += estimate_texts(bench, collection.embedding_model, cut)
        except StoreError:
            raise
        except RagError:
            pass
        except Exception:
            log.exception("a file could not be estimated")
        report.advance()
    measuring = spent = 0
    if chunks and collection.threshold_from == "default":
        measuring, spent = measuring_size(collection.embedding_model, "default", collection.chunks + chunks)
    tokens += spent
    return EmbeddingEstimate(tokens, bench.likely_usd(collection.embedding_model, tokens, 0), measuring)


def _chunks(bench: Workbench, item: Upload | Path, collection: Collection) -> list[str]:
    """Return the texts of the chunks of a file; none of one that the collection has."""
    upload = item if isinstance(item, Upload) else load(item, bench.settings.upload_limit_bytes)
    if bench.catalog.has_document(collection.id, hashlib.sha256(upload.data).hexdigest()):
        return []
    return [c.text for c in preview(bench, upload, collection.options, collection=collection).chunks]
