"""Ask questions of a pile of documents and trust the answers.

>>> import rag
>>> bench = rag.open_workbench("data/workbench")            # doctest: +SKIP
>>> rag.ingest(bench, ["report.pdf"])                        # doctest: +SKIP
>>> result = rag.search(bench, "How much was spent?")        # doctest: +SKIP
>>> print(rag.generate(bench, result).wait().text)           # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path

from rag import evaluation as _evaluation  # noqa: F401 - so that `rag.evaluation` is there after `import rag`
from rag import reporting as _reporting  # noqa: F401 - the same for `rag.reporting`
from rag.errors import RagError
from rag.generation import ask, conversation, conversations, delete_conversation, generate
from rag.ingestion import (
    build_collection,
    doctor,
    fill_collection,
    health,
    ingest,
    load_samples,
    preview,
    rebuild_index,
    render_page,
    start_ingest,
)
from rag.retrieval import fetch, rank, search
from rag.settings import Settings as _Settings
from rag.types import ChunkOptions, GenerateOptions, SearchOptions, Upload
from rag.workbench import Workbench


def open_workbench(data_dir: Path | str | None = None, *, read_only: bool = False) -> Workbench:
    """Open the data folder (`RAG_DATA_DIR`, else data/workbench, when None).

    Raises `StoreInUseError` when another process owns it; with `read_only` it may be open elsewhere.
    """
    settings = _Settings() if data_dir is None else _Settings(data_dir=Path(data_dir))
    return Workbench.open(settings, read_only=read_only)


__all__ = [
    "ChunkOptions",
    "GenerateOptions",
    "RagError",
    "SearchOptions",
    "Upload",
    "Workbench",
    "ask",
    "build_collection",
    "conversation",
    "conversations",
    "delete_conversation",
    "doctor",
    "fetch",
    "fill_collection",
    "generate",
    "health",
    "ingest",
    "load_samples",
    "open_workbench",
    "preview",
    "rank",
    "rebuild_index",
    "render_page",
    "search",
    "start_ingest",
]
