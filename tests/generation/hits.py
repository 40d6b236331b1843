"""Hits made by hand, and answers to read them with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from rag.generation.citations import CitationReader
from rag.types import Chunk, Citation, CitationEvent, Document, Hit, Page, Parts, TextEvent


def document(name: str, text: str, number: int = 1) -> Document:
    return Document(
        sha256(f"{number} {name}".encode()).hexdigest(), name, "text/plain", text, pages=(Page(1, 0, len(text)),)
    )


def hit(doc: Document, text: str, rank: int = 1, heading: str = "") -> Hit:
    """Return a hit on the chunk of a document that is exactly this text."""
    start = doc.text.index(text)
    end = start + len(text)
    chunk = Chunk(f"{doc.id[:8]}-{start}", doc.id, rank - 1, start, end, doc.pages_of(start, end), heading, text)
    return Hit(chunk, doc.name, rank, 0.8, Parts(0.7, 3.0, 0.6))


def hits_of(*texts: str, name: str = "report.pdf") -> list[Hit]:
    """Return one hit a text, each in a document of its own that has other text before and after it."""
    documents = [document(name, f"Before it.\n\n{text}\n\nAfter it.", n) for n, text in enumerate(texts, 1)]
    return [hit(doc, text, rank) for rank, (doc, text) in enumerate(zip(documents, texts, strict=True), 1)]


def read(hits: Sequence[Hit], pieces: Iterable[str], *, is_json: bool = False) -> tuple[str, list[Citation]]:
    """Return what is shown of an answer that comes in these pieces, and what it cites."""
    reader = CitationReader(hits, is_json=is_json)
    events = [event for piece in pieces for event in reader.feed(piece)] + reader.flush()
    shown = "".join(event.text for event in events if isinstance(event, TextEvent))
    assert shown == reader.text
    return shown, [event.citation for event in events if isinstance(event, CitationEvent)]
