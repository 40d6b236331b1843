"""Plain text in whatever encoding it arrives."""

from __future__ import annotations

import codecs
import re

from rag.errors import EmptyDocumentError, UnsupportedDocumentError
from rag.ingestion.readers.cleaning import clean_text
from rag.types import Document

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins the same
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BINARY_SHARE = 0.02
"""Text has next to no control characters; one byte in ten of a random or compressed file is one."""
_DAMAGED_SHARE = 0.01
"""UTF-8 with fewer broken bytes than this, among its bytes beyond ASCII, is UTF-8 with a scratch."""


def read_text(name: str, data: bytes, media_type: str = "text/plain") -> Document:
    """Return the document of a text file; its one page is the whole text. The id is left to the caller.

    Raises `UnsupportedDocumentError` for content that is no text and `EmptyDocumentError` for blank text.
    """
    decoded, note = decode(name, data)
    text, hidden = clean_text(decoded)
    if not text.strip():
        raise EmptyDocumentError(f"{name} holds no text; add a file with something to read in it.")
    warnings = [note] if note else []
    if hidden:
        warnings.append(f"{hidden} hidden character{'s' if hidden > 1 else ''} left out.")
    return Document(
        id="",
        name=name,
        media_type=media_type,
        text=text,
        warnings=tuple(warnings),
    )


def decode(name: str, data: bytes) -> tuple[str, str]:
    """Return the text of the bytes, and a sentence for the user when the encoding had to be guessed."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), ""
    if encoding := _utf16_without_mark(data):
        return data.decode(encoding, errors="replace"), ""
    if len(_CONTROL.findall(data)) > _BINARY_SHARE * len(data) + 2:
        raise UnsupportedDocumentError(
            f"{name} is named like a text file but holds binary data; export it as PDF or text and add that."
        )
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return _guess(data)


def _utf16_without_mark(data: bytes) -> str:
    """Name the UTF-16 of text whose every other byte is mostly NUL, as in western text; "" for anything else."""
    sample = data[:4096]
    half = len(sample) // 2
    if half < 2:
        return ""
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else ""


def _guess(data: bytes) -> tuple[str, str]:
    lenient = data.decode("utf-8", errors="replace")
    broken = lenient.count("\ufffd")
    if broken <= max(1, _DAMAGED_SHARE * len(re.findall(rb"[\xc2-\xf4][\x80-\xbf]", data))):
        return lenient, f"{broken} damaged character{'s' if broken > 1 else ''} could not be read and show as \ufffd."
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text, "The encoding is not stated; it was read as Windows-1252 (western European)."
