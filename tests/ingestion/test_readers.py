"""Every file becomes a document or is refused with one sentence that says what to do, whatever its name and bytes are."""

from __future__ import annotations

import io
import re

import pypdf
import pytest
from pdfs import lines, pdf_of

from rag.errors import (
    DocumentError,
    DocumentTooLargeError,
    EmptyDocumentError,
    EncryptedDocumentError,
    UnreadableDocumentError,
    UnsupportedDocumentError,
)
from rag.ingestion.readers import read
from rag.settings import Settings
from rag.types import Document, Upload

SETTINGS = Settings()
GOOD = pdf_of(lines(["The harbour was dredged to nine metres."]))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


def document_of(name: str, data: bytes, **settings: float) -> Document:
    return read(Upload(name, data), SETTINGS.model_copy(update=settings))


def encrypted() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(GOOD))
    writer.encrypt("secret", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def without_pages() -> bytes:
    writer = pypdf.PdfWriter()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def picture_only() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(out, "PDF")
    return out.getvalue()


REFUSED = {
    "broken": ("a.pdf", b"%PDF-1.7\nnothing that follows makes sense", UnreadableDocumentError, "damaged"),
    "headerless": ("a.pdf", b"just some words", UnreadableDocumentError, "damaged or not a PDF"),
    "truncated": ("a.pdf", GOOD[: len(GOOD) // 3], UnreadableDocumentError, "damaged"),
    "encrypted": ("a.pdf", encrypted(), EncryptedDocumentError, "password"),
    "no bytes": ("a.pdf", b"", EmptyDocumentError, "0 bytes"),
    "no pages": ("a.pdf", without_pages(), DocumentError, "."),
    "picture only": ("a.pdf", picture_only(), EmptyDocumentError, "scan"),
    "png as pdf": ("a.pdf", PNG, UnsupportedDocumentError, "PNG"),
    "web page as pdf": ("a.pdf", b"<!DOCTYPE html><p>no", UnsupportedDocumentError, "web page"),
    "pdf as txt": ("a.txt", GOOD, UnsupportedDocumentError, "rename it to .pdf"),
    "png as txt": ("a.txt", PNG, UnsupportedDocumentError, "PNG"),
    "zip as md": ("a.md", b"PK\x03\x04" + bytes(100), UnsupportedDocumentError, "ZIP"),
    "binary as txt": ("a.txt", bytes(range(256)) * 20, UnsupportedDocumentError, "binary"),
    "blank text": ("a.txt", b" \n\t\r\n ", EmptyDocumentError, "no text"),
    "only hidden": ("a.txt", "\u200b\u200b".encode(), EmptyDocumentError, "no text"),
    "word": ("a.docx", b"PK\x03\x04", UnsupportedDocumentError, ".docx"),
    "no ending": ("README", b"words", UnsupportedDocumentError, "no ending"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused_with_one_sentence(case: str) -> None:
    """The sentence names the file, ends with a full stop, says what is wrong, and shows no internals."""
    name, data, error, words = REFUSED[case]
    with pytest.raises(error, match=re.escape(words)) as caught:
        document_of(name, data)
    sentence = str(caught.value)
    assert sentence.startswith(name) and sentence.endswith(".")
    assert "\n" not in sentence and "Error" not in sentence and len(sentence) < 200


def test_bad_files_do_not_spoil_good_ones() -> None:
    """The children that refused files read the next one as if nothing had been."""
    for name, data, _, _ in REFUSED.values():
        with pytest.raises(DocumentError):
            document_of(name, data)
        assert "nine metres" in document_of("good.pdf", GOOD).text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("Größe".encode(), "Größe"),
        ("\ufeffGröße".encode(), "Größe"),
        ("Größe".encode("utf-16"), "Größe"),
        ("\ufeffGröße".encode("utf-16-be"), "Größe"),
        ("Large harbour".encode("utf-16-le"), "Large harbour"),
        ("Large harbour".encode("utf-16-be"), "Large harbour"),
        ("Größe".encode("utf-32"), "Größe"),
        ("“Größe” – 5 €".encode("cp1252"), "“Größe” – 5 €"),
        (b"a\x81b" + "ö".encode("latin-1"), "a bö"),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        (b"nul\x00in the middle of a longer line", "nul in the middle of a longer line"),
        ("zero\u200bwidth \u202eturned\u202c".encode(), "zerowidth turned"),
        ("soft\u00adhyphen".encode(), "softhyphen"),
        ("no\u00a0break".encode(), "no break"),
        ("tag \U000e0041\U000e0042hidden".encode(), "tag hidden"),
        ("पढ़\u200dना".encode(), "पढ़\u200dना"),
    ],
)
def test_text_arrives_in_any_encoding_and_clean(data: bytes, expected: str) -> None:
    """UTF-8, UTF-16 and UTF-32 with and without a mark, Windows-1252; controls and hidden characters are gone."""
    document = document_of("a.txt", data)
    assert expected == document.text
    assert "text/plain" == document.media_type


def test_plain_text_is_not_changed() -> None:
    """Offsets are those of the file: nothing is trimmed, composed or re-wrapped."""
    text = "  lead\n\n\n e\u0301 @-@ tab\t  two  spaces \n"
    assert text == document_of("a.txt", text.encode()).text


def test_a_guessed_encoding_and_hidden_characters_are_told() -> None:
    """The user hears of what had to be guessed or was left out."""
    assert "Windows-1252" in document_of("a.txt", b"Gr\xf6\xdfe").warnings[0]
    assert ("2 hidden characters left out.",) == document_of("a.txt", "a\u200bb\u200bc".encode()).warnings


def test_a_scratch_in_utf8_stays_a_scratch() -> None:
    """One broken byte in a long UTF-8 text does not turn all its accents into others."""
    document = document_of("a.txt", "Größe ".encode() * 200 + b"\xff.")
    assert document.text.startswith("Größe Größe") and document.text.endswith("\ufffd.")
    assert "1 damaged character" in document.warnings[0]


def test_a_document_is_known_by_its_bytes() -> None:
    """Id and text depend on the bytes, not on the name; a hostile name is made harmless."""
    hostile = "../" * 60 + "x" * 300 + ".txt"
    one, other = document_of("a.txt", b"Words."), document_of(hostile, b"Words.")
    assert one.id == other.id
    assert "/" not in other.name and len(other.name) <= 200 and other.name.endswith(".txt")


def test_an_ending_counts_in_any_case() -> None:
    """A.PDF is a PDF and a.Md Markdown."""
    assert "application/pdf" == document_of("A.PDF", GOOD).media_type
    assert "text/markdown" == document_of("a.Md", b"# T").media_type


def test_limits_are_told_with_what_to_do() -> None:
    """Too many bytes, pages or characters: the sentence names the limit and the setting that raises it."""
    many = pdf_of(*[[(72, 700, 11, f"Page {n} here")] for n in range(30)])
    for name, data, setting in (
        ("a.pdf", GOOD, "upload_limit_bytes"),
        ("a.pdf", many, "page_limit"),
        ("a.pdf", many, "text_limit_characters"),
        ("a.txt", b"word " * 40, "text_limit_characters"),
    ):
        with pytest.raises(DocumentTooLargeError, match=f"RAG_{setting.upper()}"):
            document_of(name, data, **{setting: 20})


def test_a_pdf_that_claims_a_million_pages_is_refused_at_once() -> None:
    """The page count is looked at before any page is."""
    claim = GOOD.replace(b"/Count 1", b"/Count 1000000")
    with pytest.raises(DocumentTooLargeError, match="1,000,000 pages"):
        document_of("a.pdf", claim)


def test_a_pdf_with_some_broken_pages_is_read() -> None:
    """The pages that can be read go in; the others are named."""
    document = document_of("a.pdf", GOOD.replace(b"/Count 1", b"/Count 3"))
    assert "nine metres" in document.text
    assert "Pages 2-3 could not be read: damaged." in document.warnings


def test_what_pdfium_refuses_is_read_otherwise() -> None:
    """A PDF whose root is lost for pdfium is read with pypdf, and the user is told that its layout is gone."""
    document = document_of("a.pdf", re.sub(rb"/Root \d+", b"/Root 9", GOOD))
    assert "The harbour was dredged to nine metres." == document.text
    assert "recovered without its layout" in document.warnings[0]


def test_markdown_headings_are_found_where_markdown_has_them() -> None:
    """Hash signs and underlines make headings; code, front matter, lists and rules do not."""
    source = """---
title: "The handbook"
---
# One *first* #

Under
=====
```
# not this
```
Two [link](http://x.y)
---
- item
---
text

---
###### Deep
#hashtag
"""
    document = document_of("a.md", source.encode())
    assert [(1, "One first"), (1, "Under"), (2, "Two link"), (6, "Deep")] == [
        (h.level, h.text) for h in document.headings
    ]
    assert "The handbook" == document.title
    assert ["# One *first* #", "Under\n=====", "Two [link](http://x.y)\n---", "###### Deep"] == [
        document.text[h.start : h.end] for h in document.headings
    ]


@pytest.mark.parametrize(
    "line", ["# " + "a" * 200_000, "#" * 200_000, "=" * 200_000, "[" * 200_000, "# # " * 50_000, "`" * 200_000]
)
def test_hostile_markdown_is_read(line: str) -> None:
    """A line without end is text, not a heading, and does not hang the reader."""
    assert () == document_of("a.md", f"x\n\n{line}\n".encode(), read_timeout_s=5).headings
