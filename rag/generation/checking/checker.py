"""The checks of one answer: each sentence as soon as it is complete, all of them at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from rag.generation.checking.evidence import Passage
from rag.generation.checking.figures import Sentence, check_figures
from rag.generation.checking.meaning import Meaning
from rag.generation.checking.support import share, support
from rag.generation.claims import Claim, claims
from rag.generation.numbering import Numbering
from rag.types import FigureCheck, Hit, SentenceCheck

_SURE_AFTER = 25
"""Characters that must follow a sentence in its line before it cannot become longer any more."""
_MAY_COMPLETE = re.compile(r"[.!?…。！？\n]")
_LOOKED_AT_ELSEWHERE = 3
"""Other hits, those with the most of a sentence's words, that are asked whether they say it."""
_WORTH_A_LOOK = 0.4


class Checker:
    """Follows the text of one answer. `hits` are those that were sent, in the order of their numbers.

    `numbering` tells which of them a marker of the text shown stands for; without one `[n]` is `hits[n - 1]`. Checks name the
    numbers that the reader sees.
    """

    def __init__(
        self, hits: Sequence[Hit], *, meaning: Meaning | None = None, numbering: Numbering | None = None
    ) -> None:
        self._passages = {n: Passage.of(hit, n) for n, hit in enumerate(hits, 1)}
        self._numbering = numbering
        self._meaning = meaning
        self._text = ""
        self._unread = 0
        self._told: set[tuple[int, int]] = set()
        self._known: dict[Claim, SentenceCheck | None] = {}

    def feed(self, text: str) -> list[SentenceCheck]:
        """Return the checks of the sentences that this piece of the shown text completes."""
        self._text += text
        if not _MAY_COMPLETE.search(self._text, max(0, self._unread - _SURE_AFTER)):
            return []
        self._unread = len(self._text)
        fresh = [c for c in _complete(self._text, claims(self._text)) if (c.start, c.end) not in self._told]
        self._told.update((c.start, c.end) for c in fresh)
        numbers = self._numbers(is_final=False)
        return [renumbered(check, numbers) for claim in fresh if (check := self._check(claim)) is not None]

    def restart(self) -> None:
        """Forget the text; the answer begins again."""
        self._text, self._unread = "", 0
        self._told.clear()

    def finish(self) -> tuple[SentenceCheck, ...]:
        """Return the checks of the whole answer, in order: what `Answer.checks` holds."""
        numbers = self._numbers(is_final=True)
        found = (self._check(claim) for claim in claims(self._text))
        return tuple(renumbered(check, numbers) for check in found if check is not None)

    def _numbers(self, *, is_final: bool) -> dict[int, int]:
        """Return the shown number of each hit by its sent one; those that nothing cites have one only at the end."""
        if self._numbering is None:
            return {n: n for n in self._passages}
        known = self._numbering.all(len(self._passages))
        return known if is_final else {n: shown for n, shown in known.items() if self._numbering.shown(n)}

    def _sent(self, claim: Claim) -> list[int]:
        """Return the hits that a claim's markers stand for."""
        found = (self._numbering.sent(n) if self._numbering else n for n in claim.markers)
        return [n for n in found if n in self._passages]

    def _check(self, claim: Claim) -> SentenceCheck | None:
        if claim not in self._known:
            self._known[claim] = self._checked(claim) if claim.needs_source else None
        return self._known[claim]

    def _checked(self, claim: Claim) -> SentenceCheck | None:
        """Return the check of a claim; None when it turns out to say nothing."""
        sent = self._sent(claim)
        cited = [self._passages[n] for n in sent]
        searched = cited or list(self._passages.values())
        known = frozenset[str]().union(*(p.capitals for p in searched))
        sentence = Sentence(claim.text, known)
        if not (sentence.stems or sentence.amounts or sentence.dates or sentence.names or sentence.codes):
            return None
        figures = check_figures(sentence, searched)
        placed = tuple(_placed(claim, figure) for figure in figures)
        if not cited:
            return SentenceCheck(claim.start, claim.end, "no_citation", self._elsewhere(sentence, ()), placed)
        verdict = support(claim.text, cited, self._meaning, figures).verdict
        where = None if verdict == "supported" else self._elsewhere(sentence, sent)
        return SentenceCheck(claim.start, claim.end, verdict, where, placed)

    def _elsewhere(self, sentence: Sentence, markers: Sequence[int]) -> int | None:
        """Return the marker of the hit, among those not cited, that says a sentence best; None when none does."""
        shares = {n: share(sentence.stems, p.all_stems) for n, p in self._passages.items() if n not in markers}
        order = sorted((n for n, s in shares.items() if s >= _WORTH_A_LOOK), key=lambda n: -shares[n])
        best: tuple[float, int | None] = (0.0, None)
        for n in order[:_LOOKED_AT_ELSEWHERE]:
            passage = self._passages[n]
            found = support(sentence.text, [passage], None, check_figures(sentence, [passage]))  # by words alone: cheap
            if found.verdict == "supported" and found.likeness > best[0]:
                best = found.likeness, n
        return best[1]


def _complete(text: str, found: list[Claim]) -> list[Claim]:
    """Return the claims that what follows cannot change any more."""
    line = text.rfind("\n") + 1
    in_line = [c for c in found if c.start >= line]
    sure = [c for c, after in pairwise(in_line) if len(text) - after.start >= _SURE_AFTER]
    return [c for c in found if c.start < line] + sure


def _placed(claim: Claim, figure: FigureCheck) -> FigureCheck:
    start, end = claim.span(figure.start, figure.end)
    return replace(figure, start=start, end=end)


def renumbered(check: SentenceCheck, numbers: Mapping[int, int]) -> SentenceCheck:
    """Return a check with the numbers that the reader sees in place of those that were sent."""
    figures = tuple(replace(f, marker=numbers.get(f.marker)) if f.marker else f for f in check.figures)
    return replace(check, where=numbers.get(check.where) if check.where else None, figures=figures)


def check_answer(text: str, hits: Sequence[Hit], *, meaning: Meaning | None = None) -> tuple[SentenceCheck, ...]:
    """Return the checks of a finished answer."""
    checker = Checker(hits, meaning=meaning)
    checker.feed(text)
    return checker.finish()
