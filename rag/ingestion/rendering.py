"""The picture of a page with a passage marked on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.ingestion.readers.pdf import PDF, page_image

if TYPE_CHECKING:
    from rag.workbench import Workbench

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as a JPEG with its marks drawn in."""

    jpeg: bytes = field(repr=False)
    width: int
    """Pixels."""
    height: int
    placed: bool
    """Whether everything of the passage that stands on this page is marked, exactly."""
    boxes: tuple[tuple[int, int, int, int], ...]
    """(left, top, right, bottom) of each marked stretch of a line, in pixels from the top left."""


def render_page(
    bench: Workbench, document_id: str, page: int, marks: Sequence[Span] = (), *, width_px: int = 900
) -> PageImage:
    """Return the picture of a PDF's page with the passages marked that `marks` tells as offsets of `Document.text`.

    Raises `ValueError` for a document that is no PDF and for a page that it does not have, `DocumentNotFoundError`, and
    `DocumentError` when the page cannot be drawn.
    """
    document = bench.catalog.document(document_id)
    if document.media_type != PDF:
        raise ValueError("only PDF documents have pages to draw")
    here = next((p for p in document.pages if p.number == page), None)
    if here is None:
        raise ValueError(f"the document has no page {page}")
    inside = [(max(s, here.start) - here.start, min(e, here.end) - here.start) for s, e in marks]
    inside = [(s, e) for s, e in inside if s < e]
    data = bench.catalog.file(document_id)
    jpeg, width, height, placed, boxes = page_image(
        document.name, data, page, document.text[here.start : here.end], inside, width_px
    )
    return PageImage(jpeg, width, height, placed, boxes)
