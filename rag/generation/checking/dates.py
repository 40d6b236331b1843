"""Dates, times and years as people write them, and when one says what another says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice


@dataclass(frozen=True, slots=True)
class When:
    """A point or span of time as far as it is told; a part that is not told is None."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    part: str = ""
    """"Q3", "H1" or "1990s"."""
    last_year: int | None = None
    """Of a range of years."""
    minute: int | None = None
    """Of the day."""

    @property
    def detail(self) -> int:
        """How many parts are told."""
        parts = (self.year, self.month, self.day, self.part or None, self.last_year, self.minute)
        return sum(part is not None for part in parts)


@dataclass(frozen=True, slots=True)
class DateMention:
    start: int
    end: int
    readings: tuple[When, ...]
    """Two for 3/4/2025, which is in March or in April."""

    @property
    def is_year(self) -> bool:
        """Whether it is one year and nothing more: what amounts are bound to."""
        only = self.readings[0]
        return only == When(year=only.year) and only.year is not None

    @property
    def years(self) -> frozenset[int]:
        first = self.readings[0]
        if first.year is None or first.part.endswith("s"):
            return frozenset()
        return frozenset(range(first.year, (first.last_year or first.year) + 1))


_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = r"Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_YEAR = r"(?:1[5-9]|20)\d\d"
_FISCAL = r"(?:FY|fiscal\s+years?|financial\s+years?|fiscal)"
_TO = r"\s?(?:[-–—/]|to|through|until|and)\s?"
_AFTER = r"(?![\w])(?!\.\d)(?!,\d{3})"
_NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "last": 4}

_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (rf"\b(?P<y>{_YEAR})-(?P<m>0[1-9]|1[0-2])-(?P<d>{_DAY})\b", 0),
        (rf"(?<![\d.,])(?P<a>\d\d?)[/.](?P<b>\d\d?)[/.](?P<y>{_YEAR})\b", 0),
        (
            rf"\b(?P<d>{_DAY})(?:st|nd|rd|th)?\.?\s(?:day\s)?(?:of\s)?(?P<month>{_MONTH})\b(?:,?\s(?P<y>{_YEAR}))?(?!\d)",
            0,
        ),
        (rf"\b(?P<month>{_MONTH})\s(?P<d>{_DAY})(?:st|nd|rd|th)?\b(?!\s?%)(?!\.\d)(?:,?\s(?P<y>{_YEAR})\b)?", 0),
        (rf"\b(?P<month>{_MONTH}),?\s(?:of\s)?(?P<y>{_YEAR})\b", 0),
        (rf"\b(?P<half>[QH])(?P<n>[1-4])[\s/-]?(?:of\s)?(?:{_FISCAL}\s?)?(?P<y>{_YEAR}|'?\d\d)?\b", 0),
        (
            rf"\b(?P<nth>{'|'.join(_NTH)})[ -](?P<part>quarter|half)(?:\s(?:of\s)?(?:the\s(?:year\s)?)?(?:{_FISCAL}\s?)?(?P<y>{_YEAR}))?\b",
            re.IGNORECASE,
        ),
        (
            rf"\b(?P<from>{_FISCAL})\s?(?P<y>{_YEAR}|\d\d)(?:{_TO}(?:{_FISCAL}\s?)?(?P<y2>{_YEAR}|\d\d))?{_AFTER}",
            re.IGNORECASE,
        ),
        (rf"(?<![\w.,$€£-])(?P<y>{_YEAR})\s?[-–—/]\s?(?P<y2>{_YEAR}|\d\d){_AFTER}(?!\s?[%$€£])", 0),
        (rf"\b(?:from|between|years)\s(?P<y>{_YEAR}){_TO}(?P<y2>{_YEAR}){_AFTER}", re.IGNORECASE),
        (rf"\b(?P<decade>{_YEAR[:-4]}\d0)s\b", 0),
        (r"(?<![\d.:])(?P<h>[01]?\d|2[0-4])[:.](?P<min>[0-5]\d)\s?(?P<ampm>[ap]\.?m\b\.?)", re.IGNORECASE),
        (r"(?<![\d.:])(?P<h>[01]?\d|2[0-4]):(?P<min>[0-5]\d)(?![\d:])", 0),
        (r"(?<![\d.:,])(?P<h>1[0-2]|0?[1-9])\s?(?P<ampm>[ap]\.?m\b\.?)", re.IGNORECASE),
        (r"(?<![\d.:,])(?P<h>[01]?\d|2[0-4])\so[’']clock\b", re.IGNORECASE),
        (
            rf"(?:\b(?:in|since|until|by|of|for|during|before|after|from|to|between|and|through|late|early|mid|last|next|this)\s|[-–—]\s?|\b(?=(?:{_MONTH})\s?(?:to|until|and|through|[-–])\s?(?:{_MONTH})\b))(?P<month>{_MONTH})\b(?!\s?\d)",
            0,
        ),
        (rf"(?<![\w.,$€£%/+-])(?<![$€£]\s)(?P<y>{_YEAR}){_AFTER}(?!\s?[%°])(?![€$£])", 0),
    )
)  # the first that fits wins


_MOST_DATES = 60
"""Of one kind in one text."""


def dates(text: str) -> list[DateMention]:
    """Return the dates, times and years of a text in order.

    >>> [text[d.start : d.end] for text in ["FY 2022–26, Q3 2025, at 14:30 on 3 March"] for d in dates(text)]
    ['FY 2022–26', 'Q3 2025', '14:30', '3 March']
    """
    found: list[DateMention] = []
    for pattern in _PATTERNS:
        for match in islice(pattern.finditer(text), _MOST_DATES):
            start, end = _span(match)
            if any(d.start < end and start < d.end for d in found):
                continue
            if readings := tuple(_readings(match.groupdict())):
                found.append(DateMention(start, end, readings))
    return sorted((d for d in found if not _counts_things(text, d)), key=lambda d: d.start)


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Return the span without the word in front that only showed what the match is."""
    groups = match.groupdict()
    first = min(match.start(name) for name, value in groups.items() if value is not None)
    end = match.end()
    while match.string[end - 1].isspace():
        end -= 1
    return first, end


_COUNTED = re.compile(r"\s(?!in\b|to\b|and\b|was\b|is\b)[a-z]{3,}s\b")
_PEOPLE = re.compile(r"\s(?:people|men|women|children|persons)\b")
_LEADS_TO_YEAR = re.compile(
    r"(?:\b(?:in|since|until|till|by|of|during|before|after|from|to|through|for|and|or|between|year|years|than|the|early|late|"
    r"spring|summer|autumn|fall|winter|FY|on|over|compared with|end|mid|until the end of)[\s-]|[(:;,|–—-]\s?|^\s*)\Z",
    re.IGNORECASE,
)


def _counts_things(text: str, mention: DateMention) -> bool:
    """Tell whether what looks like a year is an amount: 2000 people, 1,500 litres."""
    if not mention.is_year:
        return False
    if _PEOPLE.match(text, mention.end):
        return True
    counted = _COUNTED.match(text, mention.end)
    return counted is not None and not _LEADS_TO_YEAR.search(text, max(0, mention.start - 24), mention.start)


def _readings(groups: dict[str, str | None]) -> Iterator[When]:
    """Yield what the groups of a pattern say."""
    year = _year(groups.get("y"))
    if groups.get("a"):
        a, b = int(groups["a"] or 0), int(groups["b"] or 0)
        for one, other in dict.fromkeys(((a, b), (b, a))):
            if _is_date(year, other, one):
                yield When(year, other, one)
    elif groups.get("decade"):
        yield When(int(groups["decade"] or 0), part=f"{groups['decade']}s")
    elif groups.get("half"):
        if (groups["half"], groups["n"]) not in (("H", "3"), ("H", "4")):
            yield When(year, part=f"{groups['half']}{groups['n']}")
    elif groups.get("nth"):
        n = _NTH[(groups["nth"] or "").lower()]
        half = (groups["part"] or "").lower() == "half"
        yield When(year, part=f"H{min(n, 2)}" if half else f"Q{n}")
    elif groups.get("h"):
        yield When(minute=_minute(int(groups["h"] or 0), int(groups.get("min") or 0), groups.get("ampm") or ""))
    elif groups.get("y2"):
        last = _year(groups["y2"], year)
        if year is not None and last is not None and last > year:
            yield When(year, last_year=last)
    else:
        month = _month(groups.get("month")) or _int(groups.get("m"))
        day = _int(groups.get("d"))
        if month is None or day is None or _is_date(year, month, day):
            yield When(year, month, day)


def _year(digits: str | None, first: int | None = None) -> int | None:
    if not digits:
        return None
    number = int(digits.lstrip("'"))
    century = (first or 2000) // 100 * 100
    return number if number > 100 else century + number


def _month(name: str | None) -> int | None:
    if not name:
        return None
    return next(i for i, month in enumerate(_MONTHS, 1) if month.startswith(name.rstrip(".").lower()[:3]))


def _int(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _is_date(year: int | None, month: int, day: int) -> bool:
    try:
        date(year or 2024, month, day)
    except ValueError:
        return False
    return True


def _minute(hour: int, minute: int, half_of_day: str) -> int:
    if half_of_day.lower().startswith("p") and hour < 12:
        hour += 12
    elif half_of_day.lower().startswith("a") and hour == 12:
        hour = 0
    return hour * 60 + minute


def says(claim: When, source: When) -> bool | None:
    """Tell whether the source says what is claimed; None when it says less and nothing that speaks against it.

    >>> [says(When(2026, 3), When(2026, 3, 3)), says(When(2026, 3, 4), When(2026, 3, 3)), says(When(2026, 3), When(2026))]
    [True, False, None]
    """
    if claim.part.endswith("s") and claim.year is not None and source.year is not None:
        return claim.year <= source.year < claim.year + 10
    if claim.last_year is not None and source.last_year is None:
        return None
    if claim.last_year is None and source.last_year is not None:
        return True if _is_only_year(claim) and claim.year in (source.year, source.last_year) else None
    less = False
    for name in ("year", "month", "day", "part", "last_year", "minute"):
        wanted, said = getattr(claim, name), getattr(source, name)
        if wanted in (None, ""):
            continue
        if said in (None, ""):
            less = True
        elif wanted != said:
            return False
    return None if less else True


def _is_only_year(when: When) -> bool:
    return when == When(year=when.year)
