"""The answerer that needs no key and no network: it quotes, it never writes.

From each hit it takes the run of sentences that answers best, and of those the best few. Every word shown stands in the
document, every citation's quote is an exact span of it, and the label says what the reader gets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rag.errors import ModelUnavailableError
from rag.generation.passages import Span, readable_sentences, shown_text
from rag.providers.base import ChatRequest, Embedder, Stop
from rag.question import term_weights
from rag.store.keywords import terms
from rag.types import Chunk, Citation, CitationEvent, EndEvent, Event, Hit, TextEvent, Usage

NAME = "local/extractive"
LABEL = "Extracts, no AI-written answer"

PASSAGE_CHARACTERS = 500
"""Longest passage, unless one sentence alone is longer. Of 300, 400 and 500 the longest holds the answer most often."""
HITS_READ = 8
"""Hits beyond these held no better passage."""
SENTENCES_EMBEDDED = 3
"""Sentences of each hit that are compared by meaning, those with the most of the question's words; more gained nothing."""
KEPT_SHARE = 0.7
"""Passages below this share of the best one's score are left out: they would only pad the answer."""

# What a passage is scored by. Weights tried on two question sets; the answer's place moved little around these.
_MEANING = 0.5  # against the words; the words count half by the best sentence, half by all sentences together
_RANK = 0.3
_LENGTH = 0.05
_SAME_TEXT = 0.9  # passages more alike than this say the same

PagesOf = Callable[[Chunk, int, int], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Passage:
    marker: int
    hit: Hit
    sentences: tuple[Span, ...]
    """Spans of the chunk's text, consecutive."""
    score: float

    @property
    def start(self) -> int:
        return self.sentences[0][0]

    @property
    def end(self) -> int:
        return self.sentences[-1][1]

    @property
    def shown(self) -> str:
        return shown_text(self.hit.chunk.text, self.sentences)


class ExtractiveModel:
    """A `ChatModel` that answers with up to `options.max_passages` quotes. It reads with the collection's embedding model."""

    def __init__(
        self,
        embedder: Embedder | None = None,
        frequencies: Mapping[str, int] | None = None,
        chunks: int = 0,
        pages_of: PagesOf = lambda chunk, start, end: chunk.pages,
    ) -> None:
        """Make one for a collection: its embedding model (None compares words alone), in how many of its `chunks` each
        term of the question stands, and a way to tell the pages of a span of the document."""
        self._embedder = embedder
        self._frequencies = frequencies or {}
        self._chunks = chunks
        self._pages_of = pages_of

    @property
    def name(self) -> str:
        return NAME

    def stream(self, request: ChatRequest, stop: Stop) -> Iterator[Event]:
        """Yield the passages, each ended by its marker `[n]` for `request.hits[n - 1]`."""
        chosen = self._chosen(request, stop)
        for number, passage in enumerate(chosen):
            for piece in pieces(("\n\n" if number else "") + passage.shown + " "):
                if stop():
                    return
                yield TextEvent(piece)
            yield CitationEvent(self._citation(passage))
            yield TextEvent(f"[{passage.marker}]")
        yield EndEvent("complete" if chosen else "not_found", Usage())

    def _chosen(self, request: ChatRequest, stop: Stop) -> list[_Passage]:
        """Return the passages of the answer, best first, none of them saying what a better one said."""
        found = sorted(self._passages(request, stop), key=lambda passage: -passage.score)
        chosen: list[_Passage] = []
        for passage in found:
            if len(chosen) == request.options.max_passages or passage.score < KEPT_SHARE * found[0].score:
                break
            if not any(_same(passage, other) for other in chosen):
                chosen.append(passage)
        return chosen

    def _passages(self, request: ChatRequest, stop: Stop) -> Iterator[_Passage]:
        """Yield the best passage of each hit that has a readable sentence."""
        weights = term_weights(request.terms, self._frequencies, self._chunks)
        readers = [_Reader(hit, weights) for hit in request.hits[:HITS_READ]]
        meanings = self._meanings(request.question, readers, stop)
        for marker, (reader, meaning) in enumerate(zip(readers, meanings, strict=True), start=1):
            if reader.sentences:
                yield reader.best(marker, meaning)

    def _meanings(self, question: str, readers: Sequence[_Reader], stop: Stop) -> list[dict[int, float]]:
        """Return for each hit the cosine of its most promising sentences, by their place."""
        meanings: list[dict[int, float]] = [{} for _ in readers]
        if self._embedder is None:
            return meanings
        wanted = [(i, place) for i, reader in enumerate(readers) for place in reader.promising()]
        try:
            vector = self._embedder.embed_query(question)
            vectors = self._embedder.embed_documents([readers[i].text(place) for i, place in wanted], stop=stop)
        except ModelUnavailableError:  # the words alone choose nearly as well
            return meanings
        for (i, place), cosine in zip(wanted, (vectors @ vector).tolist(), strict=True):
            meanings[i][place] = max(0.0, cosine)
        return meanings

    def _citation(self, passage: _Passage) -> Citation:
        chunk = passage.hit.chunk
        start, end = chunk.start + passage.start, chunk.start + passage.end
        quote = chunk.text[passage.start : passage.end]
        return Citation(passage.marker, passage.hit, quote, start, end, self._pages_of(chunk, start, end))


class _Reader:
    """The sentences of one hit, and how much of the question's words each of them holds."""

    def __init__(self, hit: Hit, weights: Mapping[str, float]) -> None:
        self.hit = hit
        self.sentences = readable_sentences(hit.chunk.text)
        self._weights = weights
        self._total = sum(weights.values()) or 1.0
        self._found = [weights.keys() & set(terms(self.text(i))) for i in range(len(self.sentences))]
        self._words = [self._share(found) for found in self._found]

    def text(self, place: int) -> str:
        start, end = self.sentences[place]
        return self.hit.chunk.text[start:end]

    def promising(self) -> list[int]:
        """Return the places of the sentences with the most of the question's words, earlier ones first among equals."""
        return sorted(range(len(self.sentences)), key=lambda place: -self._words[place])[:SENTENCES_EMBEDDED]

    def best(self, marker: int, meaning: Mapping[int, float]) -> _Passage:
        """Return the run of consecutive sentences that scores highest."""
        score, first, last = max(self._runs(meaning), key=lambda run: run[0])
        return _Passage(marker, self.hit, tuple(self.sentences[first : last + 1]), score)

    def _runs(self, meaning: Mapping[int, float]) -> Iterator[tuple[float, int, int]]:
        """Yield (score, first, last) of every run of sentences that is short enough."""
        for first in range(len(self.sentences)):
            found: set[str] = set()
            words = close = 0.0
            for last in range(first, len(self.sentences)):
                length = self.sentences[last][1] - self.sentences[first][0]
                if last > first and length > PASSAGE_CHARACTERS:
                    break
                found |= self._found[last]
                words = max(words, self._words[last])
                close = max(close, meaning.get(last, 0.0))
                together = (words + self._share(found)) / 2
                yield self._score(close, together, length), first, last

    def _score(self, close: float, words: float, length: int) -> float:
        filled = min(1.0, length / PASSAGE_CHARACTERS)
        return _MEANING * close + (1 - _MEANING) * words + _RANK * self.hit.rank_score + _LENGTH * filled

    def _share(self, found: set[str]) -> float:
        return sum(self._weights[term] for term in found) / self._total


def pieces(text: str) -> list[str]:
    """Return the text cut behind each word's white space: what a stream shows at a time.

    >>> pieces("Not found in")
    ['Not ', 'found ', 'in']
    """
    return re.findall(r"\s*\S+\s*|\s+", text)


def _same(passage: _Passage, other: _Passage) -> bool:
    """Tell whether two passages overlap in one document or say nearly the same in two."""
    mine, others = passage.hit.chunk, other.hit.chunk
    if mine.document_id == others.document_id:
        return (
            mine.start + passage.start < others.start + other.end
            and others.start + other.start < mine.start + passage.end
        )
    return _alike(passage.shown, other.shown)


def _alike(one: str, other: str) -> bool:
    if one in other or other in one:
        return True
    matcher = SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    return (
        matcher.real_quick_ratio() > _SAME_TEXT and matcher.quick_ratio() > _SAME_TEXT and matcher.ratio() > _SAME_TEXT
    )
