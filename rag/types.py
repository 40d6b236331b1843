"""The nouns that travel between the verbs.

Frozen values only, no behaviour beyond what a field can tell of itself. Every offset is a 0-based character offset into
`Document.text` with the end exclusive; every page number is 1-based; every vector is float32 of unit length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Mode = Literal["hybrid", "semantic", "keyword"]
FileStatus = Literal["added", "known", "replaced", "empty", "failed"]
UsageStatus = Literal["started", "ok", "failed", "stopped", "cached"]
Finish = Literal["complete", "stopped", "not_found", "length", "refused", "failed"]
SentenceVerdict = Literal["supported", "partly", "not_found", "no_citation"]
FigureVerdict = Literal["supported", "contradicted", "not_found"]
FigureKind = Literal["number", "percent", "money", "date", "name", "quantity"]


# --- documents and chunks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrived. The name is only ever shown, never used as a path."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    """1 is the outermost."""
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """One uploaded file, parsed. `id` is the sha256 of its bytes, in hex."""

    id: str
    name: str
    media_type: str
    text: str = field(repr=False)
    pages: tuple[Page, ...] = ()
    """Spans of `text`, in order. Formats without pages have one."""
    headings: tuple[Heading, ...] = ()
    title: str = ""
    warnings: tuple[str, ...] = ()
    """Sentences for the user about what could not be read, e.g. pages without text."""

    def pages_of(self, start: int, end: int) -> tuple[int, ...]:
        """Return the numbers of the pages that the span touches."""
        return tuple(p.number for p in self.pages if p.start < end and start < p.end)


@dataclass(frozen=True, slots=True)
class ChunkOptions:
    chunk_size_tokens: int = 200
    overlap_tokens: int = 0

    def __post_init__(self) -> None:
        if not 20 <= self.chunk_size_tokens <= 2000:
            raise ValueError("chunk_size_tokens must be between 20 and 2000")
        if not 0 <= self.overlap_tokens <= self.chunk_size_tokens // 2:
            raise ValueError("overlap_tokens must be between 0 and half of chunk_size_tokens")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document. `document.text[start:end] == text`, always."""

    id: str
    document_id: str
    index: int
    start: int
    end: int
    pages: tuple[int, ...]
    heading: str
    """Path of headings above the chunk, outermost first, joined by " > "; empty when there is none."""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document of the library without its text."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    pages: int
    characters: int
    added_at: datetime
    warnings: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    """Names of the collections that hold it."""
    chunks: int = 0
    """Chunks that the collection asked about made of it; 0 when the whole library was asked for."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Named chunks and the one embedding model and chunk options that made them."""

    id: str
    name: str
    embedding_model: str
    """"local/all-MiniLM-L6-v2"; empty when the collection has keyword search only."""
    dimension: int
    options: ChunkOptions
    similarity_threshold: float
    """Default threshold on the match score; it belongs to the embedding model."""
    created_at: datetime
    documents: int = 0
    chunks: int = 0


# --- search ---------------------------------------------------------------------------------------------------------


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


# --- answers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    model: str = "local/extractive"
    """PROVIDER/MODEL."""
    max_passages: int = 3
    """Passages that the extractive answerer quotes."""
    max_output_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker bound to the words it rests on: `document.text[start:end] == quote`."""

    marker: int
    """The number in `[n]`, 1-based."""
    hit: Hit
    quote: str
    start: int
    end: int
    pages: tuple[int, ...]
    at: int | None = None
    """Offset in the answer's text of the marker that it is bound to; None when only the number binds it."""


@dataclass(frozen=True, slots=True)
class FigureCheck:
    """A number, date or name of an answer, looked up in the cited chunks. Offsets are into the answer's text."""

    start: int
    end: int
    text: str
    kind: FigureKind
    verdict: FigureVerdict
    found_as: str = ""
    """How the chunk says it, or what it says instead when that contradicts; empty when nothing like it stands there."""
    marker: int | None = None
    """Marker of the hit that `found_as` stands in."""


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """A sentence of an answer held against the chunks that it cites. Offsets are into the answer's text."""

    start: int
    end: int
    verdict: SentenceVerdict
    where: int | None = None
    """Marker of another hit that says it, when the cited ones do not."""
    figures: tuple[FigureCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """Counts of an answer's checks; as text the line that stands under it."""

    sentences: int = 0
    sentences_supported: int = 0
    figures: int = 0
    figures_supported: int = 0

    @classmethod
    def of(cls, checks: tuple[SentenceCheck, ...]) -> CheckSummary:
        figures = [figure for check in checks for figure in check.figures]
        return cls(
            sentences=len(checks),
            sentences_supported=sum(check.verdict == "supported" for check in checks),
            figures=len(figures),
            figures_supported=sum(figure.verdict == "supported" for figure in figures),
        )

    def __str__(self) -> str:
        """Return e.g. "11 of 12 sentences and 9 of 9 figures supported"; empty when nothing was checked."""
        counts = ((self.sentences_supported, self.sentences, "sentence"), (self.figures_supported, self.figures, "figure"))
        parts = [f"{good} of {of} {noun}{'' if of == 1 else 's'}" for good, of, noun in counts if of]
        return f"{' and '.join(parts)} supported" if parts else ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. Input includes cached tokens, output includes reasoning tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One model call of the ledger. It holds no prompt, no answer and no key."""

    id: int
    at: datetime
    action: str
    """"ingest", "search", "ask", …"""
    provider: str
    model: str
    usage: Usage
    cost_usd: float | None
    """None is unknown, never zero."""
    price_source: str
    """"local", "unknown", …"""
    cached: bool
    status: UsageStatus
    ttft_ms: float | None
    duration_ms: float | None
    items: int = 0
    """Texts embedded, or answers written."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    citations: tuple[Citation, ...]
    found: bool
    model: str
    finish: Finish
    usage: Usage
    cost_usd: float | None
    label: str = ""
    """Sentence that says what kind of answer this is, e.g. "Extracts, no AI-written answer"."""
    ttft_ms: float | None = None
    duration_ms: float | None = None
    error: str = ""
    checks: tuple[SentenceCheck, ...] = ()
    """One of each sentence that claims something, in order."""


# Events of an answer stream, in the order in which they happen.


@dataclass(frozen=True, slots=True)
class TextEvent:
    text: str


@dataclass(frozen=True, slots=True)
class CitationEvent:
    citation: Citation


@dataclass(frozen=True, slots=True)
class CheckEvent:
    """A sentence is complete and was checked."""

    check: SentenceCheck


@dataclass(frozen=True, slots=True)
class RetryEvent:
    kind: str
    wait_s: float
    attempt: int


@dataclass(frozen=True, slots=True)
class RestartEvent:
    """The text so far is void; the answer begins again."""

    kind: str


@dataclass(frozen=True, slots=True)
class FallbackEvent:
    from_model: str
    to_model: str


@dataclass(frozen=True, slots=True)
class ToolCallEvent:
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class EndEvent:
    finish: Finish
    usage: Usage


Event = TextEvent | CitationEvent | CheckEvent | RetryEvent | RestartEvent | FallbackEvent | ToolCallEvent | EndEvent


# --- reports --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file of a drop."""

    name: str
    status: FileStatus
    message: str = ""
    """One sentence for the user; says what to do next when the file did not go in."""
    path: str = ""
    document_id: str = ""
    chunks: int = 0
    pages: int = 0
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds by step: read, chunk, embed, store, index."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    files: tuple[FileReport, ...]
    collection: str
    usage: Usage
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether catalog and index of one collection agree."""

    collection: str
    chunks: int
    vectors: int
    indexed: int
    pending: int
    """Documents whose vectors are not in the index yet."""
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems
