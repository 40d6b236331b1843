"""Small PDFs made for one test each."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pypdf
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

Row = tuple[float, float, float, str]
"""x and y in points, size, text."""


def pdf_of(*pages: Sequence[Row], outline: Sequence[tuple[int, int, str]] = (), rotate: int = 0) -> bytes:
    """Return a PDF with these rows on its pages; `outline` holds (page, level from 0, title)."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=letter, invariant=1)
    for number, rows in enumerate(pages, 1):
        for x, y, size, text in rows:
            canvas.setFont("Helvetica", size)
            canvas.drawString(x, y, text)
        for page, level, title in outline:
            if page == number:
                canvas.bookmarkPage(f"{number}-{title}")
                canvas.addOutlineEntry(title, f"{number}-{title}", level)
        canvas.showPage()
    canvas.save()
    return turned(out.getvalue(), rotate) if rotate else out.getvalue()


def turned(data: bytes, degrees: int) -> bytes:
    """Return the PDF with its pages turned clockwise."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    for page in writer.pages:
        page.rotate(degrees)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def lines(texts: Sequence[str], *, top: float = 700, x: float = 72, size: float = 11, leading: float = 14) -> list[Row]:
    """Return rows for lines of one paragraph under each other."""
    return [(x, top - n * leading, size, text) for n, text in enumerate(texts)]
