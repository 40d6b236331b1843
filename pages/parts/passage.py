"""A passage at its place: the page of a PDF with the words marked, or the text around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts.safe_text import draw, el, say, visible
from pages.parts.shared import pages_text
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.types import Citation, Document, Hit

_AROUND = 1800  # characters shown before and after a passage of a text document
PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a quote stands; `[start, end)` are offsets into its document's text."""

    document_id: str
    document_name: str
    pages: tuple[int, ...]
    heading: str
    start: int
    end: int
    quote: str


def of_hit(hit: Hit) -> Passage:
    c = hit.chunk
    return Passage(c.document_id, hit.document_name, c.pages, c.heading, c.start, c.end, c.text)


def of_citation(citation: Citation) -> Passage:
    c = citation.hit.chunk
    return Passage(
        c.document_id,
        citation.hit.document_name,
        citation.pages,
        c.heading,
        citation.start,
        citation.end,
        citation.quote,
    )


def show(bench: Workbench, passage: Passage, *, key: str) -> None:
    """Show the passage in its document; says so when the document is gone, and keeps the words."""
    _head(passage, key)
    try:
        document = bench.catalog.document(passage.document_id)
        if document.media_type == PDF:
            _pages(bench, document, passage, key)
        else:
            _context(document, passage, key)
    except RagError as error:
        say("warning", error)
        _quote(passage, key)


def _head(passage: Passage, key: str) -> None:
    draw(
        el(
            "div.row",
            el("span.strong", visible(passage.document_name)),
            el("span.muted", pages_text(passage.pages)),
            el("span.muted", visible(passage.heading)) if passage.heading else None,
        ),
        key=f"{key}.head",
    )


def _quote(passage: Passage, key: str) -> None:
    draw(el("div.quote.reading", passage.quote), key=f"{key}.quote")


def _pages(bench: Workbench, document: Document, passage: Passage, key: str) -> None:
    """Draw every page that the passage stands on; a passage that cannot be placed is quoted instead of boxed wrongly."""
    images = [rag.render_page(bench, document.id, number, ((passage.start, passage.end),)) for number in passage.pages]
    if not all(image.placed for image in images):
        say("info", "The passage could not be placed on the page image; these are its words, and the page is below.")
        _quote(passage, key)
    for number, image in zip(passage.pages, images, strict=True):
        st.image(
            image.jpeg, width="stretch", alt=f"Page {number}" + (" with the passage marked" if image.placed else "")
        )
        st.caption(f"Page {number:d} of {len(document.pages)}")


def _context(document: Document, passage: Passage, key: str) -> None:
    text = document.text
    low, high = max(0, passage.start - _AROUND), min(len(text), passage.end + _AROUND)
    draw(
        el(
            "div.sheet.scroller.reading",
            "…" if low else "",
            text[low : passage.start],
            el("mark", text[passage.start : passage.end], scroll=1),
            text[passage.end : high],
            "…" if high < len(text) else "",
        ),
        key=f"{key}.context",
    )
