"""Citations of an answer while it streams: each marker bound to its hit and to the words of the document that it rests on.

Citations are built from the hits that were sent, never from what a model wrote: a model only chooses a number. Hence every
citation is of a passage that was sent, and its quote stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from rag.generation.checking.evidence import Passage
from rag.generation.checking.meaning import Meaning
from rag.generation.checking.words import told_stems
from rag.generation.claims import bared
from rag.generation.marker_stream import MarkerStream, Piece
from rag.generation.markers import Marker, not_sent, written
from rag.generation.numbering import Numbering
from rag.generation.quotes import Span, best_quote, locate, stands_in
from rag.text import sentences
from rag.types import Citation, CitationEvent, Hit, TextEvent

PagesOf = Callable[[Hit, int, int], tuple[int, ...]]
"""Tells the pages that a span of a hit's document touches."""

_CLAIM_CHARACTERS = 2000
"""A claim is looked for no further back than this."""
_PART_STEMS = 3
"""What stands between two markers is a claim of its own when it tells this many words."""
_WORD = re.compile(r"\w")


def pages_of_chunk(hit: Hit, start: int, end: int) -> tuple[int, ...]:
    """Return all pages of the chunk: what is known without the document."""
    return hit.chunk.pages


def citation_of(
    hit: Hit, marker: int, span: Span, at: int | None = None, pages_of: PagesOf = pages_of_chunk
) -> Citation:
    """Return the citation of a span of a hit's chunk; `span` counts from the start of the chunk."""
    start, end = hit.chunk.start + span[0], hit.chunk.start + span[1]
    return Citation(marker, hit, hit.chunk.text[slice(*span)], start, end, pages_of(hit, start, end), at)


def native_citation(
    hits: Sequence[Hit], marker: int, cited_text: str, at: int | None = None, pages_of: PagesOf = pages_of_chunk
) -> Citation | None:
    """Return a citation that a provider made itself; None when its marker was not sent or its text is not in the chunk.

    Offsets that come with it count in the excerpt as it was sent, so the words are looked up in the chunk instead.
    """
    if not 1 <= marker <= len(hits):
        return None
    span = locate(cited_text, hits[marker - 1].chunk.text)
    return None if span is None else citation_of(hits[marker - 1], marker, span, at, pages_of)


class CitationReader:
    """Turns the pieces of a model's answer into what is shown and what it cites.

    However the stream is cut, the texts joined and the citations are the same. `hits` are those that were sent: the model's `[n]`
    is `hits[n - 1]`, and is shown under the number that `numbering` gives it.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        *,
        meaning: Meaning | None = None,
        pages_of: PagesOf = pages_of_chunk,
        numbering: Numbering | None = None,
        is_json: bool = False,
    ) -> None:
        self._hits = tuple(hits)
        self._numbering = numbering or Numbering()
        self._passages: dict[int, Passage] = {}
        self._meaning = meaning
        self._pages_of = pages_of
        self._is_json = is_json
        self._stream = self._new_stream()
        self._text = ""
        self._claim = ""
        """What the marker before claimed."""
        self._claim_end = 0

    @property
    def text(self) -> str:
        """What is shown so far."""
        return self._text

    def feed(self, text: str) -> list[TextEvent | CitationEvent]:
        """Return the events that a piece of the answer makes certain."""
        return self._events(self._stream.feed(text))

    def flush(self) -> list[TextEvent | CitationEvent]:
        """Return what was held back; the answer has ended."""
        return self._events(self._stream.flush())

    def cite(self, marker: int, cited_text: str) -> list[TextEvent | CitationEvent]:
        """Return the events of a provider's own citation of the words that came just before.

        What was held back is let go first. One that cannot be found in the excerpt is bound like a marker that the model wrote.
        """
        events = self._events(self._stream.flush())
        is_sent = 1 <= marker <= len(self._hits)
        self._stream = self._stream.after_break(is_marker=is_sent)
        if not is_sent:
            return events
        blank = "" if not self._text or self._text[-1].isspace() or self._text.endswith("]") else " "
        at = len(self._text) + len(blank)
        citation = native_citation(self._hits, marker, cited_text, at, self._pages_of)
        if citation is None:
            return events + self._shown(blank) + self._events([Marker((marker,))])
        citation = replace(citation, marker=self._numbering.cite(marker))
        return events + self._shown(blank + written(citation.marker)) + [CitationEvent(citation)]

    def _new_stream(self) -> MarkerStream:
        texts = [hit.chunk.text for hit in self._hits]
        return MarkerStream(len(texts), lambda tail: stands_in(tail, texts), is_json=self._is_json)

    def _events(self, pieces: Sequence[Piece]) -> list[TextEvent | CitationEvent]:
        events: list[TextEvent | CitationEvent] = []
        for piece in pieces:
            events += self._shown(piece) if isinstance(piece, str) else self._marked(piece)
        return events

    def _shown(self, text: str) -> list[TextEvent | CitationEvent]:
        self._text += text
        return [TextEvent(text)] if text else []

    def _marked(self, marker: Marker) -> list[TextEvent | CitationEvent]:
        """Return the events of one pair of brackets."""
        claim = self._claimed()
        events: list[TextEvent | CitationEvent] = []
        for part in marker.parts:
            at = len(self._text)
            if isinstance(part, str):
                events += self._shown(not_sent(part))
                continue
            shown = self._numbering.cite(part)
            events += self._shown(written(shown))
            span = best_quote(claim, self._passage(part), self._meaning)
            events.append(CitationEvent(citation_of(self._hits[part - 1], shown, span, at, self._pages_of)))
        self._claim, self._claim_end = claim, len(self._text)
        return events

    def _passage(self, marker: int) -> Passage:
        if marker not in self._passages:
            self._passages[marker] = Passage.of(self._hits[marker - 1], marker)
        return self._passages[marker]

    def _claimed(self) -> str:
        """Return the words that a marker at the end of the text stands behind.

        That is its sentence, from the last marker on when enough is said since; right behind another marker it is the same.
        """
        since = self._text[self._claim_end :]
        if self._claim and not _WORD.search(since):
            return self._claim
        begin = max(0, len(self._text) - _CLAIM_CHARACTERS)
        line = self._text[begin:].rstrip().rpartition("\n")[2]
        bare, _, _ = bared(line, 0, len(line))
        spans = sentences(bare)
        sentence = bare[slice(*spans[-1])] if spans else ""
        if self._claim_end and "\n" not in since:
            rest, _, _ = bared(since, 0, len(since))
            if len(rest) < len(sentence) and len(told_stems(rest, 0, len(rest))) >= _PART_STEMS:
                return rest
        return sentence
