"""Units of measure, currencies and the things that are counted, each with its dimension and its size in a base unit.

Two amounts can be compared when they share a dimension: 2,500 kg and 2.5 t do, 12 % and 12 percentage points do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.store.keywords import terms

MONEY = "money:"
"""Dimension of money, followed by the currency."""
COUNT = "count"
"""Dimension of amounts of things; which things is said by `Reading.things`."""
NONE = ""
"""Dimension of a bare number."""


@dataclass(frozen=True, slots=True)
class Unit:
    dimension: str
    size: float
    """How many base units it is: 1,000 for a tonne, as mass is counted in kilograms."""
    offset: float = 0.0
    """Added after scaling; other than 0 for degrees Fahrenheit only."""


def _table(dimension: str, **sizes: float) -> dict[str, Unit]:
    return {name.replace("_", " "): Unit(dimension, size) for name, size in sizes.items()}


# Words, in any case. Plurals are added below; a space also stands for a hyphen.
_WORDS: dict[str, Unit] = {
    **_table("ratio", percent=0.01, per_cent=0.01, pct=0.01),
    **_table("points", percentage_point=1, pp=1, ppt=1, basis_point=0.01, bp=0.01, bps=0.01),
    **_table("mass", kilogram=1, kilogramme=1, kilo=1, gram=0.001, gramme=0.001, milligram=1e-6, microgram=1e-9),
    **_table("mass", tonne=1000, ton=1000, metric_ton=1000, pound_of_weight=0.45359237, lb=0.45359237, lbs=0.45359237),
    **_table("mass", ounce=0.0283495, oz=0.0283495, megatonne=1e9, kilotonne=1e6),
    **_table("length", metre=1, meter=1, kilometre=1000, kilometer=1000, centimetre=0.01, centimeter=0.01),
    **_table("length", millimetre=0.001, millimeter=0.001, mile=1609.344, mi=1609.344, yard=0.9144, yd=0.9144),
    **_table("length", foot=0.3048, feet=0.3048, ft=0.3048, inch=0.0254, inches=0.0254, nautical_mile=1852),
    **_table("area", square_metre=1, square_meter=1, sqm=1, square_kilometre=1e6, square_kilometer=1e6, hectare=1e4),
    **_table("area", ha=1e4, acre=4046.856, square_foot=0.092903, square_feet=0.092903, sq_ft=0.092903),
    **_table("area", square_mile=2589988.11),
    **_table("volume", litre=1, liter=1, millilitre=0.001, milliliter=0.001, hectolitre=100, cubic_metre=1000),
    **_table("volume", cubic_meter=1000, gallon=3.785412, barrel=158.987),
    **_table("time", second=1, sec=1, minute=60, min=60, hour=3600, hr=3600, hrs=3600, day=86400, week=604800),
    **_table("time", millisecond=0.001, fortnight=1209600, night=86400),
    **_table("months", month=1, year=12, decade=120, century=1200, centuries=1200),
    **_table("energy", watt_hour=1, kilowatt_hour=1e3, megawatt_hour=1e6, gigawatt_hour=1e9, terawatt_hour=1e12),
    **_table("power", watt=1, kilowatt=1e3, megawatt=1e6, gigawatt=1e9, terawatt=1e12),
    **_table("data", byte=1, kilobyte=1e3, megabyte=1e6, gigabyte=1e9, terabyte=1e12, petabyte=1e15),
    **_table("bits", bit=1, kilobit=1e3, megabit=1e6, gigabit=1e9),
    **_table("speed", kph=1, kmh=1, mph=1.609344, knot=1.852, kilometres_per_hour=1, kilometers_per_hour=1),
    **_table("speed", miles_per_hour=1.609344, metres_per_second=3.6, meters_per_second=3.6),
    **_table("frequency", hertz=1, kilohertz=1e3, megahertz=1e6, gigahertz=1e9),
    **_table("voltage", volt=1, kilovolt=1e3),
    **_table("degrees", degree=1),
    "degree celsius": Unit("celsius", 1),
    "degree centigrade": Unit("celsius", 1),
    "degree fahrenheit": Unit("celsius", 5 / 9, -160 / 9),
    **_table(MONEY + "USD", dollar=1, us_dollar=1, usd=1, cent=0.01),
    **_table(MONEY + "EUR", euro=1, eur=1),
    **_table(MONEY + "GBP", pound=1, pound_sterling=1, gbp=1, pence=0.01, penny=0.01, pounds=1),
    **_table(MONEY + "JPY", yen=1, jpy=1),
    **_table(MONEY + "CHF", franc=1, chf=1, swiss_franc=1),
    **_table(MONEY + "KR", kroner=1, krone=1, krona=1, kronor=1, kr=1),
    **_table(MONEY + "PLN", zloty=1, zlotys=1),
    **_table(MONEY + "RUB", rouble=1, ruble=1),
    **_table(MONEY + "MXN", peso=1),
    **_table(MONEY + "INR", rupee=1, inr=1),
    **_table(MONEY + "CNY", yuan=1, cny=1, rmb=1, renminbi=1),
}

# Symbols, whose case counts.
_SYMBOLS: dict[str, Unit] = {
    "%": Unit("ratio", 0.01),
    "‰": Unit("ratio", 0.001),
    **_table("mass", kg=1, g=0.001, mg=1e-6, t=1000, kt=1e6, Mt=1e9),
    "µg": Unit("mass", 1e-9),
    "μg": Unit("mass", 1e-9),
    **_table("length", km=1000, m=1, cm=0.01, mm=0.001, nm=1e-9),
    **_table("area", ha=1e4),
    "m²": Unit("area", 1),
    "m2": Unit("area", 1),
    "km²": Unit("area", 1e6),
    "km2": Unit("area", 1e6),
    "m³": Unit("volume", 1000),
    "m3": Unit("volume", 1000),
    **_table("volume", l=1, L=1, ml=0.001, mL=0.001, cl=0.01, hl=100),
    **_table("time", s=1, ms=0.001, h=3600),
    **_table("energy", Wh=1, kWh=1e3, MWh=1e6, GWh=1e9, TWh=1e12),
    **_table("power", W=1, kW=1e3, MW=1e6, GW=1e9, TW=1e12, kWp=1e3, MWp=1e6),
    **_table("data", KB=1e3, kB=1e3, MB=1e6, GB=1e9, TB=1e12, PB=1e15, KiB=1024, MiB=1024**2, GiB=1024**3),
    **_table("bits", kbit=1e3, Mbit=1e6, Gbit=1e9, Mbps=1e6, Gbps=1e9),
    "km/h": Unit("speed", 1),
    "m/s": Unit("speed", 3.6),
    **_table("frequency", Hz=1, kHz=1e3, MHz=1e6, GHz=1e9),
    **_table("voltage", V=1, kV=1e3, mV=0.001),
    "°C": Unit("celsius", 1),
    "° C": Unit("celsius", 1),
    "℃": Unit("celsius", 1),
    "°F": Unit("celsius", 5 / 9, -160 / 9),
    "°": Unit("degrees", 1),
}

_CURRENCY_SIGNS: dict[str, str] = {
    "US$": "USD", "$": "USD", "USD": "USD", "€": "EUR", "EUR": "EUR", "£": "GBP", "GBP": "GBP", "¥": "JPY", "JPY": "JPY",
    "CHF": "CHF", "₹": "INR", "INR": "INR", "A$": "AUD", "AU$": "AUD", "AUD": "AUD", "C$": "CAD", "CA$": "CAD", "CAD": "CAD",
    "CNY": "CNY", "RMB": "CNY", "SEK": "KR", "NOK": "KR", "DKK": "KR", "PLN": "PLN",
}  # fmt: skip

SCALES: dict[str, float] = {
    "hundred": 1e2, "thousand": 1e3, "k": 1e3, "K": 1e3, "million": 1e6, "millions": 1e6, "mn": 1e6, "mio": 1e6, "mln": 1e6,
    "m": 1e6, "M": 1e6, "billion": 1e9, "billions": 1e9, "bn": 1e9, "b": 1e9, "B": 1e9, "trillion": 1e12, "tn": 1e12,
    "trn": 1e12, "T": 1e12, "lakh": 1e5, "crore": 1e7, "dozen": 12,
}  # fmt: skip
LETTER_SCALES = frozenset("k K m M b B T".split())
"""Scales that are one letter: only beside a currency, or stuck to their number, are they meant."""


def _alternatives(names: list[str]) -> str:
    return "|".join(re.escape(n).replace(r"\ ", "[ -]") for n in sorted(names, key=len, reverse=True))


def _with_plurals(words: dict[str, Unit]) -> dict[str, Unit]:
    plural = {f"{name}s": unit for name, unit in words.items() if not name.endswith("s")}
    after_degree = {n.replace("degree ", "degrees "): u for n, u in words.items() if n.startswith("degree ")}
    return {**plural, **after_degree, **words}


_ALL_WORDS = _with_plurals(_WORDS)
_UNIT = re.compile(
    rf"[ \t\u00a0-]?(?:(?:working|business|calendar|consecutive|full|whole|further|more|additional|extra) |[a-z]+ (?=(?:days|weeks|months|years|hours|minutes)\b))?(?:(?i:(?P<word>{_alternatives(list(_ALL_WORDS))}))|(?P<symbol>{_alternatives(list(_SYMBOLS))}))(?![^\W_])"
)
_CURRENCY = re.compile(rf"(?P<code>{_alternatives([*_CURRENCY_SIGNS])})[ \u00a0]?\Z")
_CURRENCY_AFTER = re.compile(rf"[ \u00a0]?(?P<code>{_alternatives([*_CURRENCY_SIGNS])})(?![^\W_])")


def unit_at(text: str, start: int) -> tuple[Unit, int] | None:
    """Return the unit that is written at `start`, after at most one blank, and where it ends."""
    if found := _UNIT.match(text, start):
        word, symbol = found["word"], found["symbol"]
        unit = _SYMBOLS[symbol] if symbol else _ALL_WORDS[word.lower().replace("-", " ")]
        return unit, found.end()
    if found := _CURRENCY_AFTER.match(text, start):
        return Unit(MONEY + _CURRENCY_SIGNS[found["code"]], 1), found.end()
    return None


def currency_before(text: str, end: int) -> tuple[Unit, int] | None:
    """Return the currency that is written right before `end`, and where it begins."""
    found = _CURRENCY.search(text, max(0, end - 6), end)
    if found is None or (found.start() and text[found.start() - 1].isalpha()):
        return None
    return Unit(MONEY + _CURRENCY_SIGNS[found["code"]], 1), found.start()


# --- things that are counted ----------------------------------------------------------------------------------------

# Words for about the same things. Amounts of words of two different lines are not the same amount.
_THINGS = """
people persons person employees employee staff workers inhabitants residents respondents participants individuals members citizens patients users customers visitors men women humans delegates deaths fatalities casualties victims students pupils children volunteers teachers attendees voters applicants heads headcount passengers population
pages sheets
items entries records rows lines
documents files papers reports
rooms bedrooms chambers
floors storeys stories levels
vehicles cars lorries trucks vans
houses homes dwellings households flats apartments
shops stores outlets branches
companies firms businesses enterprises corporations organisations organizations
countries nations states
schools classes courses
jobs posts positions roles vacancies
complaints objections
incidents accidents crashes injuries cases
meetings sessions hearings
times occasions
shares stocks
votes ballots
chapters sections
samples specimens
hospitals
clinics surgeries
sites locations places
steps stages phases
turbines
segments
layers
tickets
""".strip().splitlines()
_GROUP: dict[str, int] = {terms(word)[0]: i for i, line in enumerate(_THINGS) for word in line.split()}
_PEOPLE = 0
"""The line of people: a wide one, as a passage may call the same people patients here and participants there."""
_KINDS_OF_PEOPLE = frozenset(
    stem
    for word in "men women children teachers students pupils deaths volunteers voters delegates visitors".split()
    for stem in terms(word)
)


_VAGUE = frozenset(
    stem
    for word in "places times cases classes posts roles states lines rows shares reports papers positions stages levels steps items "
    "records sections courses papers occasions phases heads".split()
    for stem in terms(word)
)


def unheard_things(things: tuple[str, ...], stems: frozenset[str]) -> bool:
    """Tell whether things are counted of which a passage with these stems has no word, not even one that means about the same.

    People are never unheard: a passage that employs, admits or treats need not call them anything.
    """
    groups = {_GROUP[stem] for stem in things if stem in _GROUP and stem not in _VAGUE}
    if not groups or _PEOPLE in groups or set(things) & stems:
        return False
    return not any(_GROUP.get(stem) in groups for stem in stems)


def same_things(one: tuple[str, ...], other: tuple[str, ...]) -> bool | None:
    """Tell whether two lists of stems name the same things; None when nobody can tell without knowing the words.

    >>> [same_things(("page",), x) for x in (("page", "long"), ("item",), ("oddity",))]
    [True, False, None]
    """
    if not one or not other:
        return None
    groups = [{_GROUP[stem] for stem in stems if stem in _GROUP} for stems in (one, other)]
    if one[0] != other[0] and all(groups) and not groups[0] & groups[1]:
        return False
    if set(one) & set(other):
        return True
    if not all(groups):
        return None
    if groups[0] & groups[1]:
        kinds = [set(stems) & _KINDS_OF_PEOPLE for stems in (one, other)]
        return None if all(kinds) else True
    return False
