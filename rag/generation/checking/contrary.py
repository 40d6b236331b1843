"""Whether a sentence says the opposite of a passage in nearly the same words: denied, reversed, or with two things exchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.generation.checking.cues import is_denied
from rag.generation.checking.words import SILENT, told_stems
from rag.store.keywords import terms, word_spans

Span = tuple[int, int]

_PAIRS = """
open/closed close/opened before/after more/less more/fewer most/fewest increase/decrease increases/decreases rise/fall rose/fell
higher/lower above/below allow/forbid allowed/forbidden allowed/banned allows/blocks permitted/prohibited permitted/forbidden
permitted/banned permit/prohibit welcome/protest welcomed/protested support/oppose supported/opposed accept/reject accepted/rejected
approve/reject approved/rejected dead/alive die/survive died/survived speed/slow faster/slower quick/slow first/last win/lose won/lost
buy/sell bought/sold expand/shrink gain/lose gained/lost add/remove added/removed include/exclude included/excluded shorten/lengthen
shortens/lengthens start/end begin/end began/ended northern/southern eastern/western north/south east/west top/bottom left/right
hot/cold heat/cold warm/cool old/young older/younger older/young big/small large/small larger/smaller long/short longer/shorter
early/late earlier/later cheap/expensive cheaper/dearer easy/difficult safe/dangerous positive/negative true/false right/wrong same/different
public/private mandatory/optional required/optional free/charged paid/unpaid minimum/maximum men/women male/female import/export
imports/exports income/expenditure gross/net profit/loss surplus/deficit upper/lower inside/outside internal/external domestic/foreign
all/none always/never everyone/nobody all/some everyone/only everybody/only all/only every/only deletes/keeps delete/keep deleted/kept delete/remain erase/keep lost/kept
""".split()
_OPPOSITES: dict[str, set[str]] = {}
for _pair in _PAIRS:
    _one, _other = (terms(word)[0] for word in _pair.split("/"))
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)
_UN = ("un", "dis", "in", "im", "non", "ir", "il")
"""Beginnings that turn a word round: connected, disconnected."""
_CUT = re.compile(r"[,;:]\s|\s(?:and|but|while|because|since|after|before|when|if|although|whereas)\s")
_BY = re.compile(r"\bby\b", re.IGNORECASE)
_NEAR = 0.6
"""Share of a sentence's words that must stand in the passage's before the two can be each other's opposite."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The stems of a sentence in order, small words left in."""

    text: str
    stems: list[str]

    @classmethod
    def of(cls, text: str) -> _Words:
        return cls(text, [stem for _, _, stem in word_spans(text)])


def is_contrary(claim: str, source: str, names: frozenset[str]) -> bool:
    """Tell whether a claim speaks against a passage's sentence, or run of sentences, that has nearly the same words.

    `names` are stems that the passage writes with a capital.
    """
    told, there = told_stems(claim, 0, len(claim)), told_stems(source, 0, len(source))
    if not told:
        return False
    share = len(told & there) / len(told)
    one, other = _Words.of(claim), _Words.of(source)
    if share >= _NEAR and (_is_denied_once(claim, source) or _has_opposite(one, other)):
        return True
    return share >= _NEAR and (_is_turned_round(one, other, names) or _is_exchanged(claim, source, names))


def _is_denied_once(claim: str, source: str) -> bool:
    """Tell whether exactly one of the two denies what their common words say."""
    parts = _clauses(source)
    nearest = max(parts, key=lambda part: len(told_stems(part, 0, len(part)) & told_stems(claim, 0, len(claim))))
    told = told_stems(claim, 0, len(claim))
    common = len(told_stems(nearest, 0, len(nearest)) & told)
    if common < _NEAR * len(told):
        nearest = source
    return is_denied(claim, 0, len(claim)) != is_denied(nearest, 0, len(nearest))


def _has_opposite(claim: _Words, source: _Words) -> bool:
    """Tell whether a word of the claim stands against its opposite in the source, neither word being in both."""
    return any(
        opposite in source.stems and opposite not in claim.stems
        for stem in dict.fromkeys(claim.stems)
        if stem not in source.stems
        for opposite in (*_OPPOSITES.get(stem, ()), *(f"{prefix}{stem}" for prefix in _UN), *_without_prefix(stem))
    )


def _without_prefix(stem: str) -> list[str]:
    return [stem[len(prefix) :] for prefix in _UN if stem.startswith(prefix) and len(stem) > len(prefix) + 3]


def _is_turned_round(claim: _Words, source: _Words, names: frozenset[str]) -> bool:
    """Tell whether two things have changed sides of one verb or of "than": A bought B, B bought A."""
    if bool(_BY.search(claim.text)) != bool(_BY.search(source.text)):
        return False
    for one, other in _pairs(claim, source, names):
        middle = _between(claim.stems, one, other)
        back = _between(source.stems, other, one)
        if middle and back and set(middle) & set(back) & ({"than"} | (set(middle) - SILENT - names)):
            return True
    return False


def _pairs(claim: _Words, source: _Words, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of things that can be told apart and stand in both, in the claim's order."""
    things = [s for s in dict.fromkeys(claim.stems) if s in source.stems and (s in names or s in _OPPOSITES)]
    for i, one in enumerate(things):
        for other in things[i + 1 :]:
            if (one in names) == (other in names) and (one in names or other in _OPPOSITES[one]):
                yield one, other


def _between(stems: list[str], one: str, other: str) -> list[str]:
    """Return the words from the first to the second when they stand in this order, each once; else nothing."""
    if stems.count(one) != 1 or stems.count(other) != 1:
        return []
    return stems[stems.index(one) + 1 : stems.index(other)]


def _is_exchanged(claim: str, source: str, names: frozenset[str]) -> bool:
    """Tell whether two things have exchanged what is said of them: A reported and B asked, B reported and A asked."""
    here, there = ([frozenset(terms(part)) for part in _clauses(text)] for text in (claim, source))
    pairs = list(_pairs(_Words.of(claim), _Words.of(source), names))
    return any(_fits_other(here, there, one, other) and _fits_other(here, there, other, one) for one, other in pairs)


def _fits_other(here: list[frozenset[str]], there: list[frozenset[str]], one: str, other: str) -> bool:
    """Tell whether what the claim says of one thing stands in the source only with the other."""
    said = frozenset().union(*(part for part in here if one in part and other not in part)) - SILENT - {one, other}
    with_one = frozenset().union(*(part for part in there if one in part))
    with_other = frozenset().union(*(part for part in there if other in part))
    return bool(said & (with_other - with_one)) and not said & (with_one - with_other)


def _clauses(text: str) -> list[str]:
    parts, begin = [], 0
    for found in re.finditer(rf"{_CUT.pattern}|[.!?]\s", text):
        parts.append(text[begin : found.start()])
        begin = found.end()
    return [part for part in (*parts, text[begin:]) if part.strip()] or [text]
