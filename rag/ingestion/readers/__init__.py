"""Turn an upload into a `Document`, whatever the upload holds."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from rag.errors import DocumentTooLargeError
from rag.ingestion.naming import clean_name
from rag.ingestion.readers.formats import SUFFIXES, parse
from rag.settings import Settings
from rag.types import Document, Upload

__all__ = ["SUFFIXES", "read"]


def read(upload: Upload, settings: Settings) -> Document:
    """Return the document of an upload. Raises `DocumentError`."""
    name = clean_name(upload.name)
    if len(upload.data) > settings.upload_limit_bytes:
        raise DocumentTooLargeError(
            f"{name} is larger than the {settings.upload_limit_bytes:,} bytes allowed; split it."
        )
    document = parse(name, upload.data, settings.page_limit, settings.text_limit_characters)
    return replace(document, id=hashlib.sha256(upload.data).hexdigest(), name=name)
