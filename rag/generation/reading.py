"""Find the run of sentences of a hit that answers best: by the question's words in it, its meaning and the hit's rank.

Weights and lengths were tried on two question sets with known answers. Runs of up to 500 characters hold the answer more often
than the single best sentence with neighbours of the same length; words and meaning together beat either alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rag.generation.passages import Source, Span
from rag.store.keywords import terms
from rag.types import Hit

PASSAGE_CHARACTERS = 500
"""Longest passage, unless one sentence alone is longer."""
SENTENCES_EMBEDDED = 3
"""Sentences of each hit that are compared by meaning, those with the most of the question's words; more gained nothing."""

_MEANING = 0.5
"""Against the words, which count half by the best sentence and half by all sentences together."""
_RANK = 0.3
_LENGTH = 0.1
_FIGURE = 0.1
"""For a run with a figure in a sentence that holds a word of the question, where the question asks for one."""
_ASKS_FOR_FIGURE = re.compile(
    r"\b(?:how (?:many|much|long|old|often|large|big|high|tall|deep|far|fast|heavy|late|soon)|when|percent(?:age)?|"
    r"(?:what|which) (?:[\w-]+ ){0,2}(?:share|proportion|number|amount|sum|total|rate|ratio|budget|price|cost|year|month|day|date))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive readable sentences of a hit's document."""

    marker: int
    hit: Hit
    source: Source
    sentences: tuple[Span, ...]
    score: float

    @property
    def start(self) -> int:
        return self.sentences[0][0]

    @property
    def end(self) -> int:
        return self.sentences[-1][1]

    @property
    def quote(self) -> str:
        """The document's own characters between `start` and `end`."""
        return self.source.part((self.start, self.end))

    @property
    def shown(self) -> str:
        return self.source.shown(self.sentences)


class Reader:
    """The sentences of one hit, and how much of the question's words each of them holds."""

    def __init__(
        self, marker: int, hit: Hit, source: Source, weights: Mapping[str, float], *, wants_figure: bool = False
    ) -> None:
        """`weights` are those of the question's terms, `wants_figure` tells whether it asks for one."""
        self.sentences = source.sentences(hit.chunk.start, hit.chunk.end)
        self.texts = [source.part(span) for span in self.sentences]
        self._marker, self._hit, self._source, self._weights = marker, hit, source, weights
        self._total = sum(weights.values()) or 1.0
        self._found = [weights.keys() & set(terms(text)) for text in self.texts]
        self._words = [self._share(found) for found in self._found]
        self._tells = [
            wants_figure and bool(found) and any(sign.isdigit() for sign in text)
            for found, text in zip(self._found, self.texts, strict=True)
        ]

    def promising(self) -> list[int]:
        """Return the places of the sentences with the most of the question's words, earlier ones first among equals."""
        return sorted(range(len(self.texts)), key=lambda place: -self._words[place])[:SENTENCES_EMBEDDED]

    def passage(self, meaning: Mapping[int, float]) -> Passage | None:
        """Return the best run of sentences, given the cosine of some by their place; None when nothing is readable.

        Of equal runs the one that begins last wins: nothing idle stands in front.
        """
        score, first, last = max(self._runs(meaning), default=(0.0, 0, -1))
        if last < 0:
            return None
        return Passage(self._marker, self._hit, self._source, tuple(self.sentences[first : last + 1]), score)

    def _runs(self, meaning: Mapping[int, float]) -> Iterator[tuple[float, int, int]]:
        """Yield (score, first, last) of every run that is short enough, stays below one title and does not end in a stub."""
        for first, (begin, _) in enumerate(self.sentences):
            found: set[str] = set()
            words = close = 0.0
            told_from: int | None = None
            tells = False
            for last in range(first, len(self.sentences)):
                start, end = span = self.sentences[last]
                if last > first and (end - begin > PASSAGE_CHARACTERS or self._begins_section(last)):
                    break
                if told_from is None and self._found[last]:
                    told_from = start
                found |= self._found[last]
                tells = tells or self._tells[last]
                words = max(words, self._words[last])
                close = max(close, meaning.get(last, 0.0))
                if last == first or self._source.may_end(span, is_telling=bool(self._found[last])):
                    told = end - told_from if told_from is not None else 0
                    score = self._score(close, (words + self._share(found)) / 2, told)
                    yield score + (_FIGURE if tells else 0.0), first, last

    def _begins_section(self, place: int) -> bool:
        """Tell whether a title stands here below something that is none: titles of several lines stay together."""
        return self._source.is_title(self.sentences[place]) and not self._source.is_title(self.sentences[place - 1])

    def _score(self, close: float, words: float, told: int) -> float:
        """Return the score of a run that has `told` characters from its first sentence with a word of the question on."""
        length = min(1.0, told / PASSAGE_CHARACTERS)
        return _MEANING * close + (1 - _MEANING) * words + _RANK * self._hit.rank_score + _LENGTH * length

    def _share(self, found: set[str]) -> float:
        return sum(self._weights[term] for term in found) / self._total


def asks_for_figure(question: str) -> bool:
    """Tell whether a number, an amount or a date answers the question.

    >>> [asks_for_figure(q) for q in ("How many people work there?", "What share is read?", "Who reads it?")]
    [True, True, False]
    """
    return bool(_ASKS_FOR_FIGURE.search(question))
