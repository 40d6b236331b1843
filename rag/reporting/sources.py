"""What an answer rests on, listed without repeats: quotes that overlap are one quote, and a heading alone is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from rag.text import is_heading_line
from rag.types import Answer, Citation


@dataclass(frozen=True, slots=True)
class Source:
    """A stretch of a document that an answer rests on."""

    citation: Citation
    """Its words whole: the parts joined."""
    parts: tuple[Citation, ...]
    """The citations that rest on it, in the order of the answer."""

    @property
    def longest(self) -> Citation:
        """The part that shows most of it."""
        return max(self.parts, key=lambda part: len(part.quote))


def sources(answer: Answer) -> list[Source]:
    """Return what is cited, by marker, then in the order of the answer, each word of a document once for each marker."""
    found: list[Source] = []
    for _, group in groupby(sorted(answer.citations, key=lambda c: c.marker), key=lambda c: c.marker):
        found += _joined(_telling(list(group)))
    return found


def by_marker(found: Iterable[Source]) -> list[list[Source]]:
    """Return sources in groups of one marker."""
    return [list(group) for _, group in groupby(found, key=lambda source: source.citation.marker)]


def place_of(citation: Citation, found: list[Source]) -> int:
    """Return the index of the source that a citation of the answer leads to."""
    for i, source in enumerate(found):
        if any(part is citation for part in source.parts):
            return i
    return next(i for i, source in enumerate(found) if source.citation.marker == citation.marker)


def _telling(cited: list[Citation]) -> list[Citation]:
    """Leave out headings, and whole chunks that were cited for want of a sentence, where there is anything else."""
    words = [c for c in cited if not is_heading_line(c.quote)] or cited[:1]
    parts = [c for c in words if c.quote.strip() != c.hit.chunk.text.strip()]
    return parts or words


def _joined(cited: list[Citation]) -> list[Source]:
    """Return citations of one marker as sources, those that overlap as one."""
    runs: list[list[tuple[int, Citation]]] = []
    for item in sorted(enumerate(cited), key=lambda item: (item[1].hit.chunk.document_id, item[1].start)):
        last = runs[-1] if runs else []
        same = bool(last) and last[0][1].hit.chunk.document_id == item[1].hit.chunk.document_id
        if same and item[1].start < max(c.end for _, c in last):
            last.append(item)
        else:
            runs.append([item])
    ordered = sorted((sorted(run, key=lambda item: item[0]) for run in runs), key=lambda run: run[0][0])
    return [Source(_union([c for _, c in run]), tuple(c for _, c in run)) for run in ordered]


def _union(cited: list[Citation]) -> Citation:
    """Return citations that overlap as one of all their words."""
    first, *others = sorted(cited, key=lambda c: (c.start, -c.end))
    for other in others:
        if other.end > first.end:
            quote = first.quote + other.quote[first.end - other.start :]
            pages = tuple(sorted({*first.pages, *other.pages}))
            first = replace(first, quote=quote, end=other.end, pages=pages)
    return first
