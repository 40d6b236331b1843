"""Units that are declared once and left out of the numbers: "(£ thousand)" in a row, "(MWh)" above a column, "in millions of dollars"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.generation.checking.reading import Amount, Reading
from rag.generation.checking.tables import column, lines
from rag.generation.checking.units import COUNT, MONEY, NONE, SCALES, Unit, currency_before, unit_at

_SCALES = r"thousands?|millions?|billions?|trillions?|mn|bn|m|k|'?000s?"
_WITH_SIGN = re.compile(
    rf"(?P<sign>US\$|[$€£¥]|EUR|USD|GBP|CHF|NOK|SEK|DKK|JPY|CNY|INR|AUD|CAD|PLN)\s?(?:in\s)?(?P<scale>{_SCALES})?(?![^\W_])(?!\s?\d)",
    re.IGNORECASE,
)
_IN_SCALE = re.compile(
    rf"\b(?:in|amounts in|figures in|expressed in)\s(?P<scale>{_SCALES})(?:\sof\s(?P<money>(?:US |U\.S\. )?[a-z]+))?(?![^\W_])",
    re.IGNORECASE,
)
_SCALE_OF = re.compile(rf"\b(?P<scale>{_SCALES})\sof\s(?P<money>(?:US )?[a-z]+)\b", re.IGNORECASE)
_BRACKET = re.compile(r"[(\[](?P<unit>[^()\[\]\n]{1,16})[)\]]")


def with_declared_units(text: str, found: Sequence[Amount]) -> list[Amount]:
    """Return the amounts, bare ones with further readings in the units that their line, column or passage declares."""
    whole = _in_scale(text)
    rows = lines(text)
    result = []
    for amount in found:
        if amount.readings[0].dimension not in (NONE, COUNT) or amount.label or amount.ordinal:
            result.append(amount)
            continue
        start, _ = next(((a, b) for a, b in rows if a <= amount.start <= b), (0, len(text)))
        declared = [*_before(text[start : amount.start]), *_above(text, rows, start, amount.start), *whole]
        result.append(
            replace(amount, readings=(*amount.readings, *(_read(amount.readings[0], unit) for unit in declared)))
        )
    return result


def _before(label: str) -> list[Unit]:
    """Return the units that the text in front of a number in its line declares."""
    units = []
    for found in _WITH_SIGN.finditer(label):
        if (currency := currency_before(found["sign"], len(found["sign"]))) is not None:
            units.append(Unit(currency[0].dimension, _scale(found["scale"])))
    return [*units, *_in_brackets(label)]


def _above(text: str, rows: list[tuple[int, int]], line: int, at: int) -> list[Unit]:
    """Return the units that the same column of the nearest heading row declares."""
    if "|" not in text[line:at]:
        return []
    index = column(text, line, at)
    for start, end in reversed([r for r in rows if r[0] < line]):
        cells = text[start:end].split("|")
        if len(cells) < 2:
            return []
        if len(cells) > index and (units := _before(cells[index])):
            return units
    return []


def _in_brackets(text: str) -> list[Unit]:
    units = []
    for found in _BRACKET.finditer(text):
        if re.fullmatch(_SCALES, found["unit"].strip(), re.IGNORECASE):
            units.append(Unit(NONE, _scale(found["unit"].strip())))
        elif (unit := unit_at(found["unit"].strip(), 0)) is not None and unit[1] == len(found["unit"].strip()):
            units.append(unit[0])
    return units


def _in_scale(text: str) -> list[Unit]:
    """Return the scale that a passage declares for all of its numbers: "(in millions of dollars)", "$ in thousands"."""
    units = []
    for found in (*_IN_SCALE.finditer(text), *_SCALE_OF.finditer(text)):
        if re.match(r"\s*\d", text[found.end() :]) or re.search(r"[\d]\s*\Z", text[: found.start()]):
            continue
        money = unit_at(found["money"].replace("U.S.", "US"), 0) if found["money"] else None
        if found["money"] and (money is None or not money[0].dimension.startswith(MONEY)):
            continue
        units.append(Unit(money[0].dimension if money else NONE, _scale(found["scale"])))
    for found in re.finditer(rf"\(\s?{_WITH_SIGN.pattern}\s?\)", text, re.IGNORECASE):
        if found["scale"] and (currency := currency_before(found["sign"], len(found["sign"]))) is not None:
            units.append(Unit(currency[0].dimension, _scale(found["scale"])))
    if dollars := re.search(rf"(?P<sign>[$€£])\s?in\s(?P<scale>{_SCALES})\b", text, re.IGNORECASE):
        currency = currency_before(dollars["sign"], 1)
        units.append(Unit(currency[0].dimension if currency else NONE, _scale(dollars["scale"])))
    return [*units, *_scaled_units(text)]


def _scaled_units(text: str) -> list[Unit]:
    """Return units that a heading gives together with a scale: "emissions, million tonnes"."""
    units = []
    for found in re.finditer(rf"(?<!\w)(?P<scale>{_SCALES})\s", text, re.IGNORECASE):
        before = text[: found.start()].rstrip()
        unit = unit_at(text, found.end())
        counted = before[-1:].isdigit() or re.search(r"\b(?:an?|one|two|three|few|several|many|some)\Z", before)
        if unit is not None and not counted:
            units.append(Unit(unit[0].dimension, _scale(found["scale"]) * unit[0].size))
    return units


def _scale(word: str | None) -> float:
    if not word:
        return 1.0
    word = word.lower().lstrip("'").removesuffix("s")
    return 1e3 if word == "000" else SCALES[word]


def _read(bare: Reading, unit: Unit) -> Reading:
    size = unit.size
    ends = bare.low * size + unit.offset, bare.high * size + unit.offset
    return Reading(*ends, bare.step * size, unit.dimension, size > 1 and unit.dimension.startswith((MONEY, NONE)), size)
