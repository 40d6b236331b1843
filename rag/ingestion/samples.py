"""The documents written for this project, for a first look without any of one's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rag.errors import RagError
from rag.types import Upload

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
_SUFFIXES = {".pdf", ".md", ".txt"}


@dataclass(frozen=True, slots=True)
class Samples:
    uploads: tuple[Upload, ...]
    questions: tuple[str, ...]
    """Questions that they answer, to begin with."""
    labelled: bytes = b""
    """A file of labelled questions about them (JSONL), as `rag.evaluation.import_questions` takes it; empty when it is missing."""


def load_samples() -> Samples:
    """Return the sample documents and questions. Raises `RagError` when they are not beside the package."""
    paths = sorted(p for p in SAMPLES.glob("*") if p.suffix in _SUFFIXES and p.stem.lower() != "readme")
    if not paths:
        raise RagError(f"The samples are not in {SAMPLES}; get them with the project's sources.")
    labelled = SAMPLES / "questions.jsonl"
    uploads = tuple(Upload(p.name, p.read_bytes()) for p in paths)
    return Samples(uploads, tuple(_questions()), labelled.read_bytes() if labelled.exists() else b"")


def _questions() -> list[str]:
    try:
        return [str(q) for q in json.loads((SAMPLES / "suggested.json").read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []
