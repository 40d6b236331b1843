"""From the lines of a PDF's pages to one text with paragraphs, knowing nothing of the library that read them.

A PDF has neither paragraphs nor sentences that go on, only glyphs at places. Here lines are joined to paragraphs by
their distance, size, indent and length; running headers and footers are kept once instead of on every page, so that a
sentence goes on from page to page; words that were hyphenated at a line end are made whole. Lines are only dropped or
joined, never reordered: that lets a page be matched with its text again, character by character.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rag.types import Heading, Page

HYPHEN = "\ufffe"
"""What pdfium writes in place of a hyphen and the line break behind it."""

_INVISIBLE_POINTS = 2.5
"""No eye reads text of this height: hidden keys, and words meant for machines alone."""
_MARGIN = 0.13
"""Running headers and footers stand in this share of the page, at its top and bottom."""
_BULLET = re.compile(r"[•▪◦‣●○■□⁃∙·➢➔✓]|[–—*-]\s")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]\s")
_ENDED = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_NUMBER = re.compile(r"\d{1,4}")
_WORD = re.compile(r"[^\W\d_]+")
_BEFORE_HYPHEN = frozenset("twenty thirty forty fifty sixty seventy eighty ninety self well".split())
_HYPHENABLE = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_HYPHENATED = re.compile(f"([^\\W_]*){HYPHEN}([^\\W_]*)")


@dataclass(slots=True)
class Line:
    """One line of a page, cleaned. Heights and places are in points, y going up."""

    text: str
    x0: float = 0.0
    x1: float = 0.0
    top: float = 0.0
    """Of the first character; a hyphenated line ends lower than it starts."""
    bottom: float = 0.0
    """Of the last character."""
    height: float = 0.0
    """Of its typical character, ascent to descent; 0 when unknown."""


@dataclass(slots=True)
class PageLines:
    number: int
    lines: list[Line]
    height: float = 0.0
    """0 when places are unknown."""


@dataclass(frozen=True, slots=True)
class OutlineItem:
    level: int
    title: str
    page: int


@dataclass(slots=True)
class Laid:
    """A document's text with its pages and headings."""

    text: str = ""
    pages: list[Page] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)


def is_invisible(line: Line) -> bool:
    """Tell whether nobody who looks at the page can read the line."""
    return 0 < line.height < _INVISIBLE_POINTS


def may_be_running(line: Line, page_height: float) -> bool:
    """Tell whether the line stands where running headers and footers do."""
    if page_height <= 0:
        return False
    return line.bottom > (1 - _MARGIN) * page_height or line.top < _MARGIN * page_height


def lay_out(pages: Sequence[PageLines], outline: Sequence[OutlineItem] = ()) -> Laid:
    """Return the text of the pages, paragraphs apart by a blank line, lines by a line break."""
    running = _running(pages)
    kept = [
        PageLines(p.number, [ln for i, ln in enumerate(p.lines) if (n, i) not in running], p.height)
        for n, p in enumerate(pages)
    ]
    _join_hyphens(kept)
    laid = Laid()
    spans = _write(kept, _leading(kept), laid)
    laid.headings = _from_outline(kept, spans, outline) if outline else _from_sizes(kept, spans, laid.text)
    return laid


# --- running headers and footers --------------------------------------------------------------------------------------


def _running(pages: Sequence[PageLines]) -> set[tuple[int, int]]:
    """Return (page index, line index) of the running lines to leave out.

    A line runs when the same words stand at the same height on at least two of the four pages before and after. A header is
    kept where it stands first and a footer where it stands last, so no word is lost and no sentence is cut by one.
    """
    places: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for n, page in enumerate(pages):
        for i, line in enumerate(page.lines):
            if may_be_running(line, page.height):
                for key in _running_keys(line.text, page.number):
                    places[key, round(line.top / 4)].append((n, i))
    drop: set[tuple[int, int]] = set()
    for found in places.values():
        on = [n for n, _ in found]
        runs = [place for place in found if sum(0 < abs(place[0] - n) <= 4 for n in on) >= 2]
        if runs:
            n, i = runs[0]
            is_header = pages[n].lines[i].top > pages[n].height / 2
            drop.update(runs[1:] if is_header else runs[:-1])
    return drop


def _running_keys(text: str, page: int) -> set[str]:
    """Return what to know a running line by: its words, and its words with page numbers counted from the page's own."""
    words = " ".join(text.casefold().split())
    return {words, _NUMBER.sub(lambda m: f"<{int(m.group()) - page}>", words)}


# --- hyphens ----------------------------------------------------------------------------------------------------------


def _join_hyphens(pages: Sequence[PageLines]) -> None:
    """Make words whole that a line end divided; keep the hyphen where the rest of the document writes one."""
    lines = [line for page in pages for line in page.lines]
    if not any(HYPHEN in line.text for line in lines):
        return
    whole = (_HYPHENATED.sub(" ", line.text).casefold() for line in lines)
    known = Counter(word for text in whole for word in _HYPHENABLE.findall(text))
    for line in lines:
        if HYPHEN in line.text:
            line.text = _HYPHENATED.sub(lambda m: _whole(m.group(1), m.group(2), known), line.text)


def _whole(left: str, right: str, known: Counter[str]) -> str:
    low, high = left.casefold(), right.casefold()
    if low + high in known or not low or not high:
        return left + right
    is_compound = (
        f"{low}-{high}" in known
        or low in _BEFORE_HYPHEN
        or (right[0].isupper() and not left.isupper())
        or min(len(low), len(high)) > 3 < min(known[low], known[high])
    )
    return f"{left}-{right}" if is_compound else left + right


# --- paragraphs -------------------------------------------------------------------------------------------------------


def _leading(pages: Sequence[PageLines]) -> dict[int, float]:
    """Return the most common distance between lines, by their height in half points."""
    gaps: dict[int, Counter[float]] = defaultdict(Counter)
    for page in pages:
        for line, below in itertools.pairwise(page.lines):
            if line.height and _alike(line, below):
                gap = line.bottom - below.bottom if HYPHEN not in below.text else line.top - below.top
                if 0 < gap < 3 * line.height:
                    gaps[round(2 * line.height)][round(gap, 1)] += 1
    return {size: counts.most_common(1)[0][0] for size, counts in gaps.items()}


def _alike(line: Line, other: Line) -> bool:
    return abs(line.height - other.height) <= 0.08 * max(line.height, other.height)


def _write(pages: Sequence[PageLines], leading: dict[int, float], laid: Laid) -> list[list[tuple[int, int]]]:
    """Fill in text and pages; return the span of each line by page."""
    parts: list[str] = []
    spans: list[list[tuple[int, int]]] = []
    at = 0
    last: Line | None = None
    for page in pages:
        on_page: list[tuple[int, int]] = []
        previous: Line | None = None
        for line in page.lines:
            if last is not None:
                goes_on = _same_paragraph(previous, line, leading) if previous else _goes_on_overleaf(last, line)
                separator = "\n" if goes_on else "\n\n"
                parts.append(separator)
                at += len(separator)
            on_page.append((at, at + len(line.text)))
            parts.append(line.text)
            at += len(line.text)
            previous = last = line
        spans.append(on_page)
        start, end = (on_page[0][0], on_page[-1][1]) if on_page else (at, at)
        laid.pages.append(Page(page.number, start, end))
    laid.text = "".join(parts)
    return spans


def _same_paragraph(line: Line, below: Line, leading: dict[int, float]) -> bool:
    """Tell whether two lines that follow each other on a page belong to one paragraph."""
    if _BULLET.match(below.text):
        return False
    ended = bool(_ENDED.search(line.text))
    if ended and _NUMBERED.match(below.text):
        return False
    if not line.height or not below.height:
        return not ended or len(line.text) > 0.8 * len(below.text)
    if not _alike(line, below):
        return False
    gap = line.bottom - below.top + below.height
    if gap < -0.5 * line.height:  # up again: the next column, or a box beside the text
        return not ended and below.text[:1].islower()
    if gap > 1.2 * leading.get(round(2 * line.height), 1.3 * line.height):
        return False
    indented = 0.8 * line.height < below.x0 - line.x0 < 5 * line.height
    return not (ended and (indented or _has_room(line, below)))


def _has_room(line: Line, below: Line) -> bool:
    """Tell whether the first word of the line below would have fitted: then the line was ended on purpose."""
    letter = (below.x1 - below.x0) / max(1, len(below.text))
    word = below.text.split(" ", 1)[0]
    return line.x1 + (len(word) + 1.5) * letter < max(below.x1, line.x1)


def _goes_on_overleaf(line: Line, below: Line) -> bool:
    """Tell whether the sentence of a page's last line goes on in the first line of the next page."""
    if _ENDED.search(line.text) or _BULLET.match(below.text):
        return False
    if line.height and below.height and not _alike(line, below):
        return False
    return below.text[:1].islower() or line.text[-1:] in ",-–—&" or len(line.text) > 0.9 * len(below.text) > 40


# --- headings ---------------------------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _from_outline(
    pages: Sequence[PageLines], spans: Sequence[Sequence[tuple[int, int]]], outline: Sequence[OutlineItem]
) -> list[Heading]:
    """Find each title of the outline among the lines of its page; one that cannot be found is left out."""
    by_number = {page.number: n for n, page in enumerate(pages)}
    found: dict[int, Heading] = {}
    for item in outline:
        n = by_number.get(item.page)
        title = _bare(item.title)
        if n is None or not title:
            continue
        for first, last in _lines_of_title(pages[n].lines, title):
            start, end = spans[n][first][0], spans[n][last][1]
            if start not in found:
                found[start] = Heading(item.level, " ".join(item.title.split()), start, end)
                break
    return _apart(found)


def _lines_of_title(lines: Sequence[Line], title: str) -> Iterator[tuple[int, int]]:
    """Yield the (first, last) line of each place where up to three lines make the title."""
    bare = [_bare(line.text) for line in lines]
    for first in range(len(lines)):
        joined = ""
        for last in range(first, min(first + 3, len(lines))):
            joined += bare[last]
            if joined == title:
                yield first, last
            if not title.startswith(joined):
                break


def _apart(found: dict[int, Heading]) -> list[Heading]:
    """Return the headings in order, without any that overlaps the one before."""
    ordered: list[Heading] = []
    for start in sorted(found):
        if not ordered or ordered[-1].end <= start:
            ordered.append(found[start])
    return ordered


def _from_sizes(pages: Sequence[PageLines], spans: Sequence[Sequence[tuple[int, int]]], text: str) -> list[Heading]:
    """Take paragraphs in letters larger than the body's as headings; the three largest sizes are the levels."""
    letters: Counter[int] = Counter()
    for page in pages:
        for line in page.lines:
            letters[round(2 * line.height)] += len(line.text)
    body = letters.most_common(1)[0][0] if letters else 0
    if not body:
        return []
    found: list[tuple[int, int, int]] = []
    for page, on_page in zip(pages, spans, strict=True):
        for line, (start, end) in zip(page.lines, on_page, strict=True):
            size = round(2 * line.height)
            if size < 1.12 * body or not _WORD.search(line.text):
                continue
            if found and found[-1][0] == size and text[found[-1][2] : start] == "\n":
                found[-1] = (size, found[-1][1], end)
            else:
                found.append((size, start, end))
    levels = {size: min(rank, 3) for rank, size in enumerate(sorted({f[0] for f in found}, reverse=True), 1)}
    return [
        Heading(levels[size], " ".join(text[start:end].split()), start, end)
        for size, start, end in found
        if end - start <= 200
    ]
