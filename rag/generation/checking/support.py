"""Whether what a sentence says stands in its passages: by its words, and by its meaning where an embedding model is at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.generation.checking.contrary import is_contrary
from rag.generation.checking.cues import SAYS_HOW_MUCH
from rag.generation.checking.evidence import Passage
from rag.generation.checking.figures import LONGEST
from rag.generation.checking.meaning import Meaning
from rag.generation.checking.words import told_stems
from rag.types import FigureCheck, SentenceVerdict

Span = tuple[int, int]

WINDOW = 3
"""A sentence of an answer may draw together this many neighbouring sentences of a passage."""
_NEARLY_ALL = 0.6
_THING = re.compile(
    r"\b(?:the|an?|in|of|from|to|with|by|for|them|its|their|at|on)\s(?=(?P<thing>[a-z]{3,})\b)", re.IGNORECASE
)
_PART = re.compile(
    r",\s(?:and|but|which|who|because|since|so|while|mostly|mainly|followed)\s|;\s|\s(?:and|but|because|while|although|whereas)\s|,\s"
)
_MOST_PARTS = 6
_PART_STEMS = 2
"""Words that a part must tell to be looked up on its own."""

_LIGHT = SAYS_HOW_MUCH | frozenset(
    stem
    for word in "live mean happen lead keep let want help try seem look call turn work way part thing kind type important main different "
    "possible able people person new number amount total certain various place time state case cause make allow provide".split()
    for stem in told_stems(word, 0, len(word))
)
_LIGHT_WEIGHT = 0.4

# Limits tried on hand-written pairs; tests/fixtures/checks says how they fare on pairs that were not looked at.
_SAID = 0.74
_SAID_IN_PART = 0.4
_MEANT = 0.74
_BOTH = 1.22
_PART_MEANT = 0.5
_PART_MEANT_ALONE = 0.6
_HALF = 0.45


class Likeness:
    """How much of a sentence, or of a part of it, stands in its passages."""

    def __init__(self, words: float, cosine: Callable[[], float]) -> None:
        self.words = words
        """Share of its telling words."""
        self._cosine = cosine

    @cached_property
    def meaning(self) -> float:
        """Cosine to the nearest sentence, worked out when the words do not decide; 0 without an embedding model."""
        return self._cosine()

    @property
    def is_said(self) -> bool:
        if self.words >= _SAID or (self.words >= 0.3 and self.meaning >= _MEANT):
            return True
        return self.words >= 0.5 and self.words + self.meaning >= _BOTH

    @property
    def is_absent(self) -> bool:
        meant = _PART_MEANT if self.words >= 0.3 else _PART_MEANT_ALONE
        return self.words < _SAID_IN_PART and self.meaning < meant


@dataclass(frozen=True, slots=True)
class Support:
    verdict: SentenceVerdict
    likeness: float
    """Orders passages by how well they support the sentence."""


def support(text: str, passages: Sequence[Passage], meaning: Meaning | None, figures: Sequence[FigureCheck]) -> Support:
    """Return the verdict on a sentence of an answer, held against the passages that it cites, all together."""
    text = text[:LONGEST]
    parts = parts_of(text)[:_MOST_PARTS]
    whole = _likeness(text, passages, meaning, figures)
    of_parts = [whole] if len(parts) == 1 else [_likeness(text[a:b], passages, meaning) for a, b in parts]
    score = whole.words
    if any(is_contrary(text, nearest(text, p), p.capital_stems) for p in passages):
        return Support("not_found", score / 2)
    if whole.is_said and not any(p.is_absent for p in of_parts):
        wrong = any(f.verdict != "supported" for f in figures) or _adds_a_thing(text, passages, figures)
        return Support("partly" if wrong else "supported", score - wrong / 4)
    some = whole.words >= _HALF and (meaning is None or whole.meaning >= _PART_MEANT)
    if some or (len(parts) > 1 and any(p.is_said for p in of_parts)):
        return Support("partly", score / 1.5)
    return Support("not_found", score / 2)


def _adds_a_thing(text: str, passages: Sequence[Passage], figures: Sequence[FigureCheck]) -> bool:
    """Tell whether a sentence that is nearly word for word in its passages names a thing that is not: in the mitochondria.

    What stands right behind an article or preposition is a thing; other new words are mostly another way of saying the same.
    """
    stems = told_stems(text, 0, len(text), [(f.start, f.end) for f in figures])
    there = (
        frozenset[str]()
        .union(*(_best_window(stems, p)[1] for p in passages))
        .union(*(p.context_stems for p in passages))
    )
    if share(stems, there) < _NEARLY_ALL:
        return False
    things = frozenset[str]().union(
        *(told_stems(text, m.start("thing"), m.end("thing")) for m in _THING.finditer(text))
    )
    return any(share(frozenset([thing]), there) == 0.0 for thing in (things & stems) - _LIGHT)


def parts_of(text: str) -> list[Span]:
    """Return the parts of a sentence that each claim something: what is joined by and, but, because, which."""
    parts: list[Span] = []
    begin = 0
    for found in _PART.finditer(text):
        before, after = told_stems(text, begin, found.start()), told_stems(text, found.end(), len(text))
        if before and len(after) >= _PART_STEMS and (parts or len(before) >= _PART_STEMS):
            parts.append((begin, found.start()))
            begin = found.end()
    return [*parts, (begin, len(text))]


def _likeness(
    text: str, passages: Sequence[Passage], meaning: Meaning | None, figures: Sequence[FigureCheck] = ()
) -> Likeness:
    """Return how much of a text stands in passages, the best place of each taken together; a figure counts as a word."""
    stems = told_stems(text, 0, len(text), [(f.start, f.end) for f in figures])
    places = frozenset[str]().union(*(_best_window(stems, passage)[1] for passage in passages))
    total = sum(map(_weight, stems))
    found = share(stems, places) * total + sum(f.verdict == "supported" for f in figures)
    words = found / (total + len(figures)) if stems or figures else 1.0
    return Likeness(
        words, lambda: max((meaning.cosine(text, p, stems) for p in passages), default=0.0) if meaning else 0.0
    )


def _best_window(stems: frozenset[str], passage: Passage) -> tuple[Span, frozenset[str]]:
    """Return the shortest run of sentences with the most of the stems, and its stems with those of its heading."""
    best: tuple[float, int, Span, frozenset[str]] = (-1.0, 0, (0, 0), passage.context_stems)
    for first in range(len(passage.sentences)):
        there = passage.context_stems
        for last in range(first, min(first + WINDOW, len(passage.sentences))):
            there = there | passage.stems[last]
            rank = (share(stems, there), first - last)
            if rank > best[:2]:
                best = (*rank, (first, last + 1), there)
    return best[2], best[3]


def nearest(text: str, passage: Passage) -> str:
    """Return the text of the run of sentences that has the most words of a sentence."""
    return passage.window(*_best_window(told_stems(text, 0, len(text)), passage)[0])


def share(stems: frozenset[str], there: frozenset[str]) -> float:
    """Return the share of stems that stand there, in this or nearly this form; 1 when there are none."""
    if not stems:
        return 1.0
    found = sum(_weight(s) * (1.0 if s in there else max((_kinship(s, t) for t in there), default=0.0)) for s in stems)
    return found / sum(map(_weight, stems))


def _weight(stem: str) -> float:
    """Return what a word counts; one that fits any sentence counts little."""
    return _LIGHT_WEIGHT if stem in _LIGHT else 1.0


def _kinship(one: str, other: str) -> float:
    """Return 0.8 for two stems of one word family, such as regul and regulatori; else 0."""
    if one[:5] != other[:5]:
        return 0.0
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return 0.8 if same >= min(len(one), len(other)) - 1 or same >= 0.7 * max(len(one), len(other)) else 0.0
