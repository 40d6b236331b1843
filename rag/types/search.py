"""A question, what may answer it, and the knobs between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.types.documents import Chunk, Collection
from rag.types.usage import Paid

Mode = Literal["hybrid", "semantic", "keyword"]


class Filters(NamedTuple):
    """Which chunks may answer; the same for two options that search among the same chunks."""

    document_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    page_from: int | None = None
    page_to: int | None = None
    added_from: date | None = None
    added_to: date | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is left out at all."""
        return self != Filters()


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
    mmr: float = 0.0
    """How much a hit is pushed back for saying what better ones say already, 0 (off) to 1: maximal marginal relevance."""
    neighbours: int = 0
    """Chunks before and after each hit that are read with it: its `context`, and what an answer gets."""
    tags: tuple[str, ...] = ()
    """Search only documents with any of these tags; empty means all."""
    page_from: int | None = None
    """Search only chunks that touch this page or a later one; text without pages is left out then."""
    page_to: int | None = None
    """Search only chunks that touch this page or an earlier one."""
    added_from: date | None = None
    """Search only documents added on this day or later, by the clock of this machine."""
    added_to: date | None = None
    """Search only documents added on this day or earlier."""

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
        if not 0 <= self.mmr <= 1:
            raise ValueError("mmr must be between 0 and 1")
        if not 0 <= self.neighbours <= 10:
            raise ValueError("neighbours must be between 0 and 10")
        if any(page is not None and page < 1 for page in (self.page_from, self.page_to)):
            raise ValueError("pages count from 1")
        if any(day is not None and not 1970 <= day.year <= 9998 for day in (self.added_from, self.added_to)):
            raise ValueError("a day to search by is from 1970 to 9998")  # beyond, clocks differ or do not go

    @property
    def filters(self) -> Filters:
        """Which chunks may answer; false when all may."""
        return Filters(self.document_ids, self.tags, self.page_from, self.page_to, self.added_from, self.added_to)


@dataclass(frozen=True)  # without slots, so that a part can be looked up late (`rag.retrieval.late`)
class Parts:
    """What the match score and the rank are made of."""

    cosine: float
    """-1 to 1; 0 when the collection has no vectors, or none was made of the question."""
    keyword: float
    """BM25, 0 or more, higher is better; not comparable between questions."""
    coverage: float
    """Share of the question's idf mass found in the chunk, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Context:
    """A hit with the text around it: `document.text[start:end] == text`, and the chunk lies within."""

    start: int
    end: int
    pages: tuple[int, ...]
    text: str = field(repr=False)


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
    context: Context | None = None
    """The chunk with its neighbours, when `SearchOptions.neighbours` asks for some; `SearchResult.as_read` makes one chunk of it."""


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a document can be filtered by, and its name."""

    name: str
    added_at: datetime
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every candidate of one question with all its score parts, fetched once so that sliders can re-rank for free."""

    question: str
    collection: Collection
    hits: tuple[Hit, ...]
    """Unranked, in no order that means anything."""
    terms: tuple[str, ...]
    """Stems of the question without stop words: what coverage is measured over."""
    options: SearchOptions
    """What they were fetched for: pool, filters and exactness are of it."""
    timings: dict[str, float]
    """Milliseconds by step."""
    used_index: str
    """"chroma", "exact" or "none" (keyword search only)."""
    documents: Mapping[str, DocumentFacts] = field(default_factory=dict, repr=False)
    """By id: of all documents that have a candidate."""
    is_everything: bool = False
    """No chunk that passes the filters is missing: a narrower filter needs no other candidates."""
    vector: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """Of the question: another fetch for it needs no second embedding. None without an embedding model."""
    vectors: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """Of the candidates, row for row: what diversity is measured by. None without an embedding model."""


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
    paid: Paid = field(default_factory=Paid)
    """What a provider took for embedding the question."""

    def as_read(self) -> SearchResult:
        """Return the result as an answer reads it: each hit as one chunk with the text around it that the options ask for.

        A hit that stands whole in the text around a better one is left out: it is read there. Ranks stay as they are.
        """
        if not self.options.neighbours:
            return self
        read: list[Hit] = []
        for hit in self.hits:
            if not any(hit.chunk.lies_within(other.chunk) for other in read):
                read.append(_with_context(hit))
        return replace(self, hits=tuple(read))


def _with_context(hit: Hit) -> Hit:
    around = hit.context
    if around is None:
        return hit
    wide = replace(hit.chunk, start=around.start, end=around.end, pages=around.pages, text=around.text)
    return replace(hit, chunk=wide, context=None)
