"""A question, what may answer it, and the knobs between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rag.types.documents import Chunk, Collection

Mode = Literal["hybrid", "semantic", "keyword"]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    mode: Mode = "hybrid"
    top_k: int = 6
    """At most this many hits."""
    similarity_threshold: float | None = None
    """Keep `score >= threshold`; None takes the collection's own."""
    weight: float = 0.5
    """Share of the semantic side in the rank; 1 is semantic only. Read in hybrid mode alone."""
    pool: int = 50
    """Candidates taken from each side before ranking."""
    document_ids: tuple[str, ...] = ()
    """Search only these documents; empty means all."""
    exact: bool = False
    """Compare with every vector rather than through the approximate index."""

    def __post_init__(self) -> None:
        if self.mode not in ("hybrid", "semantic", "keyword"):
            raise ValueError(f"unknown search mode {self.mode!r}")
        if not 1 <= self.top_k <= 200:
            raise ValueError("top_k must be between 1 and 200")
        if self.similarity_threshold is not None and not 0 <= self.similarity_threshold <= 1:
            raise ValueError("similarity_threshold must be between 0 and 1")
        if not 0 <= self.weight <= 1:
            raise ValueError("weight must be between 0 and 1")
        if not 1 <= self.pool <= 1000:
            raise ValueError("pool must be between 1 and 1000")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the match score and the rank are made of."""

    cosine: float
    """-1 to 1; 0 when the collection has no vectors."""
    keyword: float
    """BM25, 0 or more, higher is better; not comparable between questions."""
    coverage: float
    """Share of the question's idf mass found in the chunk, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Hit:
    chunk: Chunk
    document_name: str
    rank: int
    """1 is best. Near misses go on counting."""
    score: float
    """Match score, 0 to 1, higher is better: what the threshold compares."""
    parts: Parts
    rank_score: float = 0.0
    """What the ranking sorts by; relative to this question's other candidates."""
    short_by: float = 0.0
    """How much the score misses the threshold by; 0 for hits."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every candidate of one question with all its score parts, fetched once so that sliders can re-rank for free."""

    question: str
    collection: Collection
    hits: tuple[Hit, ...]
    """Unranked, in no order that means anything."""
    terms: tuple[str, ...]
    """Stems of the question without stop words: what coverage is measured over."""
    pool: int
    document_ids: tuple[str, ...]
    timings: dict[str, float]
    """Milliseconds by step."""
    used_index: str
    """"chroma", "exact" or "none" (keyword search only)."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    question: str
    collection: Collection
    hits: tuple[Hit, ...]
    near_misses: tuple[Hit, ...]
    """The best candidates that are not hits only because of the threshold, best first."""
    candidates: tuple[Hit, ...] = field(repr=False)
    """All of them in rank order: for the chart."""
    options: SearchOptions
    """With the threshold filled in."""
    threshold: float
    terms: tuple[str, ...]
    timings: dict[str, float]
    used_index: str
