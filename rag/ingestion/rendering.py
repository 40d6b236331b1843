"""The picture of a page with a passage marked on it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rag.ingestion import sandbox
from rag.ingestion.readers.pdf import PDF
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.workbench import Workbench

Span = tuple[int, int]

_SECONDS = 20.0
_MOST_IMAGES = 64
"""About 10 MB of pictures."""


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


_images: dict[str, PageImage] = {}
_lock = threading.Lock()


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
    wish = {
        "name": document.name,
        "number": page,
        "text": document.text[here.start : here.end],
        "marks": inside,
        "width_px": width_px,
    }
    key = hashlib.sha256(f"{document_id} {json.dumps(wish)}".encode()).hexdigest()
    if (kept := _kept(key)) is None:
        kept = _keep(key, _draw(wish, bench.catalog.file(document_id), bench.settings))
    return kept


def _draw(wish: dict[str, Any], data: bytes, settings: Settings) -> PageImage:
    limits = sandbox.Limits(min(settings.read_timeout_s, _SECONDS), settings.read_memory_bytes)
    made, jpeg = sandbox.shared.call("page", wish["name"], wish, data, limits)
    boxes = tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in made["boxes"])
    return PageImage(jpeg, int(made["width"]), int(made["height"]), bool(made["placed"]), boxes)


def _kept(key: str) -> PageImage | None:
    with _lock:
        image = _images.pop(key, None)
        if image is not None:
            _images[key] = image  # the last used one goes last
        return image


def _keep(key: str, image: PageImage) -> PageImage:
    with _lock:
        _images[key] = image
        while len(_images) > _MOST_IMAGES:
            del _images[next(iter(_images))]
    return image
