"""What an amount is said about: its clause, the years it is bound to, and whether it goes up, down or is denied.

The same number may stand in a passage for another year, another plant or with the opposite sign. All that is read here
comes from the words around it, without a parser: clauses are cut at punctuation and conjunctions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rag.generation.checking.amounts import Amount
from rag.generation.checking.dates import DateMention
from rag.generation.checking.words import told_stems

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Mention:
    """An amount in its surroundings. Offsets are into the text that it was read from."""

    amount: Amount
    sentence: Span
    clause: Span
    stems: frozenset[str]
    """Of its clause, numbers left out."""
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


_CUT = re.compile(
    r"[;:|]\s?|\s[-–—]+\s|[—–]|,\s|[()]|\s(?:and|but|while|whereas|although|though|because|compared with|compared to|against|versus|vs\.?|"
    r"up from|down from|from|to|then|than)\s",
    re.IGNORECASE,
)
_BIG_CUT = re.compile(
    r"[;|]\s?|,?\s(?:and|but|while|whereas|although|though|because|which|who|yet)\s|,\s(?!\d)(?!\s?(?:up|down|a loss|a profit)\b)",
    re.IGNORECASE,
)
_NOT_BINDING = re.compile(
    r"\b(?:since|until|before|after|than(?: in)?|on|against|with|versus|over|founded in|compared to)\s\Z", re.IGNORECASE
)

_UP = re.compile(
    r"\b(?:r[io]se[sn]?|rising|increas\w+|gr[eo]w(?:n|s|ing|th)?|gain(?:s|ed)?|up|higher|climb\w*|improv\w+|expand\w*|expansion|jump\w*|surg\w+|"
    r"soar\w*|add(?:s|ed)?|rais(?:e|es|ed|ing)|more|above|exceed\w*|over (?:the )?(?:budget|plan|target))\b",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:f[ae]ll(?:s|en|ing)?|decreas\w+|declin\w+|drop(?:s|ped)?|down|lower(?:ed|s)?|reduc\w+|shr[aiu]nk\w*|cut(?:s|ting)?|less|fewer|below|"
    r"dip(?:s|ped)?|slump\w*|plung\w*|shortened|shed|sheds|halved|los[et]s?|losing|under (?:the )?(?:budget|plan|target))\b",
    re.IGNORECASE,
)
_PROFIT = re.compile(r"\b(?:profit\w*|surplus\w*|net income|earnings)\b", re.IGNORECASE)
_LOSS = re.compile(r"\b(?:loss(?:es)?|deficits?|shortfalls?)\b", re.IGNORECASE)
_NO_DIRECTION = re.compile(
    r"\b(?:(?:more|less|fewer|higher|lower) than(?=\s(?:an?\s)?[$€£]?(?:\d|one|two|three|four|five|six|ten|twelve|half|third))|up to|added that|or more|or less|more or less|over and above|(?:above|below|over|under)(?=\s[$€£]?\d)|"
    r"falls? (?:in|on|under)|no longer)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|neither|nor|without|cannot|refus\w+|declin\w+ to|fail\w* to|den(?:y|ies|ied)|reject\w*|exempt\w*|instead of|rather than)\b|n[’']t\b",
    re.IGNORECASE,
)
_NO_NEGATION = re.compile(
    r"\bnot only\b|\bno(?:t)? (?:more|less|fewer|later|earlier|longer|higher|lower) than\b|\bnot exceeding\b|\bno doubt\b|\bwhether or not\b|"
    r"\bno\. ?\d|\bnot least\b|\bwithout (?:delay|exception|a finding|restart|notice)\b|\bif not\b",
    re.IGNORECASE,
)


def mentions(
    text: str, sentences: Sequence[Span], amounts: Sequence[Amount], dates: Sequence[DateMention]
) -> list[Mention]:
    """Return each amount of prose with what its sentence says of it."""
    starts = [start for start, _ in sentences]
    found: dict[Span, list[Amount]] = {}
    for amount in amounts:
        index = bisect_right(starts, amount.start) - 1
        if index >= 0:
            found.setdefault(sentences[index], []).append(amount)
    return [mention for sentence, group in found.items() for mention in _in_sentence(text, sentence, group, dates)]


def _in_sentence(text: str, sentence: Span, group: list[Amount], dates: Sequence[DateMention]) -> list[Mention]:
    inside = [d for d in dates if sentence[0] <= d.start < sentence[1]]
    solid = [*((a.start, a.end) for a in group), *((d.start, d.end) for d in inside)]
    clauses = _clauses(text, sentence, solid, _CUT)
    parts = _clauses(text, sentence, solid, _BIG_CUT)
    years = _years(text, sentence, clauses, group, inside)
    return [
        Mention(
            amount,
            sentence,
            clause := _around(clauses, amount.start),
            told_stems(text, *clause, solid),
            years.get(amount.start, frozenset()),
            _direction(text, _around(parts, amount.start), amount, _UP, _DOWN),
            _direction(text, _around(parts, amount.start), amount, _PROFIT, _LOSS),
            is_denied(text, *_around(parts, amount.start)),
        )
        for amount in group
    ]


def _clauses(text: str, sentence: Span, solid: Sequence[Span], cut: re.Pattern[str]) -> list[Span]:
    """Return the parts of a sentence between cuts; nothing is cut inside an amount or a date."""
    spans, begin = [], sentence[0]
    for found in cut.finditer(text, *sentence):
        if any(start < found.end() - 1 and found.start() + 1 < end and found.start() >= start for start, end in solid):
            continue
        if begin < found.start():
            spans.append((begin, found.start()))
        begin = max(begin, found.start())
    spans.append((begin, sentence[1]))
    return spans


def _around(spans: Sequence[Span], at: int) -> Span:
    return next((s for s in reversed(spans) if s[0] <= at), spans[0])


# --- years ----------------------------------------------------------------------------------------------------------


def _years(
    text: str, sentence: Span, clauses: list[Span], group: list[Amount], dates: list[DateMention]
) -> dict[int, frozenset[int]]:
    """Return the years that each amount is bound to, by its start; an amount that nothing binds is not in it."""
    binding = [
        d
        for d in dates
        if d.years and len(d.years) == 1 and not _NOT_BINDING.search(text, max(0, d.start - 14), d.start)
    ]
    if not binding:
        return {}
    if (pairs := _listed(text, sentence, group, binding)) is not None:
        return pairs
    by_clause = {clause: [d for d in binding if clause[0] <= d.start < clause[1]] for clause in clauses}
    bound: dict[int, frozenset[int]] = {}
    for amount in group:
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
    apart = binding[-1].end <= group[0].start or group[-1].end <= binding[0].start
    if not apart:
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
    after = clauses[index + 1] if index + 1 < len(clauses) else None
    if after and by_clause[after] and not _amounts_in(after, group) and text[after[0]] != "(":
        return by_clause[after][0]
    for clause in reversed(clauses[:index]):
        if dates := by_clause[clause]:
            own = _amounts_in(clause, group)
            return dates[-1] if not own or dates[-1].end <= own[0].start else None
    return None


def _amounts_in(clause: Span, group: list[Amount]) -> list[Amount]:
    return [a for a in group if clause[0] <= a.start < clause[1]]


# --- direction and negation -----------------------------------------------------------------------------------------


def _direction(text: str, part: Span, amount: Amount, up: re.Pattern[str], down: re.Pattern[str]) -> int:
    """Return the direction of the word that is nearest to an amount; one in front of it counts as nearer."""
    covered = _NO_DIRECTION.sub(lambda m: "_" * len(m.group()), text[part[0] : part[1]])
    best: tuple[int, int] | None = None
    for direction, words in ((1, up), (-1, down)):
        for found in words.finditer(covered):
            start, end = part[0] + found.start(), part[0] + found.end()
            distance = amount.start - end if end <= amount.start else start - amount.end + 12
            if best is None or distance < best[0]:
                best = distance, direction
    return best[1] if best else 0


def is_denied_at(text: str, sentence: Span, at: int) -> bool:
    """Tell whether the part of a sentence that `at` lies in is negated."""
    return is_denied(text, *_around(_clauses(text, sentence, (), _BIG_CUT), at))


def is_denied(text: str, start: int, end: int) -> bool:
    """Tell whether a part of a sentence is negated, idioms such as "not only" and "no later than" aside."""
    return len(_NEGATION.findall(_NO_NEGATION.sub(" ", text[start:end]))) % 2 == 1
