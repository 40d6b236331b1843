"""The readable sentences around a hit, as exact offsets into its document: what an extract is made of.

Text out of a PDF carries lines that are nobody's sentence: dot leaders of a table of contents, page numbers, identifiers. They
are cut out here, also from the middle of what would otherwise look like one sentence. A number alone stays: it may be the
cell of a table that was asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.text import sentences, stripped
from rag.types import Chunk, Document

Span = tuple[int, int]

EDGE_CHARACTERS = 400
"""How far beyond a chunk a sentence that the chunk cuts off is followed."""

_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}|…{2,}|_{4,}|(?:…|\.{3})\s*\d{1,4}\s*\Z")
_IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\b[0-9a-fA-F]{24,}\b|\b[A-Z]{6,}_\d+\b")
_PAGE_NUMBER = re.compile(r"(?:.{,60}\b(?:Page|PAGE)|page)\s+\d+(?:\s+of\s+\d+)?|[-–—]\s?\d+\s?[-–—]|\d+\s+of\s+\d+")
_TITLE = re.compile(r"#{1,6}\s|\d{1,3}(?:\.\d{1,3})+\.?\s*[^\W\d_]|(?:\d{1,2}|[IVX]{1,5})\.\s+[^a-z]{4,}\Z")
_TITLE_CHARACTERS = 100
_FOOTNOTE = re.compile(r"\[\s*(\d+(?:\s*[,–-]\s*\d+)*)\s*\]")
_MARKUP = re.compile(r"^#{1,6}\s+|\*\*(?=\S)|(?<=\S)\*\*")
_ITEM = re.compile(r"[•▪◦‣●○■□⁃∙·*+–-]\s|\(?(?:\d{1,2}|[a-z])[.)]\s")
_ROW = re.compile(r"(?<=[\d%)|])\s*\n\s*(?=[A-ZÀ-Þ|])|\n(?=\|)")
_ENDED = re.compile(r"[.!?…。！？][\"'”’»)\]」』]*\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """The text that a hit stands in. Every offset is one of the document's."""

    text: str
    first: int
    """Offset of `text[0]` in the document: 0, unless only the chunk is known."""
    titles: tuple[Span, ...]
    """Spans of the document's headings, in order."""

    @classmethod
    def of(cls, chunk: Chunk, document: Document | None) -> Source:
        """Return the whole document of a chunk, or what the chunk says when the document was deleted meanwhile."""
        if document is None:
            return cls(chunk.text, chunk.start, ())
        return cls(document.text, 0, tuple((h.start, h.end) for h in document.headings))

    def part(self, span: Span) -> str:
        return self.text[span[0] - self.first : span[1] - self.first]

    def sentences(self, start: int, end: int) -> list[Span]:
        """Return the readable sentences that touch the span, in order, those at its edges whole."""
        low = max(start - EDGE_CHARACTERS, self.first)
        high = min(end + EDGE_CHARACTERS, self.first + len(self.text))
        found: list[Span] = []
        for begin, stop in sentences(self.part((low, high))):
            whole = (low + begin, low + stop)
            if whole[0] < end and start < whole[1]:
                found += self._readable(max(whole[0], start) if whole[0] == low else whole[0], whole[1])
        return found

    def is_title(self, span: Span) -> bool:
        """Tell whether a sentence is a heading of the document, or looks like the numbered title of a section."""
        at = bisect_right(self.titles, (span[0], span[1] + 1)) - 1
        if at >= 0 and self.titles[at][0] <= span[0] < self.titles[at][1]:
            return True
        text = self.part(span)
        return len(text) <= _TITLE_CHARACTERS and bool(_TITLE.match(text)) and not _ENDED.search(text)

    def may_end(self, span: Span, *, is_telling: bool) -> bool:
        """Tell whether a passage may end with this sentence: not with a title, nor with what announces something else.

        Words without a full stop or a figure may be the last ones only where `is_telling`: they hold a word of the question.
        """
        text = self.part(span)
        if text.endswith(":") or self.is_title(span):
            return False
        return is_telling or bool(_ENDED.search(text)) or any(sign.isdigit() for sign in text)

    def shown(self, spans: Sequence[Span]) -> str:
        """Return the sentences as one text to read: wrapped lines joined, what lies between the sentences left out.

        Titles, list items and table rows keep their lines.
        """
        shown = ""
        for span in spans:
            sentence = _plain(self.part(span))
            goes_on = _ENDED.search(shown) and not _ITEM.match(sentence) and not self.is_title(span)
            shown += (" " if goes_on else "\n" if shown else "") + sentence
        return shown

    def _readable(self, start: int, end: int) -> Iterator[Span]:
        """Yield what is left of a sentence between its noisy lines."""
        text, begin = self.part((start, end)), 0
        breaks = [-1, *(match.start() for match in re.finditer("\n", text)), len(text)]
        for before, after in pairwise(breaks):
            if is_noise(text[before + 1 : after]):
                yield from _kept(text, begin, max(begin, before), start)
                begin = min(after + 1, len(text))
        yield from _kept(text, begin, len(text), start)


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


def _kept(text: str, start: int, end: int, first: int) -> Iterator[Span]:
    span = stripped(text, start, end)
    if span[0] < span[1]:
        yield first + span[0], first + span[1]


def _plain(sentence: str) -> str:
    """Return a sentence without wrapped lines, Markdown's heading and bold signs, and anything that poses as a citation.

    >>> _plain("It was so [3],\\n**they** say.")
    'It was so [ 3 ], they say.'
    """
    rows = (" ".join(row.split()) for row in _ROW.split(sentence))
    return _FOOTNOTE.sub(r"[ \1 ]", _MARKUP.sub("", "\n".join(rows)))
