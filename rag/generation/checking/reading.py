"""What an amount is: its readings in base units, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rag.generation.checking.units import COUNT, MONEY, NONE
from rag.types import FigureKind

Hedge = Literal["", "about", "over", "under"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read an amount, in base units of its dimension."""

    low: float
    high: float
    """Equal to `low` unless the amount is a range."""
    step: float
    """How fine it is stated."""
    dimension: str = NONE
    rounded: bool = False
    """Written with a word of scale, as in 1.2 million, and so taken for rounded."""
    size: float = 1.0
    """What the written number was multiplied by."""


@dataclass(frozen=True, slots=True)
class Amount:
    start: int
    end: int
    readings: tuple[Reading, ...]
    hedge: Hedge = ""
    negative: bool = False
    """Written with a minus sign or in an accountant's brackets."""
    things: tuple[str, ...] = ()
    """Stems of the words behind the number, what it counts among them."""
    per: str = ""
    """What it is counted by, a measure or a stem: "months:1" for 890 euros a month."""
    per_stems: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    """Stem of what a measure is of: spawn in 200 g of spawn."""
    label: str = ""
    """Stem of the word in front that makes it a name: "section" for Section 4."""
    ordinal: bool = False
    is_limit: bool = False
    """Told as a limit: up to six times, at least 56 days."""
    is_whole: bool = False
    """Is what something is a part of: 64 in "of 64 posts, 52 are filled"."""
    is_all: bool = False
    """Stands behind "all"."""
    is_cell: bool = False
    """Stands behind a colon or in the cell of a table, where its unit may be told elsewhere."""

    @property
    def kind(self) -> FigureKind:
        dimension = self.readings[0].dimension
        if dimension in ("ratio", "points"):
            return "percent"
        if dimension.startswith(MONEY):
            return "money"
        return "number" if dimension in (NONE, COUNT) else "quantity"
