"""Small real values for tests of ranking and answering."""

from __future__ import annotations

from datetime import UTC, datetime

from rag.types import Candidates, Chunk, ChunkOptions, Collection, Hit, Parts, SearchOptions


def collection(*, threshold: float = 0.42, model: str = "local/all-MiniLM-L6-v2") -> Collection:
    return Collection("c" * 32, "main", model, 384 if model else 0, ChunkOptions(), threshold, datetime.now(UTC))


def hit(
    name: str, cosine: float = 0.0, keyword: float = 0.0, coverage: float = 0.0, *, document: str = "d1", text: str = ""
) -> Hit:
    """Return an unranked candidate whose chunk is called `name`."""
    text = text or f"The text of {name}."
    chunk = Chunk(name, document, 0, 0, len(text), (1,), "", text)
    return Hit(chunk, f"{document}.txt", 0, 0.0, Parts(cosine, keyword, coverage))


def candidates(*hits: Hit, threshold: float = 0.42, used_index: str = "exact") -> Candidates:
    return Candidates("What?", collection(threshold=threshold), hits, ("what",), SearchOptions(), {}, used_index)
