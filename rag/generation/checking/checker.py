"""The checks of one answer: each sentence as soon as it is complete, all of them at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rag.generation.checking.evidence import Passage
from rag.generation.checking.figures import Sentence, check_figures
from rag.generation.checking.meaning import Meaning
from rag.generation.checking.support import share, support
from rag.generation.claims import Claim, claims
from rag.types import FigureCheck, Hit, SentenceCheck

_SURE_AFTER = 25
"""Characters that must follow a sentence in its line before it cannot become longer any more."""
_MAY_COMPLETE = re.compile(r"[.!?…。！？\n]")
_LOOKED_AT_ELSEWHERE = 3
"""Other hits, those with the most of a sentence's words, that are asked whether they say it."""
_WORTH_A_LOOK = 0.4


class Checker:
    """Follows the text of one answer. `hits` are those that were sent, in the order of their markers."""

    def __init__(self, hits: Sequence[Hit], *, meaning: Meaning | None = None) -> None:
        self._passages = {n: Passage.of(hit, n) for n, hit in enumerate(hits, 1)}
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
        return [check for claim in fresh if (check := self._check(claim)) is not None]

    def restart(self) -> None:
        """Forget the text; the answer begins again."""
        self._text, self._unread = "", 0
        self._told.clear()

    def finish(self) -> tuple[SentenceCheck, ...]:
        """Return the checks of the whole answer, in order: what `Answer.checks` holds."""
        return tuple(check for claim in claims(self._text) if (check := self._check(claim)) is not None)

    def _check(self, claim: Claim) -> SentenceCheck | None:
        if claim not in self._known:
            self._known[claim] = self._checked(claim) if claim.needs_source else None
        return self._known[claim]

    def _checked(self, claim: Claim) -> SentenceCheck | None:
        """Return the check of a claim; None when it turns out to say nothing."""
        cited = [self._passages[n] for n in claim.markers if n in self._passages]
        searched = cited or list(self._passages.values())
        known = frozenset[str]().union(*(p.capitals for p in searched))
        sentence = Sentence(claim.text, known)
        if not sentence.stems and not sentence.amounts and not sentence.dates and not sentence.names:
            return None
        figures = check_figures(sentence, searched)
        placed = tuple(_placed(claim, figure) for figure in figures)
        if not cited:
            return SentenceCheck(claim.start, claim.end, "no_citation", self._elsewhere(sentence, ()), placed)
        verdict = support(claim.text, cited, self._meaning, figures).verdict
        where = None if verdict == "supported" else self._elsewhere(sentence, claim.markers)
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


def check_answer(text: str, hits: Sequence[Hit], *, meaning: Meaning | None = None) -> tuple[SentenceCheck, ...]:
    """Return the checks of a finished answer."""
    checker = Checker(hits, meaning=meaning)
    checker.feed(text)
    return checker.finish()
