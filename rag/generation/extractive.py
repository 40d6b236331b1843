"""The answerer that needs no key and no network: it quotes, it never writes.

From each hit it takes the run of sentences that answers best, and of those the best few. Every word shown stands in the
document, every citation's quote is an exact span of it, and the label says what the reader gets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from rag.errors import ModelUnavailableError
from rag.generation.markers import written
from rag.generation.numbering import Numbering
from rag.generation.passages import Source
from rag.generation.reading import Passage, Reader, asks_for_figure
from rag.generation.styles import STYLES
from rag.providers.base import ChatRequest, Embedder
from rag.question import term_weights
from rag.types import Citation, CitationEvent, Document, EndEvent, Event, GenerateOptions, Stop, TextEvent, Usage

NAME = "local/extractive"
LABEL = "Extracts, no AI-written answer"

HITS_READ = 6
"""Hits beyond these held no better passage."""
KEPT_SHARE = 0.7
"""Passages below this share of the best one's score are left out: they would only pad the answer."""
_SAME_TEXT = 0.9
"""Passages of two documents that are more alike than this say the same."""

DocumentOf = Callable[[str], Document | None]


class ExtractiveModel:
    """A `ChatModel` that answers with up to `options.max_passages` quotes. It reads with the collection's embedding model."""

    def __init__(
        self,
        document_of: DocumentOf = lambda document_id: None,
        embedder: Embedder | None = None,
        frequencies: Mapping[str, int] | None = None,
        chunks: int = 0,
    ) -> None:
        """Make one for a collection.

        `document_of` finds the document of a hit (None when it was deleted: the chunk alone is read then); without an
        `embedder` words alone are compared; `frequencies` tells in how many of the `chunks` a term of the question stands.
        """
        self._document_of = document_of
        self._embedder = embedder
        self._frequencies = frequencies or {}
        self._chunks = chunks

    @property
    def name(self) -> str:
        return NAME

    def stream(self, request: ChatRequest, stop: Stop) -> Iterator[Event]:
        """Yield the passages, each ended by its marker; they are numbered in their order, which is not that of the hits."""
        documents: dict[str, Document | None] = {}
        for hit in request.hits[:HITS_READ]:
            if hit.chunk.document_id not in documents:
                documents[hit.chunk.document_id] = self._document_of(hit.chunk.document_id)
        chosen = self._chosen(request, documents, stop)
        numbering, at = Numbering(), 0
        for place, passage in enumerate(chosen):
            for piece in pieces(("\n\n" if place else "") + passage.shown + " "):
                if stop():
                    return
                yield TextEvent(piece)
                at += len(piece)
            marker = numbering.cite(passage.marker)
            yield CitationEvent(_citation(passage, documents[passage.hit.chunk.document_id], marker, at))
            yield TextEvent(written(marker))
            at += len(written(marker))
        note = unheard(request.options)
        yield EndEvent("complete" if chosen else "not_found", Usage(), cost_usd=0.0, note=note if chosen else "")

    def _chosen(self, request: ChatRequest, documents: Mapping[str, Document | None], stop: Stop) -> list[Passage]:
        """Return the passages of the answer, best first, none of them saying what a better one said."""
        weights = term_weights(request.terms, self._frequencies, self._chunks)
        wants = asks_for_figure(request.question)
        readers = [
            Reader(marker, hit, Source.of(hit.chunk, documents[hit.chunk.document_id]), weights, wants_figure=wants)
            for marker, hit in enumerate(request.hits[:HITS_READ], start=1)
        ]
        meanings = self._meanings(request.question, readers, stop)
        read = [reader.passage(meaning) for reader, meaning in zip(readers, meanings, strict=True)]
        found = sorted((passage for passage in read if passage), key=lambda passage: -passage.score)
        chosen: list[Passage] = []
        for passage in found:
            if len(chosen) == most_passages(request.options) or passage.score < KEPT_SHARE * found[0].score:
                break
            if not any(_same(passage, other) for other in chosen):
                chosen.append(passage)
        return chosen

    def _meanings(self, question: str, readers: Sequence[Reader], stop: Stop) -> list[dict[int, float]]:
        """Return for each hit the cosine of its most promising sentences, by their place."""
        meanings: list[dict[int, float]] = [{} for _ in readers]
        if self._embedder is None:
            return meanings
        wanted = [(i, place) for i, reader in enumerate(readers) for place in reader.promising()]
        try:
            vector = self._embedder.embed_query(question)
            vectors = self._embedder.embed_documents([readers[i].texts[place] for i, place in wanted], stop=stop)
        except ModelUnavailableError:  # the words alone choose nearly as well
            return meanings
        for (i, place), cosine in zip(wanted, (vectors @ vector).tolist(), strict=True):
            meanings[i][place] = max(0.0, cosine)
        return meanings


def most_passages(options: GenerateOptions) -> int:
    """Return how many passages a style asks for: a brief answer is the best one alone."""
    return 1 if options.style == "brief" else options.max_passages


def unheard(options: GenerateOptions) -> str:
    """Return the sentence about what extracts cannot do of a style; empty for brief, detailed and strict quotes."""
    title = STYLES[options.style].title.lower() if options.style in ("steps", "json") else ""
    wish = {"json": "as JSON", "step by step": "step by step"}.get(title, "")
    return f"Extracts quote as they find it and cannot answer {wish}; choose a chat model for that." if wish else ""


def pieces(text: str) -> list[str]:
    """Return the text cut behind each word's white space: what a stream shows at a time.

    >>> pieces("Not found in")
    ['Not ', 'found ', 'in']
    """
    return re.findall(r"\s*\S+\s*|\s+", text)


def _citation(passage: Passage, document: Document | None, marker: int, at: int) -> Citation:
    pages = document.pages_of(passage.start, passage.end) if document else passage.hit.chunk.pages
    return Citation(marker, passage.hit, passage.quote, passage.start, passage.end, pages, at)


def _same(passage: Passage, other: Passage) -> bool:
    """Tell whether two passages overlap in one document or say nearly the same in two."""
    if passage.hit.chunk.document_id == other.hit.chunk.document_id:
        return passage.start < other.end and other.start < passage.end
    return _alike(passage.shown.casefold(), other.shown.casefold())


def _alike(one: str, other: str) -> bool:
    if one in other or other in one:
        return True
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return min(matcher.real_quick_ratio(), matcher.quick_ratio()) > _SAME_TEXT and matcher.ratio() > _SAME_TEXT
