"""Look up the figures, dates and names of a sentence in the passages that it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.generation.checking.amounts import amounts
from rag.generation.checking.codes import codes, stands_in
from rag.generation.checking.comparing import agreement, comparable, same_digits
from rag.generation.checking.dates import DateMention, When, dates, says
from rag.generation.checking.evidence import Passage
from rag.generation.checking.mentions import Mention, is_denied_at, mentions
from rag.generation.checking.names import Name, Tokens, find_name, folded, names, other_bearer
from rag.generation.checking.reading import Amount
from rag.generation.checking.rivals import parted_claims, said_of_another, tells_apart
from rag.generation.checking.units import unheard_things
from rag.generation.checking.words import told_stems
from rag.types import FigureCheck, FigureKind, FigureVerdict

_SAME_SUBJECT = 0.4
"""Share of a sentence's words from which on a passage is taken to speak of the same, so that its number contradicts."""
_SAME_EVENT = 0.5
_PARTICULAR = 100
LONGEST = 1200
"""Characters of a sentence that are looked at."""
_MOST_FIGURES = 24
"""Of each sort, in one sentence."""
_NAMED = re.compile(r"[^\s.!?] [A-Z]\w+ \Z")
"""A number behind a name belongs to it: Python 3.9."""
_PAST = re.compile(
    r"\b(?:was|were|had|been|previous\w*|before|earlier|last|until|old|former\w*|initial\w*|start\w*|began|original\w*|then|compared|from|instead)\b",
    re.IGNORECASE,
)
"""Says that a value is one of before, so that it may be the start of a change."""
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")


@dataclass(frozen=True, slots=True)
class _Found:
    verdict: FigureVerdict
    found_as: str = ""
    marker: int | None = None
    overlap: float = 0.0


_NOTHING = _Found("not_found")


class Sentence:
    """One sentence of an answer, without markers, and what it claims."""

    def __init__(self, text: str, known: frozenset[str] = frozenset()) -> None:
        text = text[:LONGEST]
        self.text = text
        whole = (0, len(text))
        self.dates = dates(text)[:_MOST_FIGURES]
        days = [(d.start, d.end) for d in self.dates]
        self.amounts = [a for a in amounts(text, days) if not _says_nothing(text, a)][:_MOST_FIGURES]
        self.mentions = mentions(text, [whole], self.amounts, self.dates) if text else []
        self.names = names(text, whole, days, known)[:_MOST_FIGURES] if text else []
        self.codes = codes(text, days)
        solid = [*days, *((a.start, a.end) for a in self.amounts)]
        self.stems = told_stems(text, *whole, solid)


def _says_nothing(text: str, amount: Amount) -> bool:
    """Tell whether a number in words is only a way of speaking: one of them, firstly, at first."""
    word = text[amount.start : amount.end].lower()
    if amount.ordinal and word == "first":
        return True
    if amount.ordinal and word == "second":
        return not text[: amount.start].lower().endswith(" the ")
    if word in ("once", "twice", "thrice"):
        return True
    return word == "one" and not amount.things and amount.readings[0].dimension == ""


def check_figures(sentence: Sentence, passages: Sequence[Passage]) -> tuple[FigureCheck, ...]:
    """Return a check of each figure of a sentence, in order; offsets are into the sentence's text."""
    checks = [
        *(_amount_check(sentence, mention, passages) for mention in sentence.mentions),
        *(_date_check(sentence, date, passages) for date in sentence.dates),
        *(_code_check(sentence, *span, passages) for span in sentence.codes),
        *_joined_names(sentence, passages),
        *(check for name in sentence.names for check in _name_checks(sentence, name, passages)),
    ]
    return tuple(sorted(_without_overlaps(checks), key=lambda c: c.start))


def _without_overlaps(checks: Sequence[FigureCheck]) -> Iterator[FigureCheck]:
    kept: list[FigureCheck] = []
    for check in checks:
        if not any(c.start < check.end and check.start < c.end for c in kept):
            kept.append(check)
            yield check


def _checked(sentence: Sentence, start: int, end: int, kind: FigureKind, found: _Found) -> FigureCheck:
    return FigureCheck(start, end, sentence.text[start:end], kind, found.verdict, found.found_as, found.marker)


def _overlap(sentence: Sentence, passage: Passage, at: int) -> float:
    """Return the share of a sentence's words that stand in the passage's sentence around `at`."""
    if not sentence.stems or not passage.sentences:
        return 0.0
    there = passage.stems[passage.sentence_at(at)] | passage.context_stems
    return len(sentence.stems & there) / len(sentence.stems)


def _best(found: Sequence[_Found]) -> _Found:
    """Return the finding that decides: one support is enough, else the contradiction nearest in words."""
    for found_one in found:
        if found_one.verdict == "supported":
            return found_one
    contradicted = [f for f in found if f.verdict == "contradicted"]
    if contradicted:
        return max(contradicted, key=lambda f: f.overlap)
    return max(found, key=lambda f: bool(f.found_as), default=_NOTHING)


# --- amounts --------------------------------------------------------------------------------------------------------


def _amount_check(sentence: Sentence, claim: Mention, passages: Sequence[Passage]) -> FigureCheck:
    found = _best([f for passage in passages for f in _amounts_in(sentence, claim, passage)])
    return _checked(sentence, claim.amount.start, claim.amount.end, claim.amount.kind, found)


def _amounts_in(sentence: Sentence, claim: Mention, passage: Passage) -> Iterator[_Found]:
    """Yield what a passage says of an amount, mention by mention."""
    rivals: list[_Found] = []
    for source in passage.mentions:
        how = agreement(claim.amount, source.amount)
        overlap = _overlap(sentence, passage, source.amount.start)
        text = passage.text[source.amount.start : source.amount.end]
        if how == "same":
            verdict = _conflict(sentence, claim, source, passage)
            yield replace(verdict, marker=passage.marker, overlap=overlap + 1)
        elif how == "vaguer":
            yield _Found("not_found", text, passage.marker)
        elif how in ("other_unit", "opposite_bound") and (overlap >= _SAME_SUBJECT / 2 or _is_telling(claim.amount)):
            rivals.append(_Found("contradicted", text, passage.marker, overlap + 0.5))
        elif overlap >= _SAME_SUBJECT and comparable(claim.amount, source.amount):
            rivals.append(_Found("contradicted", text, passage.marker, overlap))
    yield from rivals
    if (ends := _both_ends(claim.amount, passage)) or (ends := _as_written(sentence, claim.amount, passage)):
        yield _Found("supported", ends, passage.marker)


def _is_telling(amount: Amount) -> bool:
    """Tell whether a number is too particular to stand in a passage by chance: 2,500 rather than 12."""
    return amount.readings[0].low / amount.readings[0].size >= _PARTICULAR


def _conflict(sentence: Sentence, claim: Mention, source: Mention, passage: Passage) -> _Found:
    """Return support by a mention of the same value, or the contradiction in what is said around it."""
    said = passage.text[source.amount.start : source.amount.end]
    if not claim.amount.ordinal and unheard_things(claim.amount.things, passage.all_stems):
        return _Found("contradicted", _clause_text(passage, source))
    if _is_of_something_else(claim.amount, passage):
        return _Found("contradicted", _clause_text(passage, source))
    if claim.years and source.years and not claim.years & source.years:
        return _Found("contradicted", f"{said} ({', '.join(map(str, sorted(source.years)))})")
    if _opposite(claim, source) or _opposite_denial(sentence, claim, source, passage):
        return _Found("contradicted", _clause_text(passage, source))
    if _other_rate(claim.amount.per, source.amount.per) or {claim.role, source.role} == {"from", "to"}:
        return _Found("contradicted", _clause_text(passage, source))
    if source.role == "from" and not (claim.role or claim.change or claim.years or _PAST.search(sentence.text)):
        return _Found("contradicted", _clause_text(passage, source))
    if (
        claim.amount.hedge
        and source.amount.hedge
        and not claim.amount.things
        and claim.amount.readings[0].dimension in ("", "count")
    ):
        return _Found("supported", said)  # over 60, which tells whom, not how many
    if claim.amount.ordinal:
        return _Found("supported", said)
    is_one_of_several = parted_claims(claim, sentence.mentions)
    if said_of_another(sentence.stems, claim, is_one_of_several, source, passage):
        return _Found("contradicted", _clause_text(passage, source))
    return _Found("supported", said)


def _is_of_something_else(claim: Amount, passage: Passage) -> bool:
    """Tell whether a claim weighs or measures out something that the passage does not know: tons of methane."""
    measured = claim.readings[0].dimension in ("mass", "volume")
    return measured and bool(claim.of) and not set(claim.of) & passage.all_stems


def _other_rate(claim: str, source: str) -> bool:
    """Tell whether one is told by the month and the other by the year, or in total; what is no measure says nothing."""
    kinds = [per.partition(":")[0] for per in (claim, source)]
    times = [kind in ("time", "months", "total") for kind in kinds]
    return claim != source and (all(times) or (kinds[0] == kinds[1] and ":" in claim))


def _opposite(claim: Mention, source: Mention) -> bool:
    """Tell whether one rises and the other falls, or one is a profit and the other a loss."""
    if any(a * b < 0 for a, b in zip(claim.signs, source.signs, strict=True)):
        return True
    down = (claim.change, claim.balance, source.change, source.balance)
    if source.amount.negative and not claim.amount.negative:
        return -1 not in down[:2]
    return claim.amount.negative and not source.amount.negative and -1 not in down[2:]


def _opposite_denial(sentence: Sentence, claim: Mention, source: Mention, passage: Passage) -> bool:
    return claim.denied != source.denied and _overlap(sentence, passage, source.amount.start) >= _SAME_SUBJECT


def _clause_text(passage: Passage, source: Mention) -> str:
    return " ".join(passage.text[source.clause[0] : max(source.clause[1], source.amount.end)].split())


def _both_ends(claim: Amount, passage: Passage) -> str:
    """Return the ends of a claimed range that a sentence of the passage tells one by one; "" when it does not."""
    if claim.readings[0].low == claim.readings[0].high:
        return ""
    lows, highs = (
        [m for m in passage.mentions if agreement(end, m.amount) == "same" or (m.role and same_digits(end, m.amount))]
        for end in (_end(claim, high=False), _end(claim, high=True))
    )
    for low in lows:
        for high in highs:
            if low.sentence == high.sentence:
                a, b = sorted((low.amount, high.amount), key=lambda x: x.start)
                return passage.text[a.start : b.end]
    return ""


def _end(claim: Amount, high: bool) -> Amount:
    readings = tuple(replace(r, low=r.high if high else r.low, high=r.high if high else r.low) for r in claim.readings)
    return replace(claim, readings=readings)


def _as_written(sentence: Sentence, claim: Amount, passage: Passage) -> str:
    """Return a number that is a name (Section 4.2, version 3.11) or a year, where the passage has the same digits."""
    digits = sentence.text[claim.start : claim.end]
    is_name = claim.label or re.fullmatch(r"\d+(?:\.\d+){2,}", digits) or _NAMED.search(sentence.text[: claim.start])
    if not (is_name or re.fullmatch(r"(?:1[5-9]|20)\d\d", digits)):
        return ""
    return digits if re.search(rf"(?<![\w.]){re.escape(digits)}(?![\w])(?!\.\d)", passage.tokens.text) else ""


# --- dates ----------------------------------------------------------------------------------------------------------


def _date_check(sentence: Sentence, claim: DateMention, passages: Sequence[Passage]) -> FigureCheck:
    found = _best([f for passage in passages for f in _dates_in(sentence, claim, passage)])
    return _checked(sentence, claim.start, claim.end, "date", found)


def _dates_in(sentence: Sentence, claim: DateMention, passage: Passage) -> Iterator[_Found]:
    """Yield what a passage says of a date, date by date."""
    years = {int(y) for y in _YEAR.findall(passage.tokens.text)}
    for source in passage.dates:
        text = passage.text[source.start : source.end]
        answers = [says(one, other) for one in claim.readings for other in source.readings]
        if True in answers or any(
            _told_apart(one, other, years) for one in claim.readings for other in source.readings
        ):
            if _denied_apart(sentence, claim, passage, source) or _is_of_another_day(sentence, claim, passage, source):
                where = passage.sentences[passage.sentence_at(source.start)]
                yield _Found("contradicted", " ".join(passage.text[slice(*where)].split()), passage.marker, 1.0)
            else:
                yield _Found("supported", text, passage.marker)
        elif None in answers:
            yield _Found("not_found", text, passage.marker)
        else:
            overlap = _overlap(sentence, passage, source.start)
            if overlap >= _SAME_EVENT and _same_kind(claim.readings[0], source.readings[0]):
                yield _Found("contradicted", text, passage.marker, overlap)
    if claim.is_year and claim.readings[0].year in years:
        yield _Found("supported", str(claim.readings[0].year), passage.marker)
    first = claim.readings[0]
    if first.last_year is not None and {first.year, first.last_year} <= years:
        yield _Found("supported", f"{first.year}, {first.last_year}", passage.marker)


def _is_of_another_day(sentence: Sentence, claim: DateMention, passage: Passage, source: DateMention) -> bool:
    """Tell whether the passage has another day in a sentence about what the claim is about, and this one in one that is not."""
    if claim.readings[0].day is None or len(sentence.dates) > 1:
        return False
    here, at = passage.said_around(source.start), passage.sentence_at(source.start)
    others = [
        d
        for d in passage.dates
        if passage.sentence_at(d.start) != at
        and d.readings[0].day is not None
        and says(claim.readings[0], d.readings[0]) is False
    ]
    return any(tells_apart(sentence.stems, here, passage.said_around(d.start), passage) for d in others)


def _denied_apart(sentence: Sentence, claim: DateMention, passage: Passage, source: DateMention) -> bool:
    """Tell whether one of two sentences about the same denies what the other says of a date."""
    if _overlap(sentence, passage, source.start) < _SAME_EVENT:
        return False
    there = passage.sentences[passage.sentence_at(source.start)]
    here = (0, len(sentence.text))
    return is_denied_at(sentence.text, here, claim.start) != is_denied_at(passage.text, there, source.start)


def _told_apart(claim: When, source: When, years: set[int]) -> bool:
    """Tell whether a passage gives day and month in one place and the year in another."""
    if claim.year is None or source.year is not None or claim.year not in years:
        return False
    return says(replace(claim, year=None), source) is True


def _same_kind(claim: When, source: When) -> bool:
    return (claim.minute is None) == (source.minute is None) and (claim.last_year is None) == (source.last_year is None)


# --- codes ----------------------------------------------------------------------------------------------------------


def _code_check(sentence: Sentence, start: int, end: int, passages: Sequence[Passage]) -> FigureCheck:
    """Look a number of several parts up sign by sign; another one where the same is spoken of contradicts it."""
    if there := stands_in(code := sentence.text[start:end], passages):
        return _checked(sentence, start, end, "number", _Found("supported", code, there.marker))
    rivals = [
        _Found("contradicted", passage.text[a:b], passage.marker, overlap)
        for passage in passages
        for a, b in codes(passage.text, [(d.start, d.end) for d in passage.dates])
        if (overlap := _overlap(sentence, passage, a)) >= _SAME_SUBJECT
    ]
    return _checked(sentence, start, end, "number", _best(rivals))


# --- names ----------------------------------------------------------------------------------------------------------


def _joined_names(sentence: Sentence, passages: Sequence[Passage]) -> Iterator[FigureCheck]:
    """Yield names that are joined by "and" as one, where the source has them so: Wage and Hour Division."""
    for first, second in pairwise(sentence.names):
        if sentence.text[first.end : second.start] != " and ":
            continue
        words = tuple(folded(m.group()) for m in re.finditer(r"[^\W_]+", sentence.text[first.start : second.end]))
        for passage in passages:
            if said := _said_whole(words, passage.tokens):
                yield _checked(sentence, first.start, second.end, "name", _Found("supported", said, passage.marker))
                break


def _said_whole(words: tuple[str, ...], tokens: Tokens) -> str:
    """Return the words as a text has them in a row; "" when it has not."""
    for at in tokens.places.get(words[0], []):
        if tuple(tokens.words[at : at + len(words)]) == words:
            return tokens.run(at, at + len(words) - 1)
    return ""


def _name_checks(sentence: Sentence, name: Name, passages: Sequence[Passage]) -> Iterator[FigureCheck]:
    """Yield one check of a name, or one of each part when it was several names in one."""
    found = _find(name.words, passages)
    if found.verdict == "supported" or not name.parts:
        yield _checked(sentence, name.start, name.end, "name", found)
        return
    for start, end in name.parts:
        words = tuple(w for w in Tokens(sentence.text[start:end]).words if w != "the")
        yield _checked(sentence, start, end, "name", _find(words, passages))


def _find(words: tuple[str, ...], passages: Sequence[Passage]) -> _Found:
    words = tuple(folded(w) for w in words)
    for passage in passages:
        if as_text := find_name(words, passage.tokens):
            return _Found("supported", as_text, passage.marker)
    for passage in passages:
        if other := other_bearer(words, passage.tokens):
            return _Found("contradicted", other, passage.marker)
    return _NOTHING
