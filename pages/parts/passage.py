"""A passage at its place: the page of a PDF with the words marked, or the text around it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image, ImageChops

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
    span = (passage.start, passage.end)
    images = [(number, *_page_image(bench, document.id, number, span)) for number in passage.pages]
    if not all(placed for _, _, placed in images):
        say("info", "The passage could not be placed on the page image; these are its words, and the page is below.")
        _quote(passage, key)
    for number, jpeg, placed in images:
        st.image(jpeg, width="stretch", alt=f"Page {number}" + (" with the passage marked" if placed else ""))
        st.caption(f"Page {number:d} of {len(document.pages)}")


@st.cache_data(max_entries=64, show_spinner=False)
def _page_image(_bench: Workbench, document_id: str, number: int, span: tuple[int, int]) -> tuple[bytes, bool]:
    """Return the page as a JPEG without its white margins, and whether the passage is marked on it.

    A document's id is the hash of its bytes, so what was drawn once stays right.
    """
    drawn = rag.render_page(_bench, document_id, number, (span,), width_px=1200)
    return _trimmed(drawn.jpeg), drawn.placed


def _trimmed(jpeg: bytes) -> bytes:
    """Cut off margins of one colour, but for a small rest: a third more of the column is left for the words."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        page = opened.convert("RGB")
        paper = Image.new("RGB", page.size, page.getpixel((2, 2)))
        ink = ImageChops.difference(page, paper).convert("L").point(lambda level: 255 * (level > 24)).getbbox()
        if ink is None:
            return jpeg
        rest = page.width // 40
        box = (
            max(0, ink[0] - rest),
            max(0, ink[1] - rest),
            min(page.width, ink[2] + rest),
            min(page.height, ink[3] + rest),
        )
        out = io.BytesIO()
        page.crop(box).save(out, "JPEG", quality=88)
    return out.getvalue()


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
