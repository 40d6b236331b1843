"""Cut a document into chunks that keep its paragraphs and sentences whole.

Paragraphs are the unit: small ones are merged with their neighbours, long ones are split at sentence ends into parts of
about equal length. Every chunk is a span: `document.text[chunk.start:chunk.end] == chunk.text`, in reading order, and
together the chunks hold every character that is not white space. Chunks may cross pages, because sentences do.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rag.text import Span, paragraphs, sentences, stripped
from rag.types import Chunk, ChunkOptions, Document, Heading, Page

TokenSpans = Callable[[str], list[Span]]

_SMALL = 0.4
"""Paragraphs below this share of the chunk size are merged with a neighbour."""
_BLOCK_CHARACTERS = 100_000
"""The tokenizer gets about this much at a time, so that its memory does not grow with the document."""
_TOKEN_CHARACTERS = 48
"""A longer token is counted as several: MiniLM makes one token of a word of 10,000 letters, and a chunk must stay small."""


def chunk(document: Document, options: ChunkOptions, token_spans: TokenSpans, *, scope: str = "") -> list[Chunk]:
    """Return the chunks of a document in reading order; a blank document has none.

    No chunk has more than `options.chunk_size_tokens` of the tokens that `token_spans` tells. With an overlap, each chunk
    but the first begins with the last whole sentences (else words) of the text before it. `scope` makes the ids of the
    same chunks differ between collections.
    """
    text = document.text
    blocks = _blocks(text, document.headings)
    tokens = _Tokens.of(text, blocks, token_spans)
    size = options.chunk_size_tokens
    if len(tokens.starts) > size:  # room for what each chunk repeats
        size -= options.overlap_tokens
    headings = _HeadingPaths(document.headings)
    bodies = [
        part
        for group in _merged(_with_headings(blocks, document.headings), tokens, _SMALL * size)
        for part in _split(text, group, tokens, size)
    ]
    chunks = []
    for index, (body, end) in enumerate(bodies):
        start = body
        if index and options.overlap_tokens:
            start = _overlap_start(text, bodies[index - 1][0], body, tokens, options.overlap_tokens)
        chunks.append(_chunk(document, scope, index, (start, end), headings.at(body)))
    return chunks


def _chunk(document: Document, scope: str, index: int, span: Span, heading: str) -> Chunk:
    start, end = span
    key = f"{scope}:{document.id}:{start}:{end}:{heading}"
    return Chunk(
        id=hashlib.sha256(key.encode()).hexdigest()[:32],
        document_id=document.id,
        index=index,
        start=start,
        end=end,
        pages=_pages(document.pages, start, end),
        heading=heading,
        text=document.text[start:end],
    )


def _pages(pages: Sequence[Page], start: int, end: int) -> tuple[int, ...]:
    """Return the numbers of the pages that share a character with the span, without a look at every page."""
    first = bisect_right(pages, start, key=lambda page: page.end)
    last = bisect_left(pages, end, key=lambda page: page.start)
    return tuple(page.number for page in pages[first:last] if page.start < page.end)


# --- tokens ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Where each token of the whole text starts."""

    starts: array[int]

    @classmethod
    def of(cls, text: str, blocks: Sequence[Span], token_spans: TokenSpans) -> _Tokens:
        starts = array("q")
        for begin, end in _tokenizer_blocks(text, blocks):
            for start, stop in token_spans(text[begin:end]):
                starts.extend(range(begin + start, begin + max(stop, start + 1), _TOKEN_CHARACTERS))
        return cls(starts)

    def count(self, start: int, end: int) -> int:
        return bisect_left(self.starts, end) - bisect_left(self.starts, start)

    def offset(self, start: int, tokens: int, end: int) -> int:
        """Return where the token stands that comes `tokens` after the first one of `start`; at most `end`."""
        at = bisect_left(self.starts, start) + tokens
        return min(end, self.starts[at]) if at < len(self.starts) else end


def _tokenizer_blocks(text: str, blocks: Sequence[Span]) -> list[Span]:
    """Group paragraphs into spans of about the size that the tokenizer is given at once; no token crosses their ends."""
    spans: list[Span] = []
    for start, end in blocks:
        if spans and end - spans[-1][0] <= _BLOCK_CHARACTERS:
            spans[-1] = (spans[-1][0], end)
            continue
        while end - start > _BLOCK_CHARACTERS:
            cut = _last_space(text, start, start + _BLOCK_CHARACTERS)
            spans.append((start, cut))
            start = cut
        spans.append((start, end))
    return spans


def _last_space(text: str, start: int, end: int) -> int:
    cut = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
    return cut if cut > start else end


# --- merging --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Group:
    """Paragraphs that are cut up together."""

    start: int
    end: int
    joints: list[int] = field(default_factory=list)
    """Where paragraphs end inside it: the best places to cut."""


def _blocks(text: str, headings: Sequence[Heading]) -> list[Span]:
    """Return the paragraphs, with every heading in a paragraph of its own."""
    edges = sorted({edge for h in headings for edge in (h.start, h.end)})
    blocks: list[Span] = []
    for start, end in paragraphs(text):
        inside = edges[bisect_right(edges, start) : bisect_left(edges, end)]
        for low, high in zip([start, *inside], [*inside, end], strict=True):
            span = stripped(text, low, high)
            if span[0] < span[1]:
                blocks.append(span)
    return blocks


def _with_headings(blocks: Sequence[Span], headings: Sequence[Heading]) -> list[_Group]:
    """Return one group a paragraph, headings in one group with the paragraph that they stand above.

    There is no joint between the two: a heading at the end of a chunk would say nothing about it.
    """
    starts = {h.start for h in headings}
    groups: list[_Group] = []
    open_heading = False
    for start, end in blocks:
        if open_heading:
            groups[-1].end = end
        else:
            groups.append(_Group(start, end))
        open_heading = start in starts
    return groups


def _merged(groups: Sequence[_Group], tokens: _Tokens, small: float) -> list[_Group]:
    """Merge neighbours for as long as either of the two has fewer than `small` tokens."""
    merged: list[_Group] = []
    for group in groups:
        last = merged[-1] if merged else None
        if last and min(tokens.count(last.start, last.end), tokens.count(group.start, group.end)) < small:
            last.joints.append(last.end)
            last.end = group.end
        else:
            merged.append(group)
    return merged


# --- splitting ------------------------------------------------------------------------------------------------------


def _split(text: str, group: _Group, tokens: _Tokens, size: int) -> list[Span]:
    """Cut a group into parts of at most `size` tokens and about equal length."""
    parts: list[Span] = []
    start = group.start
    ends: list[int] | None = None
    while (left := tokens.count(start, group.end)) > size:
        if ends is None:
            ends = [group.start + e for _, e in sentences(text[group.start : group.end])]
        limit = tokens.offset(start, size, group.end)
        aim = tokens.offset(start, round(left / math.ceil(left / size)), group.end)
        cut = _cut(text, start, aim, limit, group.joints, ends)
        parts.append(stripped(text, start, cut))
        start = cut
    parts.append(stripped(text, start, group.end))
    return [p for p in parts if p[0] < p[1]]


def _cut(text: str, start: int, aim: int, limit: int, joints: Sequence[int], ends: Sequence[int]) -> int:
    """Return where to end the part that begins at `start`: near `aim`, never behind `limit`."""
    reach = aim - start
    for places, tolerance in ((joints, 0.3), (ends, 0.7)):
        low = start + reach * (1 - tolerance)
        near = [p for p in _between(places, low, limit) if abs(p - aim) <= tolerance * reach]
        if near:
            return min(near, key=lambda p: abs(p - aim))
    for separator in ("\n", " "):
        if (cut := text.rfind(separator, start + reach // 2, limit)) > start:
            return cut
    return limit


def _between(places: Sequence[int], low: float, high: int) -> Sequence[int]:
    return places[bisect_left(places, low) : bisect_right(places, high)]


def _overlap_start(text: str, previous: int, body: int, tokens: _Tokens, overlap: int) -> int:
    """Return where the chunk whose own text begins at `body` starts to repeat the one that began at `previous`.

    The last whole sentences that fit into `overlap` tokens; the last words when not even one fits.
    """
    at = bisect_left(tokens.starts, body)
    reach = max(previous + 1, tokens.starts[max(0, at - overlap)])
    for start, _ in sentences(text[previous:body]):
        if start and previous + start >= reach:
            return previous + start
    space = text.find(" ", reach - 1, body)
    return stripped(text, space, body)[0] if space >= 0 else reach


# --- headings -------------------------------------------------------------------------------------------------------


class _HeadingPaths:
    """Paths of the headings above a place in the text."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._starts: list[int] = []
        self._paths: list[str] = []
        open_headings: list[Heading] = []
        for heading in headings:
            open_headings = [h for h in open_headings if h.level < heading.level] + [heading]
            self._starts.append(heading.start)
            self._paths.append(" > ".join(h.text for h in open_headings))

    def at(self, offset: int) -> str:
        """Return the path, outermost first, of the headings that hold the text at `offset`; "" when there is none."""
        index = bisect_right(self._starts, offset)
        return self._paths[index - 1] if index else ""
