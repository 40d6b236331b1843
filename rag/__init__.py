"""Ask questions of a pile of documents and trust the answers.

>>> import rag
>>> bench = rag.open_workbench("data/workbench")            # doctest: +SKIP
>>> rag.ingest(bench, ["report.pdf"])                        # doctest: +SKIP
>>> result = rag.search(bench, "How much was spent?")        # doctest: +SKIP
>>> print(rag.generate(bench, result).wait().text)           # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag import evaluation as _evaluation  # noqa: F401 - so that a type checker knows `rag.evaluation`
    from rag import reporting as _reporting  # noqa: F401 - the same for `rag.reporting`
    from rag.errors import RagError
    from rag.generation import ask, conversations, delete_conversation, generate
    from rag.generation.conversation import conversation
    from rag.ingestion import (
        build_collection,
        fill_collection,
        health,
        ingest,
        load_samples,
        preview,
        rebuild_index,
        render_page,
        start_ingest,
    )
    from rag.ingestion.doctor import doctor
    from rag.retrieval import fetch, rank, search
    from rag.types import ChunkOptions, GenerateOptions, SearchOptions, Upload
    from rag.workbench import Workbench

_HOMES = {
    "rag.errors": ("RagError",),
    "rag.generation": ("ask", "conversation", "conversations", "delete_conversation", "generate"),
    "rag.ingestion": (
        "build_collection", "doctor", "fill_collection", "health", "ingest", "load_samples", "preview", "rebuild_index", "render_page",
        "start_ingest",
    ),
    "rag.retrieval": ("fetch", "rank", "search"),
    "rag.types": ("ChunkOptions", "GenerateOptions", "SearchOptions", "Upload"),
    "rag.workbench": ("Workbench",),
}  # fmt: skip
"""Where each public name lives. It is imported when it is first asked for: a search needs a third of what there is."""
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_PARTS = (
    "clock",
    "errors",
    "evaluation",
    "generation",
    "ingestion",
    "providers",
    "reporting",
    "retrieval",
    "settings",
    "store",
    "types",
    "usage",
)
"""What is there as `rag.evaluation` after `import rag`."""


if not TYPE_CHECKING:  # a type checker goes by the imports above, and would take any name for granted

    def __getattr__(name: str) -> Any:
        """Import a public name at its first use (PEP 562)."""
        if name in _PARTS:
            return import_module(f"rag.{name}")
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(_HOME[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, *_PARTS})


def open_workbench(data_dir: Path | str | None = None, *, read_only: bool = False) -> Workbench:
    """Open the data folder (`RAG_DATA_DIR`, else data/workbench, when None).

    Raises `StoreInUseError` when another process owns it; with `read_only` it may be open elsewhere.
    """
    from rag.settings import Settings
    from rag.workbench import Workbench

    settings = Settings() if data_dir is None else Settings(data_dir=Path(data_dir))
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
