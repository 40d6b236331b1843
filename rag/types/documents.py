"""Files, the documents that they become, their chunks, and the collections that hold those."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ThresholdOrigin = Literal["default", "measured", "user"]
"""`default`: the embedding model's own, a guess for one that nobody measured. `measured`: on the collection, as its `calibration`
tells. `user`: somebody set it, so nothing but somebody changes it."""


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
    """Spans of `text`, in order; empty for formats without pages."""
    headings: tuple[Heading, ...] = ()
    title: str = ""
    warnings: tuple[str, ...] = ()
    """Sentences for the user about what could not be read, e.g. pages without text."""

    def pages_of(self, start: int, end: int) -> tuple[int, ...]:
        """Return the numbers of the pages that the span touches."""
        return tuple(p.number for p in self.pages if p.start < end and start < p.end and p.start < p.end)


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

    def lies_within(self, other: Chunk) -> bool:
        """Tell whether the other holds this one whole, as one that is read with its neighbours may."""
        return self.document_id == other.document_id and other.start <= self.start and self.end <= other.end


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
    tags: tuple[str, ...] = ()
    """Words that the user sorts documents by, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold measured on a collection, for an embedding model whose own is not known."""

    threshold: float
    sample_size: int
    """Questions that have nothing to do with the collection, each searched in all of it."""
    note: str
    """How it was found and how far to trust it, for the user."""


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
    """Default threshold on the match score: what search takes where its options name none."""
    created_at: datetime
    documents: int = 0
    chunks: int = 0
    calibration: Calibration | None = None
    """How the threshold was measured, where it was."""
    threshold_from: ThresholdOrigin = "default"
