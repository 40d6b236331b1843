"""Whether one amount says what another says: units converted, rounding allowed one way only, bounds understood."""

from __future__ import annotations

import math
from typing import Literal

from rag.generation.checking.reading import Amount, Reading
from rag.generation.checking.units import COUNT, MONEY, NONE, same_things

Agreement = Literal["same", "vaguer", "other_unit", "opposite_bound", "different"]
"""`vaguer`: the source is less exact than the claim. `other_unit`: the same digits of something else."""

_EPSILON = 1e-9
_ROUNDED = 0.05
"""Largest relative error of a figure that was rounded without a word; 0.1 with "about"."""
_ROUNDED_ABOUT = 0.1
_SIMILAR = 50
"""Numbers of unnamed things that differ by more are not about the same."""
_SAME_SPAN = 0.02
"""Twelve months are 52 weeks, and 90 days are three months."""
_BOUND = 2.0
"""More than 100 is said of up to 200, not of any larger number."""


def agreement(claim: Amount, source: Amount) -> Agreement:
    """Tell whether the source states the claimed amount; sign, year and context are not looked at here."""
    if not _same_role(claim, source):
        return "different"
    if (
        claim.per
        and claim.per == source.per
        and "time" in (*claim.things, *source.things)
        and same_digits(claim, source)
    ):
        return "same"  # five times a week, five nights a week
    found: set[Agreement] = set()
    for one in claim.readings:
        for other in source.readings:
            pair = _comparable(one, other, claim, source)
            if pair is not None:
                found.add(_values(*pair, claim, source))
            if one.size != other.size and _digits(one) == _digits(other) and one.dimension == other.dimension:
                found.add("other_unit")  # 2,500 t and 2,500 kg
            elif pair is None and _digits(one) == _digits(other) and one.dimension != other.dimension:
                found.add("other_unit")
    ranked: tuple[Agreement, ...] = ("same", "opposite_bound", "other_unit", "vaguer")
    return next((a for a in ranked if a in found), "different")


def comparable(claim: Amount, source: Amount) -> bool:
    """Tell whether two amounts are of one kind, so that one could stand for the other."""
    if not _same_role(claim, source) or claim.label != source.label:
        return False
    for one in claim.readings:
        for other in source.readings:
            if {one.dimension, other.dimension} == {"months", "time"}:
                return True
            if one.dimension == other.dimension != NONE and one.dimension != COUNT:
                return True
            if (
                one.dimension.startswith(MONEY)
                and other.dimension in (NONE, COUNT)
                and other.rounded
                and not source.things
            ):
                return _similar_size(one, other)
            if {one.dimension, other.dimension} <= {NONE, COUNT}:
                same = same_things(claim.things, source.things)
                return bool(same) or (same is None and _similar_size(one, other))
    return False


def same_digits(claim: Amount, source: Amount) -> bool:
    """Tell whether both are written with the same number, whatever the units."""
    return any(_digits(a) == _digits(b) for a in claim.readings for b in source.readings)


def _similar_size(one: Reading, other: Reading) -> bool:
    return 1 / _SIMILAR <= (abs(one.low) + 1) / (abs(other.low) + 1) <= _SIMILAR


def _same_role(claim: Amount, source: Amount) -> bool:
    """Tell whether both count, or both are a place in an order: the 12th minute and minute 12 are."""
    if claim.ordinal == source.ordinal:
        return not (claim.label and source.label and claim.label != source.label)
    counted, nth = (source, claim) if claim.ordinal else (claim, source)
    return bool(counted.label) and counted.label in nth.things


def _digits(reading: Reading) -> tuple[float, float]:
    """Return the number as it is written, without its unit; a word of scale belongs to the unit too."""
    return round(reading.low / reading.size, 9), round(reading.high / reading.size, 9)


def _comparable(one: Reading, other: Reading, claim: Amount, source: Amount) -> tuple[Reading, Reading] | None:
    """Return the two readings in one dimension, or None when they are of different things."""
    if one.dimension == other.dimension == COUNT:
        return (one, other) if same_things(claim.things, source.things) is not False else None
    bare = {NONE, COUNT}
    if one.dimension == other.dimension or {one.dimension, other.dimension} <= bare:
        return one, other
    if other.dimension == NONE:
        if any(r.dimension == one.dimension for r in source.readings):
            return None  # a heading tells the unit
        if one.dimension.startswith(MONEY):
            return (one, other) if source.is_cell or other.rounded else None
        return (_unscaled(one), other) if source.is_cell else None
    if (spans := _in_days(one, other)) is not None:
        return spans
    if one.dimension == NONE and (other.dimension.startswith(MONEY) or other.dimension == "ratio"):
        return one, other
    if one.dimension == NONE and other.dimension != "points":
        return one, _unscaled(other)
    return None


def _in_days(one: Reading, other: Reading) -> tuple[Reading, Reading] | None:
    """Return months and weeks in one measure; a month is taken for a twelfth of a year."""
    if {one.dimension, other.dimension} != {"months", "time"}:
        return None
    month = 30.44 * 86400
    days = tuple(
        Reading(r.low * month, r.high * month, r.step * month, "time", True, r.size * month)
        if r.dimension == "months"
        else r
        for r in (one, other)
    )
    close = abs(days[0].low - days[1].low) <= _SAME_SPAN * days[1].low
    return (days[1], days[1]) if close and one.low == one.high else days  # type: ignore[return-value]


def _unscaled(reading: Reading) -> Reading:
    low, high = _digits(reading)
    return Reading(low, high, reading.step / reading.size, NONE)


def _values(one: Reading, other: Reading, claim: Amount, source: Amount) -> Agreement:
    if one.low != one.high or other.low != other.high:
        return _ranges(one, other, claim, source)
    if {claim.hedge, source.hedge} == {"over", "under"} and math.isclose(one.low, other.low, rel_tol=_EPSILON):
        return "opposite_bound"
    limits = claim.hedge == source.hedge and claim.is_limit and source.is_limit
    if limits or not claim.hedge or not _surely_same_things(claim, source, one):
        return _equal(one.low, other.low, one, other, claim, source)
    if claim.hedge == "over" and source.hedge != "under":
        return "same" if one.low * (1 - _EPSILON) <= other.low <= one.low * _BOUND else "different"
    if claim.hedge == "under" and source.hedge != "over":
        return "same" if one.low / _BOUND <= other.low <= one.low * (1 + _EPSILON) else "different"
    return _equal(one.low, other.low, one, other, claim, source)


def _surely_same_things(claim: Amount, source: Amount, one: Reading) -> bool:
    if one.dimension not in (NONE, COUNT) or not (claim.things or source.things):
        return True
    return bool(same_things(claim.things, source.things))


def _ranges(one: Reading, other: Reading, claim: Amount, source: Amount) -> Agreement:
    """Compare where at least one is a range: both ends must fit, or a bound names the right end."""
    if one.low == one.high:
        end = {"over": other.low, "under": other.high}.get(claim.hedge)
        return "different" if end is None else _equal(one.low, end, one, other, claim, source)
    ends = {_equal(a, b, one, other, claim, source) for a, b in ((one.low, other.low), (one.high, other.high))}
    return next((a for a in ("different", "vaguer") if a in ends), "same")


def _equal(a: float, b: float, one: Reading, other: Reading, claim: Amount, source: Amount) -> Agreement:
    """Compare two values; a claim may be rounder than its source, never finer."""
    if math.isclose(a, b, rel_tol=_EPSILON, abs_tol=1e-12):
        return "same"
    allowed = _ROUNDED_ABOUT if claim.hedge else _ROUNDED
    step = _step(one, claim)
    is_rounder = step > other.step * (1 + _EPSILON) or _is_fraction(one)
    if is_rounder and abs(a - b) <= step / 2 * (1 + 1e-6) and abs(a - b) <= allowed * abs(b):
        return "same"
    if _is_fraction(other) and abs(a - b) <= other.step / 2:
        return "same"
    if _step(other, source) > one.step and abs(a - b) <= _step(other, source) / 2:
        return "vaguer"
    return "different"


def _is_fraction(reading: Reading) -> bool:
    return reading.step == 0.02 * reading.size


def _step(reading: Reading, amount: Amount) -> float:
    """Return how fine an amount is meant: with "about" in front, closing zeros are not meant."""
    if not amount.hedge:
        return reading.step
    written = round(reading.low / reading.size)
    if written == 0 or reading.step < reading.size:
        return reading.step
    zeros = len(str(abs(written))) - len(str(abs(written)).rstrip("0"))
    return float(reading.size * 10**zeros)
