"""Which reader a file gets: its name says what it should be, its first bytes say what it is, and both must agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from rag.errors import DocumentTooLargeError, EmptyDocumentError, UnreadableDocumentError, UnsupportedDocumentError
from rag.ingestion.readers.markdown import read_markdown
from rag.ingestion.readers.pdf import read_pdf
from rag.ingestion.readers.text import read_text
from rag.types import Document

_TEXT_READERS: dict[str, Callable[[str, bytes], Document]] = {
    ".txt": read_text,
    ".text": read_text,
    ".log": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
}
SUFFIXES = (".pdf", *_TEXT_READERS)
"""Endings of the files that can be read, in lower case."""

_HEADER_BYTES = 1024
"""A PDF may begin with other bytes; its viewers look this far."""
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a bitmap picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"%!PS", "a PostScript file"),
    (b"OggS", "a sound file"),
    (b"ID3", "a sound file"),
    (b"RIFF", "a sound or video file"),
)


def parse(name: str, data: bytes, page_limit: int, text_limit: int) -> Document:
    """Return the document of a file; its id is left empty.

    Raises `UnsupportedDocumentError` when the format has no reader or the content is not what the name says, and what the
    readers raise.
    """
    if not data:
        raise EmptyDocumentError(f"{name} is empty (0 bytes); check the file and add it again.")
    suffix = _suffix(name, data)
    _check_content(name, suffix, data)
    if suffix == ".pdf":
        return read_pdf(name, data, page_limit, text_limit)
    document = _TEXT_READERS[suffix](name, data)
    if len(document.text) > text_limit:
        raise DocumentTooLargeError(
            f"{name} has more than {text_limit:,} characters of text; split it, or raise RAG_TEXT_LIMIT_CHARACTERS."
        )
    return document


def _suffix(name: str, data: bytes) -> str:
    """Return the ending that stands for the file's reader."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    if not suffix and _is_pdf(data):
        return ".pdf"
    told = f"{suffix} files cannot be read" if suffix else "the name has no ending such as .pdf"
    raise UnsupportedDocumentError(f"{name}: {told}; add a PDF, a text file (.txt) or Markdown (.md).")


def _check_content(name: str, suffix: str, data: bytes) -> None:
    is_pdf = _is_pdf(data)
    if suffix == ".pdf" and not is_pdf:
        if kind := _kind(data):
            raise UnsupportedDocumentError(f"{name} is named .pdf but holds {kind}; add it as a real PDF.")
        raise UnreadableDocumentError(f"{name} is damaged or not a PDF: it does not begin like one; add a sound copy.")
    if suffix != ".pdf":
        if data.startswith(b"%PDF-"):
            raise UnsupportedDocumentError(
                f"{name} is named {suffix} but holds a PDF; rename it to .pdf and add it again."
            )
        if (kind := _kind(data)) and b"\x00" in data[:4096]:
            raise UnsupportedDocumentError(
                f"{name} is named {suffix} but holds {kind}; export it as PDF or text and add that."
            )


def _is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:_HEADER_BYTES]


def _kind(data: bytes) -> str:
    """Name what the content is, when its first bytes tell; else ""."""
    for mark, kind in _SIGNATURES:
        if data.startswith(mark) and (len(mark) > 2 or b"\x00" in data[:64]):  # words may begin with BM or MZ
            return kind
    return "a web page" if data[:512].lstrip()[:9].lower() in (b"<!doctype", b"<html>") else ""
