"""What an amount is said about: its clause, the years it is bound to, and whether it goes up, down or is denied.

The same number may stand in a passage for another year, another plant or with the opposite sign. All that is read here
comes from the words around it, without a parser: clauses are cut at punctuation and conjunctions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.generation.checking.cues import (
    BIG_CUT,
    COMPARES,
    CUT,
    DOWN,
    FIRST_WORD,
    FROM,
    LISTED,
    LOSS,
    NOT_BINDING,
    PROFIT,
    SAYS_HOW_MUCH,
    UP,
    direction,
    head,
    is_denied,
    lead,
    role,
)
from rag.generation.checking.dates import DateMention
from rag.generation.checking.reading import Amount
from rag.generation.checking.words import told_stems
from rag.store.keywords import terms

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Mention:
    """An amount in its surroundings. Offsets are into the text that it was read from."""

    amount: Amount
    sentence: Span
    clause: Span
    stems: frozenset[str]
    """Of its clause, numbers left out."""
    subject: frozenset[str] = frozenset()
    """The same, with those of the clause before where this one has no subject of its own: "and fell to 3"."""
    head: str = ""
    """Stem of the noun that an amount is the value of: goal in "the goal of 25 percent"."""
    is_compared: bool = False
    """Only compared with: the clause before says what it is about."""
    lead: str = ""
    """Stem of the first telling word of the clause: what it is about."""
    role: str = ""
    """"from" or "to" in a change from one value to another."""
    numbers: frozenset[float] = frozenset()
    """The other numbers of its clause: 18 beside 24 % in "24 % are under 18"."""
    years: frozenset[int] = frozenset()
    change: int = 0
    """1 when the words around it say that something rose, -1 when it fell."""
    balance: int = 0
    """1 for a profit or surplus, -1 for a loss or deficit."""
    denied: bool = False
    in_table: bool = False

    @property
    def signs(self) -> tuple[int, int]:
        """Change and balance, to which a minus sign counts as both."""
        return (-1, -1) if self.amount.negative else (self.change, self.balance)


_LONGEST = 1500
"""Characters of a sentence that are looked at."""


def mentions(
    text: str, sentences: Sequence[Span], amounts: Sequence[Amount], dates: Sequence[DateMention]
) -> list[Mention]:
    """Return each amount of prose with what its sentence says of it."""
    starts = [start for start, _ in sentences]
    sentences = [(start, min(end, start + _LONGEST)) for start, end in sentences]
    found: dict[Span, list[Amount]] = {}
    for amount in amounts:
        index = bisect_right(starts, amount.start) - 1
        if index >= 0 and amount.start < sentences[index][1]:
            found.setdefault(sentences[index], []).append(amount)
    return [mention for sentence, group in found.items() for mention in _in_sentence(text, sentence, group, dates)]


def _in_sentence(text: str, sentence: Span, group: list[Amount], dates: Sequence[DateMention]) -> list[Mention]:
    inside = [d for d in dates if sentence[0] <= d.start < sentence[1]]
    solid = [*((a.start, a.end) for a in group), *((d.start, d.end) for d in inside)]
    clauses = _clauses(text, sentence, solid, CUT)
    parts = _clauses(text, sentence, solid, BIG_CUT)
    years = _years(text, sentence, clauses, group, inside)
    found = []
    for amount in group:
        until = next((o.start for o in group if o.start >= amount.end and text[o.start - 1] != "("), sentence[1])
        clause, part = _telling(text, clauses, amount, solid, group), _around(parts, amount.start)
        stems = told_stems(text, *clause, solid) - frozenset(amount.per_stems)
        found.append(
            Mention(
                amount,
                sentence,
                clause,
                stems,
                stems | _shared_subject(text, clauses, clause, amount, solid),
                head(text, amount),
                bool(COMPARES.match(text, *clause)),
                lead(text, clause, solid),
                role(text, amount, group),
                frozenset(r.low for o in _amounts_in(clause, group) if o is not amount for r in o.readings),
                years.get(amount.start, frozenset()),
                direction(text, part, amount, until, UP, DOWN),
                direction(text, part, amount, until, PROFIT, LOSS),
                is_denied(text, *part),
            )
        )
    return found


def _shared_subject(text: str, clauses: list[Span], clause: Span, amount: Amount, solid: list[Span]) -> frozenset[str]:
    """Return the stems of the clauses before, back to one with a subject, when this one has none: "and rose to 3"."""
    shared: frozenset[str] = frozenset()
    compared = bool(COMPARES.match(text, *clause))
    end = amount.start
    for before in reversed([c for c in clauses if c[1] <= clause[0]]):
        if not (compared or _lacks_subject(text, clause[0], end)):
            break
        compared = False
        shared |= told_stems(text, *before, solid)
        clause, end = before, before[1]
    return shared


def _lacks_subject(text: str, start: int, end: int) -> bool:
    """Tell whether a clause begins with a verb; "in 9", with nothing but a small word, is one item of a list instead."""
    first = FIRST_WORD.match(text, start, end)
    if first is None:
        return False
    if first["small"]:
        return any(sign.isalpha() for sign in text[first.end() : end])
    return bool(SAYS_HOW_MUCH.intersection(terms(first["word"])))


def is_denied_at(text: str, sentence: Span, at: int) -> bool:
    """Tell whether the part of a sentence that `at` lies in is negated."""
    return is_denied(text, *_around(_clauses(text, sentence, (), BIG_CUT), at))


def _telling(text: str, clauses: list[Span], amount: Amount, solid: list[Span], group: list[Amount]) -> Span:
    """Return the clause of an amount, with a neighbour where it tells nothing but the amount.

    That is the one behind it unless another amount stands there: "a further 2 million came | from the shop".
    """
    clause = _around(clauses, amount.start)
    index = clauses.index(clause)
    if (
        COMPARES.match(text, *clause)
        or len(_amounts_in(clause, group)) > 1
        or told_stems(text, *clause, solid) - SAYS_HOW_MUCH
    ):
        return clause
    bracketed = text[clause[0]] == "("
    if not bracketed and index + 1 < len(clauses) and not _amounts_in(clauses[index + 1], group):
        return (clause[0], clauses[index + 1][1])
    return (clauses[index - 1][0], clause[1]) if index else clause


def _clauses(text: str, sentence: Span, solid: Sequence[Span], cut: re.Pattern[str]) -> list[Span]:
    """Return the parts of a sentence between cuts; nothing is cut inside an amount or a date."""
    spans, begin = [], sentence[0]
    for found in cut.finditer(text, *sentence):
        if any(start < found.end() - 1 and found.start() + 1 < end and found.start() >= start for start, end in solid):
            continue
        if found.group().strip().lower() == "to" and not FROM.search(text, sentence[0], found.start()):
            continue
        if cut is BIG_CUT and _joins_two(found, solid):
            continue
        if begin < found.start():
            spans.append((begin, found.start()))
        begin = max(begin, found.start())
    spans.append((begin, sentence[1]))
    return spans


def _joins_two(found: re.Match[str], solid: Sequence[Span]) -> bool:
    """Tell whether a cut would part two items of one list: 1.0 and 1.1."""
    return any(end == found.start() for _, end in solid) and any(start == found.end() for start, _ in solid)


def _around(spans: Sequence[Span], at: int) -> Span:
    return next((s for s in reversed(spans) if s[0] <= at), spans[0])


# --- years ----------------------------------------------------------------------------------------------------------


def _years(
    text: str, sentence: Span, clauses: list[Span], group: list[Amount], dates: list[DateMention]
) -> dict[int, frozenset[int]]:
    """Return the years that each amount is bound to, by its start; an amount that nothing binds is not in it."""
    binding = [d for d in dates if d.years and not NOT_BINDING.search(text, max(0, d.start - 14), d.start)]
    if (pairs := _listed(text, sentence, group, binding)) is not None:
        return pairs
    beside = {d.end: d for d in dates if len(d.years) == 1 and text.startswith(" (", d.end)}
    by_clause = {clause: [d for d in binding if clause[0] <= d.start < clause[1]] for clause in clauses}
    bound: dict[int, frozenset[int]] = {}
    for amount in group:
        if (date := beside.get(amount.start - 2)) is not None:
            bound[amount.start] = date.years  # in 1990 (163)
            continue
        index = clauses.index(_around(clauses, amount.start))
        if (
            date := _nearest(amount, by_clause[clauses[index]]) or _inherited(text, clauses, by_clause, group, index)
        ) is not None:
            bound[amount.start] = date.years
    return bound


def _listed(
    text: str, sentence: Span, group: list[Amount], binding: list[DateMention]
) -> dict[int, frozenset[int]] | None:
    """Bind in order where years and amounts are two lists: in 2022 and 2023 they were 91 and 88 respectively."""
    if len(binding) < 2 or len(binding) != len(group):
        return None
    lists = ([(d.start, d.end) for d in binding], [(a.start, a.end) for a in group])
    if not all(LISTED.fullmatch(text[a[1] : b[0]]) for spans in lists for a, b in pairwise(spans)):
        return None
    return {amount.start: date.years for amount, date in zip(group, binding, strict=True)}


def _nearest(amount: Amount, dates: list[DateMention]) -> DateMention | None:
    """Return the date of a clause that is nearest; what follows the amount counts before what precedes it."""
    return min(
        dates, key=lambda d: d.start - amount.end if d.start >= amount.end else 2 * (amount.start - d.end), default=None
    )


def _inherited(
    text: str, clauses: list[Span], by_clause: dict[Span, list[DateMention]], group: list[Amount], index: int
) -> DateMention | None:
    """Return the date of a neighbouring clause that goes for this one too: in 2025, revenue was 4 and cost 3.

    What stands in brackets behind an amount is about something else.
    """
    for clause in reversed(clauses[:index]):
        if dates := by_clause[clause]:
            own = _amounts_in(clause, group)
            if not own or dates[-1].end <= own[0].start:
                return dates[-1]
            break
    after = clauses[index + 1] if index + 1 < len(clauses) else None
    if after and by_clause[after] and not _amounts_in(after, group) and text[after[0]] not in "(;":
        return by_clause[after][0]
    return None


def _amounts_in(clause: Span, group: list[Amount]) -> list[Amount]:
    return [a for a in group if clause[0] <= a.start < clause[1]]
