"""Where a quote stands, as a report shows it: the part of the page with the words marked, or the text around them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.errors import RagError
from rag.ingestion import PageImage, render_page
from rag.reporting.trees import Node, el, visible
from rag.reporting.words import pages_text
from rag.types import Citation, Document

if TYPE_CHECKING:
    from PIL import Image

    from rag.workbench import Workbench

MOST_PICTURES = 60
"""Pictures of one report, about 5 MB."""
PDF = "application/pdf"
_WIDTH_PX = 1200
_AROUND_PX = 90
_LEAST_HEIGHT_PX = 260
_GAP_PX = 12
_AROUND_CHARACTERS = 400


@dataclass
class Pictures:
    """Draws the places of one report; a place that was drawn already is not drawn again."""

    bench: Workbench
    left: int = MOST_PICTURES
    _documents: dict[str, Document | None] = field(default_factory=dict)

    def of(self, citation: Citation) -> list[Node]:
        """Return the pictures of a citation, one a page; of a document without pages the text around the quote."""
        document = self._document(citation.hit.chunk.document_id)
        if document is None:
            return [_note("This document is no longer in the library; only its words were kept.")]
        if document.media_type != PDF:
            return [_in_text(document, citation)]
        return [self._page(document, citation, number) for number in citation.pages]

    def _document(self, document_id: str) -> Document | None:
        if document_id not in self._documents:
            try:
                self._documents[document_id] = self.bench.catalog.document(document_id)
            except RagError:
                self._documents[document_id] = None
        return self._documents[document_id]

    def _page(self, document: Document, citation: Citation, number: int) -> Node:
        if self.left <= 0:
            return _note(f"Page {number} is not pictured: a report holds at most {MOST_PICTURES} pictures.")
        try:
            span = (citation.start, citation.end)
            drawn = render_page(self.bench, document.id, number, (span,), width_px=_WIDTH_PX)
        except (RagError, ValueError):
            return _note(f"Page {number} could not be drawn.")
        self.left -= 1
        jpeg, width, height = snippet(drawn)
        what = "with the passage marked" if drawn.placed else "as it is; the passage could not be placed on it"
        name = visible(document.name, 80)
        return el(
            "figure",
            el("img", alt=f"Page {number} of {name}, {what}", width=width, height=height, src=_data_url(jpeg)),
            el("figcaption", f"Page {number} of {len(document.pages)}, {what}"),
        )


def snippet(drawn: PageImage) -> tuple[bytes, int, int]:
    """Return the part of a page that its marks stand in, with some lines around, as a JPEG with width and height in pixels.

    A page without marks comes whole; white margins are left out either way.
    """
    from PIL import Image

    with Image.open(io.BytesIO(drawn.jpeg)) as opened:
        page = opened.convert("RGB")
    ink = _ink(page)
    left, top, right, bottom = _printed(ink)
    if drawn.boxes:
        first, last = min(b[1] for b in drawn.boxes), max(b[3] for b in drawn.boxes)
        around = max(_AROUND_PX, (_LEAST_HEIGHT_PX - (last - first)) // 2)
        rows = ink.crop((left, 0, right, ink.height)).getprojection()[1]
        top, bottom = _between_lines(rows, max(top, first - around), -1), min(bottom, last + around)
        bottom = _between_lines(rows, bottom, 1)
    part = page.crop((left, top, right, bottom))
    out = io.BytesIO()
    part.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue(), part.width, part.height


def _ink(page: Image.Image) -> Image.Image:
    """Return the page with 255 where something is printed and 0 where the paper is."""
    from PIL import Image, ImageChops

    paper = Image.new("RGB", page.size, page.getpixel((2, 2)))
    return ImageChops.difference(page, paper).convert("L").point(lambda level: 255 * (level > 24))


def _printed(ink: Image.Image) -> tuple[int, int, int, int]:
    """Return the box of what is printed, with a small rest of the margins."""
    left, top, right, bottom = ink.getbbox() or (0, 0, *ink.size)
    rest = ink.width // 40
    return max(0, left - rest), max(0, top - rest), min(ink.width, right + rest), min(ink.height, bottom + rest)


def _between_lines(rows: list[int], at: int, step: int) -> int:
    """Return a row of pixels in the next blank stretch, so that no line of text is cut; where it was when none is near."""
    end = min(max(at + step * _AROUND_PX, 0), len(rows) - 1)
    blank = next((row for row in range(at, end, step) if not rows[row]), None)
    if blank is None:
        return at
    far = min(max(blank + step * _GAP_PX, 0), len(rows) - 1)
    return next((row - step for row in range(blank, far, step) if rows[row]), far)


def _in_text(document: Document, citation: Citation) -> Node:
    """Return the quote in the text around it, cut between words."""
    text, start, end = document.text, citation.start, citation.end
    low, high = max(0, start - _AROUND_CHARACTERS), min(len(text), end + _AROUND_CHARACTERS)
    before, after = text[low:start], text[end:high]
    if low:
        before = "… " + before.partition(" ")[2]
    if high < len(text):
        after = after.rpartition(" ")[0] + " …"
    caption = " ".join(filter(None, ("In the text of the document", pages_text(citation.pages))))
    return el(
        "figure",
        el("div.sheet", before, el("mark", text[start:end]), after),
        el("figcaption", caption),
    )


def _note(sentence: str) -> Node:
    return el("p.muted", sentence)


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
