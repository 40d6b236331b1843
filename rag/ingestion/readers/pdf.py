"""The only file that knows a PDF library: pdfium for text, places and page images, pypdf where pdfium cannot open a file.

Runs in the sandbox's child process. pdfium is not thread-safe; a child has one thread.
"""

from __future__ import annotations

import io
import itertools
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from rag.errors import (
    DocumentTooLargeError,
    EmptyDocumentError,
    EncryptedDocumentError,
    UnreadableDocumentError,
)
from rag.ingestion.readers.alignment import SourceLine, align, stretches
from rag.ingestion.readers.cleaning import CLEAN, HIDDEN
from rag.ingestion.readers.layout import (
    HYPHEN,
    Line,
    OutlineItem,
    PageLines,
    is_invisible,
    lay_out,
    may_be_running,
)
from rag.types import Document

if TYPE_CHECKING:
    import pypdfium2 as pdfium
    from PIL import Image

PDF = "application/pdf"
_OUTLINE_LIMIT = 5000
"""Entries of an outline that are looked at; a loop in a broken one could go on for ever."""
_NO_TITLES = frozenset(["untitled", "(anonymous)", "unknown", "none"])
"""What programs write where nobody gave a title."""
_LETTERS = {**CLEAN, 0xFFFE: HYPHEN, 0x09: " "}
_LINE = re.compile(r"[^\r\n]+")
_LEADER = re.compile(r"(?:\. ?){5,}")
"""Dots between a title and its page number: hundreds of tokens that say nothing."""
_SPACES = re.compile(" {2,}")
_WORD_GAP = 0.1
"""Letters of a word are never this share of a line's height apart; the narrowest spaces of justified text are."""
_RECOVERABLE = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError, RecursionError)
"""What pypdf lets through on damaged files, besides its own errors."""


def read_pdf(name: str, data: bytes, page_limit: int, text_limit: int) -> Document:
    """Return the document of a PDF. The id is left to the caller.

    Raises `EncryptedDocumentError`, `UnreadableDocumentError`, `EmptyDocumentError` for one without any text, such as a
    scan, and `DocumentTooLargeError` beyond `page_limit` pages or `text_limit` characters.
    """
    pages, outline, title, notes = _read(name, data, page_limit, text_limit)
    laid = lay_out(pages, outline)
    if not laid.text.strip():
        raise EmptyDocumentError(
            f"{name} has no text layer (is it a scan?); run text recognition (OCR) over it and add the result."
        )
    without = [p.number for p in laid.pages if p.start == p.end]
    if without:
        pages_have = "Page {} has" if len(without) == 1 else "Pages {} have"
        notes.append(f"{pages_have.format(_ranges(without))} no text (a scan or picture?).")
    return Document(
        id="",
        name=name,
        media_type=PDF,
        text=laid.text,
        pages=tuple(laid.pages),
        headings=tuple(laid.headings),
        title=title,
        warnings=tuple(notes),
    )


_Read = tuple[list[PageLines], list[OutlineItem], str, list[str]]


def _read(name: str, data: bytes, page_limit: int, text_limit: int) -> _Read:
    from pypdfium2 import PdfiumError

    try:
        with closing(open_pdf(name, data)) as pdf:
            _check_pages(name, len(pdf), page_limit)
            return _read_with_pdfium(name, pdf, text_limit)
    except PdfiumError:
        return _read_with_pypdf(name, data, page_limit, text_limit)


def open_pdf(name: str, data: bytes) -> pdfium.PdfDocument:
    """Open a PDF with pdfium. Raises `EncryptedDocumentError`, and pdfium's own error for what it cannot open."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as raw

    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise _encrypted(name) from error
        raise


def _encrypted(name: str) -> EncryptedDocumentError:
    return EncryptedDocumentError(f"{name} is protected by a password; save a copy without one and add that.")


def _check_pages(name: str, pages: int, page_limit: int) -> None:
    if pages > page_limit:
        raise DocumentTooLargeError(
            f"{name} has {pages:,} pages, more than the {page_limit:,} allowed; split it, or raise RAG_PAGE_LIMIT."
        )
    if pages == 0:
        raise EmptyDocumentError(f"{name} has no pages; check the file and add it again.")


def _check_text(name: str, characters: int, text_limit: int) -> None:
    if characters > text_limit:
        raise DocumentTooLargeError(
            f"{name} has more than {text_limit:,} characters of text; split it, or raise RAG_TEXT_LIMIT_CHARACTERS."
        )


# --- pdfium -----------------------------------------------------------------------------------------------------------


def _read_with_pdfium(name: str, pdf: pdfium.PdfDocument, text_limit: int) -> _Read:
    from pypdfium2 import PdfiumError

    pages: list[PageLines] = []
    notes: list[str] = []
    broken: list[int] = []
    characters = hidden = invisible = 0
    for number in range(1, len(pdf) + 1):
        try:
            page, dropped, tiny = _page(pdf, number)
        except PdfiumError:
            page, dropped, tiny = PageLines(number, []), 0, 0
            broken.append(number)
        hidden, invisible = hidden + dropped, invisible + tiny
        characters += sum(len(line.text) for line in page.lines)
        _check_text(name, characters, text_limit)
        pages.append(page)
    if len(broken) == len(pages):
        raise PdfiumError("no page can be loaded")
    if broken:
        notes.append(f"Page{'s' if len(broken) > 1 else ''} {_ranges(broken)} could not be read: damaged.")
    if hidden:
        notes.append(f"{hidden} hidden character{'s' if hidden > 1 else ''} left out.")
    if invisible:
        notes.append(f"{invisible} invisible line{'s' if invisible > 1 else ''} (too small to be read) left out.")
    return pages, _outline(pdf), _title(pdf), notes


def _page(pdf: pdfium.PdfDocument, number: int) -> tuple[PageLines, int, int]:
    """Return the lines of a page, and how many characters and lines nobody can see were left out."""
    with closing(pdf[number - 1]) as page, closing(page.get_textpage()) as textpage:
        text = page_text(textpage)
        lines = list(page_lines(textpage, text))
        seen = [line for line, _ in lines if not is_invisible(line)]
        tiny = len(lines) - len(seen)
        hidden = sum(1 for c in text if ord(c) in HIDDEN and c != "\u00ad")
        return PageLines(number, seen, page.get_height()), hidden, tiny


def page_text(textpage: pdfium.PdfTextPage) -> str:
    """Return the text of a page as pdfium has it, one character for each of its character indexes."""
    import pypdfium2.raw as raw

    text: str = textpage.get_text_range()
    count: int = textpage.count_chars()
    if len(text) == count:
        return text
    # Left out or written as two somewhere; the character table itself is never out of step.
    return "".join(_letter(raw.FPDFText_GetUnicode(textpage, i)) for i in range(count))


def _letter(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def page_lines(textpage: pdfium.PdfTextPage, text: str) -> Iterator[tuple[Line, int]]:
    """Yield each line that holds something, with the index of its first character in `text`."""
    for match in _LINE.finditer(text):
        source = match.group()
        seen = [i for i, c in enumerate(source) if not c.isspace()]
        if not seen:
            continue
        lefts, tops, rights, bottoms = _character_boxes(textpage, match.start(), len(source))
        heights = sorted(abs(tops[i] - bottoms[i]) for i in (seen[0], seen[len(seen) // 2], seen[-1]))
        height = heights[1] or heights[2]
        spaced = _with_missing_spaces(source, lefts, rights, height)
        clean = _SPACES.sub(" ", _LEADER.sub(" … ", spaced.translate(_LETTERS))).strip()
        if clean:
            first, last = seen[0], seen[-1]
            yield Line(clean, lefts[first], rights[last], tops[first], bottoms[last], height), match.start()


def _character_boxes(textpage: pdfium.PdfTextPage, start: int, count: int) -> list[tuple[float, ...]]:
    """Return the lefts, tops, rights and bottoms of so many characters; zeros for one without a place."""
    import ctypes

    import pypdfium2.raw as raw

    place, box = raw.FPDFText_GetLooseCharBox, raw.FS_RECTF()
    pointer = ctypes.byref(box)
    boxes = [
        (box.left, box.top, box.right, box.bottom) if place(textpage, i, pointer) else (0.0, 0.0, 0.0, 0.0)
        for i in range(start, start + count)
    ]
    return list(zip(*boxes, strict=True))


def _with_missing_spaces(source: str, lefts: Sequence[float], rights: Sequence[float], height: float) -> str:
    """Put a space where two words stand apart although the file has none between them, as justified text often does."""
    gaps = [
        (lefts[i] - rights[i - 1], i)
        for i in range(1, len(source))
        if source[i].isalnum() and source[i - 1] > " " and source[i - 1] != HYPHEN
    ]
    if not gaps:
        return source
    usual = sorted(gap for gap, _ in gaps)[len(gaps) // 2]  # not 0 where letters are set wide
    wide = [i for gap, i in gaps if gap > max(usual, 0.0) + _WORD_GAP * height]
    return " ".join(source[a:b] for a, b in itertools.pairwise([0, *wide, len(source)])) if wide else source


def _outline(pdf: pdfium.PdfDocument) -> list[OutlineItem]:
    items: list[OutlineItem] = []
    for mark in itertools.islice(pdf.get_toc(max_depth=8), _OUTLINE_LIMIT):
        destination = mark.get_dest()
        index = destination.get_index() if destination else None
        if index is not None:
            items.append(OutlineItem(mark.level + 1, mark.get_title().translate(CLEAN), index + 1))
    return items


def _title(pdf: pdfium.PdfDocument) -> str:
    title: str = " ".join(pdf.get_metadata_value("Title").translate(CLEAN).split())
    return "" if title.casefold() in _NO_TITLES else title[:300]


# --- pictures of pages ------------------------------------------------------------------------------------------------

_Box = tuple[int, int, int, int]
_HIGHLIGHT = (255, 226, 92)
_TALLEST = 4
"""Times as high as wide a picture may become; a hostile page can be a mile long."""


def page_image(
    name: str, data: bytes, number: int, text: str, marks: Sequence[tuple[int, int]], width_px: int
) -> tuple[bytes, int, int, bool, list[_Box]]:
    """Draw a page as a JPEG; return it with its width, height, whether the marks were placed, and their boxes.

    `text` is the page's part of `Document.text`, `marks` are offsets into it. Marks that cannot be placed without doubt
    are not drawn at all. Raises `EncryptedDocumentError` and `UnreadableDocumentError`.
    """
    from pypdfium2 import PdfiumError

    try:
        with closing(open_pdf(name, data)) as pdf:
            pdf.init_forms()  # else the values of form fields are not drawn
            with closing(pdf[number - 1]) as page:
                scale = min(width_px / page.get_width(), _TALLEST * width_px / page.get_height())
                picture = page.render(scale=scale).to_pil().convert("RGB")
                boxes = _boxes(page, text, marks, picture.size)
                return _jpeg(picture, boxes or []), *picture.size, bool(boxes), boxes or []
    except (PdfiumError, IndexError, ZeroDivisionError) as error:
        raise UnreadableDocumentError(f"Page {number} of {name} cannot be drawn; read the passage as text.") from error


def _jpeg(picture: Image.Image, boxes: Sequence[_Box]) -> bytes:
    from PIL import Image, ImageChops

    for box in boxes:
        paper = picture.crop(box)
        picture.paste(ImageChops.multiply(paper, Image.new("RGB", paper.size, _HIGHLIGHT)), box)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _boxes(
    page: pdfium.PdfPage, text: str, marks: Sequence[tuple[int, int]], size: tuple[int, int]
) -> list[_Box] | None:
    """Return the boxes of the marks in pixels; None when there is doubt about any of them."""
    with closing(page.get_textpage()) as textpage:
        ways = align(_source_lines(textpage, page.get_height()), text)
        found = {tuple(way[i] for s, e in marks for i in range(s, e) if i in way) for way in ways}
        if len(found) != 1:
            return None
        lines = stretches([textpage.get_charbox(i, loose=True) for i in found.pop()])
        return [_pixels(page, line, size) for line in lines]


def _source_lines(textpage: pdfium.PdfTextPage, page_height: float) -> list[SourceLine]:
    lines = []
    text = page_text(textpage)
    for line, start in page_lines(textpage, text):
        if is_invisible(line):
            continue
        end = next((i for i in range(start, len(text)) if text[i] in "\r\n"), len(text))
        pairs = [(c.translate(_LETTERS), i) for i, c in enumerate(text[start:end], start)]
        letters = "".join(c for c, _ in pairs)
        indexes = tuple(i for c, i in pairs if c)
        lines.append(SourceLine(letters, indexes, may_be_running(line, page_height)))
    return lines


def _pixels(page: pdfium.PdfPage, box: tuple[float, float, float, float], size: tuple[int, int]) -> _Box:
    """Return (left, top, right, bottom) in pixels, whichever way the page is turned and cropped."""
    import ctypes

    import pypdfium2.raw as raw

    corners = []
    for x, y in (box[:2], box[2:]):
        across, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down)
        corners.append((across.value, down.value))
    (x0, y0), (x1, y1) = corners
    return min(x0, x1) - 1, min(y0, y1), max(x0, x1) + 1, max(y0, y1)


# --- pypdf ------------------------------------------------------------------------------------------------------------


def _read_with_pypdf(name: str, data: bytes, page_limit: int, text_limit: int) -> _Read:
    """Read what pdfium refuses: text without places."""
    import pypdf
    from pypdf.errors import FileNotDecryptedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of every repair
    try:
        with warnings.catch_warnings(action="ignore"):
            reader = pypdf.PdfReader(io.BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):
                raise _encrypted(name)
            _check_pages(name, len(reader.pages), page_limit)
            pages = list(_pypdf_pages(name, reader, text_limit))
            title = str(reader.metadata.title or "") if reader.metadata else ""
    except FileNotDecryptedError as error:
        raise _encrypted(name) from error
    except (PyPdfError, *_RECOVERABLE) as error:
        raise UnreadableDocumentError(
            f"{name} is damaged and cannot be read as a PDF; open it in a viewer, save it anew and add that."
        ) from error
    return pages, [], title.translate(CLEAN)[:300], ["The file is damaged; its text was recovered without its layout."]


def _pypdf_pages(name: str, reader: Any, text_limit: int) -> Iterator[PageLines]:
    characters = 0
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        characters += len(text)
        _check_text(name, characters, text_limit)
        lines = (line.translate(CLEAN).strip() for line in _LINE.findall(text))
        yield PageLines(number, [Line(line) for line in lines if line])


def _ranges(numbers: list[int]) -> str:
    """Write page numbers for people: "3, 7-9"; at most ten of them."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and groups[-1][1] == number - 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in groups[:10])
    return text + (" and more" if len(groups) > 10 else "")
