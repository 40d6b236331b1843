"""The readable sentences of a chunk, as exact offsets: what an extract may be made of.

Text out of a PDF carries lines that are nobody's sentence: dot leaders of a table of contents, page numbers, identifiers. They
are cut out here, also from the middle of what would otherwise look like one sentence. A number alone stays: it may be the
cell of a table that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag.text import sentences, stripped

Span = tuple[int, int]

_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}|…{2,}|_{4,}")
_IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\b[0-9a-fA-F]{24,}\b|\b[A-Z]{6,}_\d+\b")
_PAGE_NUMBER = re.compile(r"page\s+\d+(?:\s+of\s+\d+)?|[-–—]\s?\d+\s?[-–—]|\d+\s+of\s+\d+", re.IGNORECASE)
_FOOTNOTE = re.compile(r"\[\s*(\d+(?:\s*[,–-]\s*\d+)*)\s*\]")
_ENDINGS = (".", "!", "?", "…", ":", ";", ",", "”", '"', ")", "。", "！", "？")


def is_noise(line: str) -> bool:
    """Tell whether a line is furniture of the page rather than something that was said.

    >>> [is_noise(line) for line in ("2.3. Supply Chain ........ 20", "Page 13", "It rained on 3 May.")]
    [True, True, False]
    """
    line = line.strip()
    if _PAGE_NUMBER.fullmatch(line) or _LEADERS.search(line) or not any(sign.isalnum() for sign in line):
        return True
    found = _IDENTIFIER.search(line)
    return found is not None and len(found.group()) > len(line) / 2


def readable_sentences(text: str) -> list[Span]:
    """Return the (start, end) of each sentence of a chunk, in order, without noise and without the lines around it that are."""
    return [part for span in sentences(text) for part in _parts(text, *span)]


def _parts(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield what is left of a sentence between its noisy lines."""
    begin = start
    breaks = [start - 1, *(start + m.start() for m in re.finditer("\n", text[start:end])), end]
    for before, after in pairwise(breaks):
        if is_noise(text[before + 1 : after]):
            yield from _kept(text, begin, max(begin, before))
            begin = min(after + 1, end)
    yield from _kept(text, begin, end)


def _kept(text: str, start: int, end: int) -> Iterator[Span]:
    span = stripped(text, start, end)
    if span[0] < span[1]:
        yield span


def shown_text(text: str, spans: Sequence[Span]) -> str:
    """Return the sentences as one text to read: line breaks inside them gone, what lies between them left out.

    A title or list item, which has no full stop, keeps its line. Brackets around a number are parted from it, so that no
    footnote of a document can pose as a citation.
    """
    shown = ""
    for start, end in spans:
        sentence = _FOOTNOTE.sub(r"[ \1 ]", _joined(text[start:end]))
        shown += ("" if not shown else " " if shown.endswith(_ENDINGS) else "\n") + sentence
    return shown


def _joined(sentence: str) -> str:
    """Return a sentence on one line."""
    return " ".join(sentence.split())
