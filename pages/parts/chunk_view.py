"""Chunks drawn in the text they were cut from: shade, border, number, token count, and where two of them overlap."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from pages.parts.safe_text import Node, el

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import Chunk, Document

Span = tuple[int, int]
_FULL_LINE_END = re.compile(r"(?<=[^\n]{60})\n(?![\s•▪‣◦–—*-]|\d+[.)]\s)")  # no list items, and no empty line, after it
_SHEET_CHARACTERS = 4000  # as much text as one looks at together: about two pages of a report


def sheets(document: Document) -> list[Span]:
    """Return the spans of text that are shown one at a time: whole pages where there are pages, else cut at line ends."""
    ends = [page.end for page in document.pages] if len(document.pages) > 1 else _line_ends(document.text)
    spans: list[Span] = []
    start = 0
    for place, end in enumerate(ends):
        following = ends[place + 1] if place + 1 < len(ends) else end
        if following - start > _SHEET_CHARACTERS or place + 1 == len(ends):
            spans.append((start, end))
            start = end
    return spans or [(0, len(document.text))]


def _line_ends(text: str) -> list[int]:
    """Return where lines end, a line longer than a sheet in pieces."""
    ends, place = [], 0
    while place < len(text):
        found = text.find("\n", place, place + _SHEET_CHARACTERS)
        place = found + 1 if found >= 0 else min(place + _SHEET_CHARACTERS, len(text))
        ends.append(place)
    return ends


def first_sheet_with_text(document: Document, spans: Sequence[Span]) -> int:
    """Return the number of the first sheet that is not nearly empty: covers say little about chunks."""
    full = (place for place, (start, end) in enumerate(spans) if end - start > _SHEET_CHARACTERS // 3)
    return next(full, 0)


def drawn(document: Document, chunks: Sequence[Chunk], tokens: Sequence[int], sheet: Span) -> list[Node]:
    """Return the elements that show one sheet of the document with its chunks."""
    start, end = sheet
    text = flowing(document.text[start:end]) if document.pages else document.text[start:end]
    shown = [c for c in chunks if c.start < end and start < c.end]
    cuts = {start, end} | {max(start, c.start) for c in shown} | {min(end, c.end) for c in shown}
    pages = {p.start: p.number for p in document.pages if len(document.pages) > 1 and start <= p.start < end}
    edges = sorted(cuts | set(pages))
    children: list[Node | str] = []
    for left, right in pairwise(edges):
        if left in pages:
            children.append(el("span.page-mark", f"Page {pages[left]}"))
        over = [c for c in shown if c.start < right and left < c.end]
        children += [_tag(c, tokens, left, start) for c in over if left == max(start, c.start)]
        children.append(_segment(text[left - start : right - start], left, right, over))
    return [el("div.sheet.reading", *children)]


def flowing(text: str) -> str:
    """Return a page's text, of the same length, with a space for each line break that was only the end of a full line.

    The browser wraps lines of its own: both kinds of breaks together would leave every second line ragged.
    """
    return _FULL_LINE_END.sub(" ", text)


def _tag(chunk: Chunk, tokens: Sequence[int], left: int, sheet_start: int) -> Node:
    more = " · goes on" if chunk.start < sheet_start else ""
    return el(
        "span.tag." + _shade(chunk), f"{chunk.index + 1} ", el("span.muted", f"{tokens[chunk.index]} tokens{more}")
    )


def _segment(text: str, left: int, right: int, over: Sequence[Chunk]) -> Node | str:
    """Return a stretch of text that the same chunks cover from its first to its last character."""
    if not over:
        return text
    look = "both" if len(over) > 1 else _shade(over[0])
    first = ".first" if any(c.start == left for c in over) else ""
    last = ".last" if any(c.end == right for c in over) else ""
    numbers = " and ".join(str(c.index + 1) for c in over)
    return el(
        f"span.seg.{look}{first}{last}", text, title=f"chunk {numbers}" if len(over) == 1 else f"in chunks {numbers}"
    )


def _shade(chunk: Chunk) -> str:
    return "b" if chunk.index % 2 else "a"


def legend(overlap: bool) -> Node:
    """Return the key to the shades."""
    entry = [el("span", el("span.swatch.seg.a", ""), el("span.swatch.seg.b", ""), "one chunk, the next")]
    if overlap:
        entry.append(el("span", el("span.swatch.seg.both", ""), "in both (overlap)"))
    return el("div.legend", *entry)


def sizes(tokens: Sequence[int], most: int, shown: tuple[int, int]) -> Node:
    """Return a small chart of all chunks' token counts; the chunks `shown[0] <= number < shown[1]` stand out.

    More than 240 chunks are drawn as 240 groups with the largest of each.
    """
    width, height, limit = 280.0, 54.0, 240
    groups = _grouped(tokens, limit)
    step = width / max(len(groups), 24)
    top = max([most, *tokens])
    bars = []
    for place, (low, high, value) in enumerate(groups):
        tall = max(1.0, height * value / top)
        look = "rect.bar.shown" if low < shown[1] and shown[0] < high else "rect.bar"
        bars.append(
            el(
                look,
                x=round(place * step, 2),
                y=round(height - tall, 2),
                width=round(max(step * 0.78, 0.7), 2),
                height=round(tall, 2),
            )
        )
    line = height - height * most / top
    return el(
        "svg",
        *bars,
        el("line.line", x1=0, x2=width, y1=round(line, 2), y2=round(line, 2)),
        viewBox=f"0 -2 {width:.0f} {height + 4:.0f}",
        role="img",
        aria_label=f"Tokens of each of {len(tokens)} chunks, at most {most}",
    )


def _grouped(tokens: Sequence[int], limit: int) -> list[tuple[int, int, int]]:
    """Return (first chunk, one past the last, largest token count) of at most `limit` groups of neighbours."""
    per = max(1, -(-len(tokens) // limit))
    return [(low, min(low + per, len(tokens)), max(tokens[low : low + per])) for low in range(0, len(tokens), per)]
