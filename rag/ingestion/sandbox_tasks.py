"""What the children of the sandbox do: the only place where untrusted files are parsed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rag.ingestion.readers.formats import parse
from rag.ingestion.readers.pdf import page_image

Answer = tuple[dict[str, Any], bytes]


def document(payload: dict[str, Any], data: bytes) -> Answer:
    """Parse a file; the text travels as bytes beside the document's other fields."""
    parsed = parse(payload["name"], data, payload["page_limit"], payload["text_limit"])
    fields = asdict(parsed)
    return fields, fields.pop("text").encode()


def page(payload: dict[str, Any], data: bytes) -> Answer:
    """Draw a page with its marks; the picture travels as bytes."""
    jpeg, width, height, placed, boxes = page_image(
        payload["name"], data, payload["number"], payload["text"], payload["marks"], payload["width_px"]
    )
    return {"width": width, "height": height, "placed": placed, "boxes": boxes}, jpeg
