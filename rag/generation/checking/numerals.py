"""Numbers as people write them, in digits and in words, with their value and how exactly it is stated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Number:
    start: int
    end: int
    value: float
    step: float
    """Size of the last digit written: 0.1 for 3.4, 1 for 1,200 and for words."""
    in_words: bool = False
    ordinal: bool = False
    is_share: bool = False
    """A part of a whole, such as two thirds or one in five."""


_SMALL = {
    word: i
    for i, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split()
    )
}
_TENS = {word: 20 + 10 * i for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
_BIG = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_ORDINAL = {
    word: i
    for i, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth".split(),
        1,
    )
}
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "quarter": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "tenth": 10,
}
_PARTS |= {f"{part}s": size for part, size in _PARTS.items() if part not in ("half", "halves")}

_GROUPED = r"\d{1,3}(?:[,\u00a0\u202f\u2009’']\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"
_SPACED = r"\d{1,3}(?:(?: \d{3}){2,}| 000)(?:[.,]\d{1,2})?(?! ?\d)"
"""Groups with plain spaces: one alone is a group only when it is 000, for "room 1 200 people saw" has none."""
_EUROPEAN = r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d{1,2}(?![\d,])"
_DIGITS = re.compile(
    rf"(?<![\d.,])(?<![^\W\d_])(?:{_SPACED}|{_GROUPED}|{_EUROPEAN}|\d+(?:\.\d+)?|(?<!\w)\.\d+)(?P<nth>st\b|nd\b|rd\b|th\b)?(?![.,]?\d)"
)
_SIMPLE = "|".join([*_SMALL, *_TENS])
_BIGS = "|".join(_BIG)
_WORDS = re.compile(
    rf"\b(?:(?P<few>(?:an?|{_SIMPLE})(?=[ -](?:{_BIGS})\b| \w+ and a half\b)|{_SIMPLE})(?P<rest>(?:(?:[ -]|,? and )(?:{_SIMPLE}|{_BIGS})\b){{0,11}})"
    rf"|(?P<times>once|twice|thrice)|(?P<dozen>(?:an? |half an? )?dozen)|(?P<nth>{'|'.join(_ORDINAL)})(?!-))\b",
    re.IGNORECASE,
)
_FRACTION = re.compile(
    rf"\b(?:(?P<top>an?|one|two|three|four|five)[ -])?(?P<part>{'|'.join(sorted(_PARTS, key=len, reverse=True))})\b(?!-)",
    re.IGNORECASE,
)
_IN_EVERY = re.compile(
    r"\b(?P<top>one|two|three|four|[1-9]) (?:in|out of)(?: every)? (?P<all>two|three|four|five|six|seven|eight|nine|ten|twenty|\d\d?)(?= [a-z])",
    re.IGNORECASE,
)
_AND_A_HALF = re.compile(r"\s+and\s+a\s+half\b", re.IGNORECASE)
_SHARE_OF = re.compile(
    r"\s*(?:[.,;:)!?]|\Z)|\s(?:of|more|less|fewer|below|above|higher|lower|larger|smaller|cheaper|to|from|on|and|or|in|by|as|are|is|was|were|have|has|had|said|who|that|million|billion|an?)\b",
    re.IGNORECASE,
)
_OF_A = re.compile(r"\s(?:of\s)?an?(?=\s)", re.IGNORECASE)
_HALF_YEAR = re.compile(
    r"\s+(?:of\s+(?:the\s+)?(?:fiscal\s+|financial\s+)?(?:year|FY|\d{4}))|-?(?:year|hour|time|day|way|life|yearly|finals?)",
    re.IGNORECASE,
)


MOST_NUMBERS = 150
"""Numbers of one text that are looked at: no passage that anybody reads has more, and a hostile one must not cost more."""
_LONGEST_NUMBER = 24
_FEW = 20


def numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text, those in words after those in digits.

    >>> [n.value for n in numbers("1,213.5 or two hundred and five or two thirds or a dozen")]
    [1213.5, 0.6666666666666666, 205.0, 12.0]
    """
    taken: list[tuple[int, int]] = []
    for share in islice(_IN_EVERY.finditer(text), _FEW):
        top, of = (_sum([w.lower()]) if w.isalpha() else float(w) for w in (share["top"], share["all"]))
        if top < of:
            taken.append(share.span())
            yield Number(*share.span(), top / of, 0.02, in_words=True, is_share=True)
    for found in _DIGITS.finditer(text):
        if len(taken) >= MOST_NUMBERS or len(found.group()) > _LONGEST_NUMBER:
            continue
        if any(start <= found.start() < end for start, end in taken[:_FEW]):
            continue
        value, step = digits_value(found.group().rstrip("stndrh"))
        taken.append(found.span())
        yield Number(*found.span(), value, step, ordinal=bool(found["nth"]))
    for fraction in islice(_FRACTION.finditer(text), _FEW):
        if not any(a <= fraction.start() < b for a, b in taken) and (number := _fraction(fraction, text)) is not None:
            taken.append((number.start, number.end))
            yield number
    for found in _WORDS.finditer(text):
        if len(taken) >= MOST_NUMBERS:
            return
        if not any(start < found.end() and found.start() < end for start, end in taken):
            taken.append(found.span())
            yield _worded(found, text)


def digits_value(digits: str) -> tuple[float, float]:
    """Return the value and the size of the last digit of a number in digits, grouped in whichever way.

    >>> [digits_value(d) for d in ("1,213", "1.213.400", "3,5", "0.50", "1.234,56", "1 200 000", "9,99,999")]
    [(1213.0, 1.0), (1213400.0, 1.0), (3.5, 0.1), (0.5, 0.01), (1234.56, 0.01), (1200000.0, 1.0), (999999.0, 1.0)]
    """
    bare = re.sub(r"[ \u00a0\u202f\u2009’']", "", digits)
    if re.fullmatch(_EUROPEAN, bare):
        bare = bare.replace(".", "").replace(",", ".")
    bare = bare.replace(",", "")
    decimals = len(bare.partition(".")[2])
    return float(bare), 1.0 if not decimals else round(10.0**-decimals, decimals)


def _worded(found: re.Match[str], text: str) -> Number:
    end = found.end()
    if found["nth"]:
        return Number(found.start(), end, float(_ORDINAL[found["nth"].lower()]), 1.0, in_words=True, ordinal=True)
    if found["times"]:
        return Number(found.start(), end, float(_TIMES[found["times"].lower()]), 1.0, in_words=True)
    if found["dozen"]:
        return Number(
            found.start(), end, 6.0 if found["dozen"].lower().startswith("half") else 12.0, 1.0, in_words=True
        )
    value, step = _sum(re.findall(r"[a-z]+", found.group().lower())), 1.0
    if half := _AND_A_HALF.match(text, end):
        value, step, end = value + 0.5, 0.1, half.end()
    return Number(found.start(), end, value, step, in_words=True)


def _sum(words: list[str]) -> float:
    """Return the value of e.g. two hundred and five thousand."""
    total, group = 0, 0
    for word in words:
        if word in _BIG and word != "hundred":
            total, group = total + max(group, 1) * _BIG[word], 0
        elif word == "hundred":
            group = max(group, 1) * 100
        else:
            group += _SMALL.get(word, _TENS.get(word, 1 if word in ("a", "an") else 0))
    return float(total + group)


def _fraction(found: re.Match[str], text: str) -> Number | None:
    """Return a part of a whole; None for third as an ordinal, quarter as a time of the year and the like."""
    top, part = found["top"], found["part"].lower()
    if _HALF_YEAR.match(text, found.end()) or text[: found.start()].endswith(("and a ", "and ", "first-", "second-")):
        return None
    if top is None and part != "half":
        return None
    if top and top.lower() in ("a", "an") and part not in ("half", "third", "quarter", "fifth", "tenth"):
        return None
    if re.search(
        r"\b(?:first|second|third|fourth|last|this|next|per|each|every)\s\Z", text[: found.start()], re.IGNORECASE
    ):
        return None
    if top and top.lower() in ("a", "an") and part != "half" and not _SHARE_OF.match(text, found.end()):
        return None  # a third attack
    count = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}.get((top or "").lower(), 1)
    if count > _PARTS[part]:
        return None
    of_a = _OF_A.match(text, found.end())
    return Number(
        found.start(), of_a.end() if of_a else found.end(), count / _PARTS[part], 0.02, in_words=True, is_share=True
    )
