"""From a file to chunks and vectors in a collection: read, chunk, embed, store."""

from rag.ingestion.building import build_collection, fill_collection, health, rebuild_index
from rag.ingestion.doctor import doctor
from rag.ingestion.forecast import estimate_ingest
from rag.ingestion.intake import Preview, ingest, preview, start_ingest
from rag.ingestion.measuring import EmbeddingEstimate, estimate_embedding, estimate_texts, measures_threshold
from rag.ingestion.rendering import PageImage, render_page
from rag.ingestion.samples import Samples, load_samples

__all__ = [
    "EmbeddingEstimate",
    "PageImage",
    "Preview",
    "Samples",
    "build_collection",
    "doctor",
    "estimate_embedding",
    "estimate_ingest",
    "estimate_texts",
    "fill_collection",
    "health",
    "ingest",
    "load_samples",
    "measures_threshold",
    "preview",
    "rebuild_index",
    "render_page",
    "start_ingest",
]
