"""Amounts: a number with its unit, its sign, and how exactly it is meant, as one or more readings.

There is more than one reading where people write the same for two things: "1.2m" is metres or millions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rag.generation.checking.numerals import Number, numbers
from rag.generation.checking.reading import Amount, Hedge, Reading
from rag.generation.checking.units import COUNT, LETTER_SCALES, MONEY, NONE, SCALES, Unit, currency_before, unit_at
from rag.store.keywords import STOP_WORDS, terms

_SCALE = re.compile(rf"(?P<blank>[ \u00a0-]?)(?P<scale>{'|'.join(sorted(SCALES, key=len, reverse=True))})(?![^\W_])")
_MINUS = re.compile(r"(?:(?<![\w\d)])[-−–]\s?|(?<!or )\bminus\s|\bnegative\s)\Z", re.IGNORECASE)
_LIMIT = re.compile(
    r"\b(?:up to|at (?:most|least)|(?:a )?(?:maximum|minimum)(?: of)?|not exceeding|within)\s\Z", re.IGNORECASE
)
_ALL = re.compile(r"\ball (?:the |of the )?\Z", re.IGNORECASE)
_OF_WHAT = re.compile(r"\sof (?!the\b|an?\b|its\b|their\b|which\b)(?P<what>[a-z]+)\b")
_OF = re.compile(r"\bof (?:the |all |these |those )?\Z", re.IGNORECASE)
_AND_A_HALF = re.compile(r"\sand a half\b", re.IGNORECASE)
_OF_WHOM_BEFORE = re.compile(r"\bof (?:whom|which|them|these|those),? (?:\w+ )?\Z")
_OF_WHOM_AFTER = re.compile(r"\sof (?:whom|which|them|these|those)\b")
_CARRIED_CHARACTERS = 60
_DASH = re.compile(r"\s?[-–—−~]\s?")
_TO = re.compile(r"\s(?:to|through)\s")
_AND = re.compile(r"\sand\s")
_LISTED = re.compile(
    r",\s|,?\s(?:and|or)\s|\s(?:to|through|of(?: the| all| its| their)?|out of)\s(?:(?:about|around|nearly|almost|only|some|over) )?"
)
_CARRIED_ON = re.compile(
    r"(?:,?\s(?:and|or|but|against|versus|from|to|by|compared (?:with|to)|instead of|rather than)|,)\s(?:(?:about|around|nearly|almost|only|some|over|just) )?\Z"
)
_OR = re.compile(r"\sor\s")
_BETWEEN = re.compile(r"\bbetween\s+[$€£]?\Z", re.IGNORECASE)
_FROM = re.compile(r"\b(?:from|by)\s+[$€£]?\Z", re.IGNORECASE)
_PER = re.compile(
    r"(?:\s[a-z-]+){0,3}(?:\sper\s|\s?/)\s?(?P<unit>[A-Za-z]+[²³]?)"
    r"|(?:\s[a-z-]+){0,2}\s(?:an?|each|every)\s(?P<time>second|minute|hour|day|night|week|month|quarter|year|page|person|piece|unit|share|kilo|pack|head|ticket|item|litre|kilometre|mile)"
)
_IN_TOTAL = re.compile(r"\sover (?:the (?:next|coming|past|last) )?[\w.-]+ (?:years|months|decades|weeks|days)\b")
_LABEL = re.compile(
    r"\b(section|article|chapter|page|pages|p|figure|fig|table|step|appendix|rule|paragraph|clause|no|number|level|phase|grade|"
    r"turbine|plant|unit|building|room|line|version|schedule|part|class|type|zone|minute|week|day|month|year|port|track|gate)\.?\s\Z",
    re.IGNORECASE,
)
_OVER = r"more than|over|above|at least|no(?:t)? (?:less|fewer) than|in excess of|upwards of|exceed(?:s|ed|ing)?|a minimum of|minimum"
_UNDER = (
    r"less than|fewer than|under|below|(?<!goes )(?<!went )(?<!gone )(?<!rises )(?<!rose )(?<!is )(?<!was )up to|at most|no(?:t)? more than|not exceeding|almost|nearly|just under|close to|a maximum of|maximum|max|"
    r"within|no later than"
)
_ABOUT = r"about|around|approximately|approx\.?|roughly|some|circa|ca\.?|c\.|an estimated|estimated|[~≈∼]|or so|more or less|just over|slightly over|a little over"
_HEDGES: tuple[tuple[Hedge, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"(?:(?<!\w)(?:{words}))(?:\s(?:of|an?|the|only|just|all))?\s*[$€£(]?\Z", re.IGNORECASE))  # type: ignore[misc]
    for name, words in (("about", _ABOUT), ("under", _UNDER), ("over", _OVER))
)
_AFTER_OVER = re.compile(r"\s?\+|\s(?:\w+\s)?or more\b|\s(?:\w+\s)?at least\b", re.IGNORECASE)
_AFTER_UNDER = re.compile(r"\s(?:\w+\s)?(?:or (?:less|fewer|under)|at most|at the most)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W_]+)*")
_STOPS_THINGS = re.compile(
    r"[.,;:!?()\[\]|\n\d–—]|\b(?:in|on|at|to|from|for|with|by|than|that|which|who|is|are|was|were|have|has|had|per|and|or|as|while|but|of|against|before|after|during|within|between|under|over|about|into|onto|when|if|because|until|since|the|this|that|these|it|its|their|he|she|they|we|will|would|can|may|must|not|a|an|instead|rather|compared|annually|yearly|each|every)\b"
)


def amounts(text: str, taken: Iterable[tuple[int, int]] = ()) -> list[Amount]:
    """Return the amounts of a text in order, those on `taken` spans left out."""
    taken = list(taken)
    found = [n for n in sorted(numbers(text), key=lambda n: n.start) if not _overlaps(n, taken)]
    singles = _parts_of_one(text, list(_ranges_and_singles(text, found)))
    return _of_whom(text, _with_units_of_last(text, _with_units_of_next(text, singles)))


def _overlaps(number: Number, taken: list[tuple[int, int]]) -> bool:
    return any(start < number.end and number.start < end for start, end in taken)


def _ranges_and_singles(text: str, found: list[Number]) -> Iterator[Amount]:
    i = 0
    while i < len(found):
        high = found[i + 1] if i + 1 < len(found) else None
        if high is not None and (ranged := _range(text, found[i], high)) is not None:
            yield ranged
            i += 2
        else:
            yield _amount(text, found[i])
            i += 1


def _range(text: str, low: Number, high: Number) -> Amount | None:
    """Return 10–15 %, between 10 and 15, 5 °C to 8 °C as one amount; None for a change from 10 to 15 and a score of 7 to 2."""
    first = _amount(text, low)
    second = _amount(text, high)
    link = text[first.end : second.start]
    before = text[max(0, first.start - 12) : first.start]
    dashed = _DASH.fullmatch(link) or (_TO.fullmatch(link) and not _FROM.search(before))
    either = _OR.fullmatch(link) and high.value == low.value + 1
    if not (dashed or either or (_AND.fullmatch(link) and _BETWEEN.search(before))) or low.ordinal or high.ordinal:
        return None
    if first.readings[0].dimension in (NONE, COUNT) and first.end == low.end:
        second = _amount(text, high, low)
    elif first.readings[0].dimension == second.readings[0].dimension:
        a, b = first.readings[0], second.readings[0]
        second = replace(second, readings=(Reading(a.low, b.high, min(a.step, b.step), b.dimension, b.rounded),))
    else:
        return None
    is_score = link in ("-", "–") and second.readings[0].dimension in (NONE, COUNT) and second.readings[0].low < 1000
    if second.readings[0].low >= second.readings[0].high and not is_score:
        return None
    return replace(second, start=first.start, hedge=first.hedge, negative=first.negative, label=first.label)


def _amount(text: str, number: Number, low: Number | None = None) -> Amount:
    """Return the number with what stands around it; with `low`, as the upper end of a range."""
    start, end = number.start, number.end
    factor, end, letter = _scale(text, number)
    before, after = (None, None) if number.ordinal else (currency_before(text, start), unit_at(text, end))
    unit = None
    if after and (before is None or after[0].dimension.startswith(MONEY)):
        unit, end = after
    if before is not None:
        unit, start = unit or before[0], before[1]
    negative, start = _sign(text, start)
    if text[start - 1 : start] == "(" and text[end : end + 1] == ")" and _is_accounting(text, start, end):
        negative, start, end = True, start - 1, end + 1
        factor, end, unit = _after_bracket(text, end, factor, unit)
    things = () if unit is not None else _things(text, end)
    of = (
        _OF_WHAT.match(text, end)
        if unit is not None and unit.dimension not in ("ratio", "points", "time", "months")
        else None
    )
    readings = tuple(_readings(number, low or number, factor, unit, letter, things[0] if things else ""))
    if unit is not None and (half := _AND_A_HALF.match(text, end)):
        end, readings = half.end(), tuple(_with_half(r) for r in readings)
    return Amount(
        start,
        end,
        readings,
        _hedge(text, start, end),
        negative,
        things,
        *_per(text, end),
        tuple(terms(of["what"])) if of else (),
        _label(text, start),
        number.ordinal,
        bool(_LIMIT.search(text, max(0, start - 24), start)),
        bool(_OF.search(text, max(0, start - 12), start)),
        bool(_ALL.search(text, max(0, start - 12), start)),
        not number.in_words and _is_cell(text, start, end),
    )


def _with_half(reading: Reading) -> Reading:
    """Return an hour and a half for an hour."""
    half = reading.size / 2
    return replace(reading, low=reading.low + half, high=reading.high + half, step=half)


def _scale(text: str, number: Number) -> tuple[float, int, bool]:
    """Return the factor of a word of scale behind the number, where it ends, and whether it is one letter only."""
    found = _SCALE.match(text, number.end)
    if found is None or number.ordinal:
        return 1.0, number.end, False
    letter = found["scale"] in LETTER_SCALES
    if letter and (number.in_words or (found["blank"] and currency_before(text, number.start) is None)):
        return 1.0, number.end, False
    return SCALES[found["scale"]], found.end(), letter


def _readings(
    number: Number, low: Number, factor: float, unit: Unit | None, letter: bool, counts: str
) -> Iterator[Reading]:
    """Yield the readings of one number, the most likely first."""

    def reading(factor: float, unit: Unit) -> Reading:
        size = factor * unit.size
        ends = low.value * size + unit.offset, number.value * size + unit.offset
        return Reading(*ends, min(low.step, number.step) * size, unit.dimension, factor > 1, size)

    bare = Unit("ratio" if number.is_share and factor == 1 else COUNT if counts else NONE, 1)
    yield reading(factor, unit or bare)
    if counts == "point":
        yield reading(factor, Unit("points", 1))
    if unit is not None and unit.dimension == MONEY + "USD" and unit.size < 1:
        yield from (reading(factor, Unit(MONEY + other, unit.size)) for other in ("EUR", "AUD", "CAD"))  # cents
    if unit is None and letter and factor == 1e6:
        yield reading(1.0, Unit("length", 1))  # 1.2m
    if unit is not None and unit.dimension == MONEY + "GBP" and unit.size == 1:
        yield reading(factor, Unit("mass", 0.45359237))  # 12 pounds
    if unit is not None and unit.dimension == "degrees":
        yield reading(factor, Unit("celsius", 1))


def _sign(text: str, start: int) -> tuple[bool, int]:
    if found := _MINUS.search(text, max(0, start - 12), start):
        return True, found.start()
    return False, start


def _is_accounting(text: str, start: int, end: int) -> bool:
    """Tell whether a bracket at `start - 1` stands for a minus: right behind a word it holds an aside."""
    before = text[: start - 1].rstrip()
    if _SCALE.match(text, end + 1):
        return True
    return (
        not before
        or before[-1] in ":|)$€£%"
        or (before[-1].isdigit() and text[: start - 1].endswith("  "))
        or text[: start - 1].endswith("\n")
    )


def _after_bracket(text: str, end: int, factor: float, unit: Unit | None) -> tuple[float, int, Unit | None]:
    """Read scale and unit that stand behind an accountant's brackets: (3.2) million dollars."""
    if factor == 1.0 and (found := _SCALE.match(text, end)):
        factor, end = SCALES[found["scale"]], found.end()
    if unit is None and (after := unit_at(text, end)):
        unit, end = after
    return factor, end, unit


def _is_cell(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 8) : start].rstrip(" "), text[end : end + 8].lstrip(" ")
    return before[-1:] in (":", "|", "=", "\n", "") or after[:1] in ("|", "\n", "") or after[:1].isdigit()


def _things(text: str, end: int) -> tuple[str, ...]:
    """Return the stems of up to four words behind a number, up to the end of the phrase."""
    stop = _STOPS_THINGS.search(text, end)
    phrase = text[end : stop.start() if stop else len(text)]
    if phrase[:1] not in (" ", "-", "\u00a0"):
        return ()
    words = [w for w in _WORD.findall(phrase)[:4] if w.lower() not in STOP_WORDS]
    if words and words[0].lower() in (
        "more",
        "less",
        "fewer",
        "higher",
        "lower",
        "further",
        "altogether",
        "now",
        "today",
    ):
        return ()
    return tuple(stem for word in words for stem in terms(word))


def _per(text: str, end: int) -> tuple[str, tuple[str, ...]]:
    """Return what an amount is counted by, and the stems of the words that say so."""
    if _IN_TOTAL.match(text, end):
        return "total", ()
    found = _PER.match(text, end)
    if found is None:
        return "", ()
    at = found.start("unit") if found["unit"] else found.start("time")
    stems = tuple(terms(found["unit"] or found["time"]))
    if (unit := unit_at(text, at)) is not None:
        return f"{unit[0].dimension}:{unit[0].size:g}", (*stems, *terms(text[at : unit[1]]))
    return (stems[0] if stems else ""), stems


def _label(text: str, start: int) -> str:
    found = _LABEL.search(text, max(0, start - 14), start)
    return terms(found.group(1))[0] if found else ""


def _hedge(text: str, start: int, end: int) -> Hedge:
    before = text[max(0, start - 32) : start]
    for name, pattern in _HEDGES:
        if pattern.search(before):
            return name
    if _AFTER_OVER.match(text, end):
        return "over"
    return "under" if _AFTER_UNDER.match(text, end) else ""


# --- numbers that belong together -----------------------------------------------------------------------------------


def _parts_of_one(text: str, singles: list[Amount]) -> list[Amount]:
    """Join 3 hours and 55 minutes to one amount."""
    joined: list[Amount] = []
    for amount in singles:
        last = joined[-1] if joined else None
        if last and text[last.end : amount.start] in (" ", " and ", ", ") and _is_smaller_part(last, amount):
            a, b = last.readings[0], amount.readings[0]
            total = a.low + b.low
            joined[-1] = replace(last, end=amount.end, readings=(Reading(total, total, b.step, a.dimension),))
        else:
            joined.append(amount)
    return joined


def _is_smaller_part(one: Amount, other: Amount) -> bool:
    a, b = one.readings[0], other.readings[0]
    return a.dimension == b.dimension and a.dimension in ("time", "months", "mass", "length") and b.step * 7 <= a.step


def _with_units_of_next(text: str, found: list[Amount]) -> list[Amount]:
    """Give a bare number in a list the unit that the list ends with as well: from 10 to 15 %, 4.2 and 5.1 million."""
    for i in range(len(found) - 2, -1, -1):
        amount, after = found[i], found[i + 1]
        bare = amount.readings[0].dimension in (NONE, COUNT) and not amount.things and not amount.readings[0].rounded
        bare = bare and amount.hedge in ("", "about")
        if bare and _LISTED.fullmatch(text[amount.end : after.start]):
            added = tuple(_resized(amount.readings[0], r) for r in after.readings if r.dimension or r.rounded)
            found[i] = replace(amount, readings=(*added, *amount.readings), things=after.things)
    return found


def _with_units_of_last(text: str, found: list[Amount]) -> list[Amount]:
    """Give a bare number that goes on with what was said the unit of the one before: 11 degrees here and only 3 there."""
    for i in range(1, len(found)):
        before, amount = found[i - 1], found[i]
        bare = amount.readings[0].dimension in (NONE, COUNT) and not amount.things and not amount.label
        link = text[before.end : amount.start]
        if bare and len(link) < _CARRIED_CHARACTERS and not re.search(r"[.;:|\n]", link) and _CARRIED_ON.search(link):
            like = [r for r in before.readings if r.dimension not in (NONE, COUNT)][:1]
            units = [replace(r, size=r.size / _scale_of(r)) if amount.readings[0].rounded else r for r in like]
            found[i] = replace(amount, readings=(*amount.readings, *(_resized(amount.readings[0], r) for r in units)))
    return found


def _scale_of(reading: Reading) -> float:
    """Return the word of scale in a reading's size: a million for euros in millions; units keep their own size."""
    return reading.size if reading.rounded and reading.dimension.startswith(MONEY) else 1.0


def _of_whom(text: str, found: list[Amount]) -> list[Amount]:
    """Give 1,120 in "2,874 people, of whom 1,120 live here" the things of the amount before."""
    for i in range(1, len(found)):
        start, end = found[i].start, found[i].end
        if _OF_WHOM_BEFORE.search(text, max(0, start - 24), start) or _OF_WHOM_AFTER.match(text, end):
            found[i] = replace(found[i], things=found[i - 1].things or found[i].things)
    return found


def _resized(bare: Reading, like: Reading) -> Reading:
    """Return a bare number read in the scale and unit of another."""
    size = like.size
    return Reading(bare.low * size, bare.high * size, bare.step * size, like.dimension, like.rounded, size)
