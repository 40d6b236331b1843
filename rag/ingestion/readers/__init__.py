"""Turn an upload into a `Document`, whatever the upload holds."""

from __future__ import annotations

import hashlib

from rag.errors import DocumentTooLargeError
from rag.ingestion import sandbox
from rag.ingestion.naming import clean_name
from rag.ingestion.readers.formats import SUFFIXES
from rag.settings import Settings
from rag.types import Document, Heading, Page, Upload

__all__ = ["SUFFIXES", "read"]


def read(upload: Upload, settings: Settings, *, stop: sandbox.Stop | None = None) -> Document:
    """Return the document of an upload, read in a child process.

    Raises `DocumentError`, and `StoppedError` when `stop` says so.
    """
    name = clean_name(upload.name)
    if len(upload.data) > settings.upload_limit_bytes:
        raise DocumentTooLargeError(
            f"{name} is larger than the limit of {settings.upload_limit_bytes / 2**20:.0f} MB; split it, or raise "
            "RAG_UPLOAD_LIMIT_BYTES."
        )
    wish = {"name": name, "page_limit": settings.page_limit, "text_limit": settings.text_limit_characters}
    limits = sandbox.Limits(settings.read_timeout_s, settings.read_memory_bytes)
    fields, text = sandbox.shared.call("document", name, wish, upload.data, limits, stop=stop)
    return Document(
        id=hashlib.sha256(upload.data).hexdigest(),
        name=name,
        media_type=fields["media_type"],
        text=text.decode(),
        pages=tuple(Page(**page) for page in fields["pages"]),
        headings=tuple(Heading(**heading) for heading in fields["headings"]),
        title=fields["title"],
        warnings=tuple(fields["warnings"]),
    )
