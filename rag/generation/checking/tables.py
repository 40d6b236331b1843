"""Amounts in the rows of a table, which belong to the year at the head of their column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rag.generation.checking.dates import DateMention
from rag.generation.checking.mentions import Mention
from rag.generation.checking.words import told_stems

Span = tuple[int, int]


def in_tables(text: str, found: Sequence[Mention], dates: Sequence[DateMention]) -> list[Mention]:
    """Return the mentions, those in the rows of a table bound to the year at the head of their column.

    Columns are parted by "|" or, as text out of a PDF has them, by blanks: then only rows with as many amounts as the
    header has years are bound.
    """
    header: list[DateMention] = []
    columns: list[int] = []
    bound: dict[int, Mention] = {}
    for start, end in lines(text):
        years = [d for d in dates if start <= d.start < end and len(d.years) == 1]
        row = [m for m in found if start <= m.amount.start < end]
        if len(years) >= 2 and len(row) <= len(years) and _is_header(text[start:end]):
            header, columns = years, [column(text, start, d.start) for d in years]
        elif row and ("|" in text[start:end] or header):
            stems = told_stems(text, start, end, [(m.amount.start, m.amount.end) for m in row])
            years_of = dict(_bound(text, start, row, header, columns)) if header else {}
            for mention in row:
                if "|" in text[start:end] or mention.amount.start in years_of:
                    years_bound = years_of.get(mention.amount.start, mention.years)
                    bound[mention.amount.start] = replace(
                        mention, years=years_bound, clause=(start, end), stems=stems, subject=stems, in_table=True
                    )
    return [bound.get(m.amount.start, m) for m in found]


def _bound(
    text: str, start: int, row: list[Mention], header: list[DateMention], columns: list[int]
) -> list[tuple[int, frozenset[int]]]:
    """Return (start of the amount, years) of a row."""
    if columns[0] == columns[-1]:
        same = len(row) == len(header)
        return [(m.amount.start, d.years) for m, d in zip(row, header, strict=True)] if same else []
    by_column = dict(zip(columns, header, strict=True))
    cells = ((m, by_column.get(column(text, start, m.amount.start))) for m in row)
    return [(mention.amount.start, year.years) for mention, year in cells if year is not None]


def column(text: str, line: int, at: int) -> int:
    """Return the number of column separators of the line that begins at `line` before `at`."""
    return text.count("|", line, at)


def lines(text: str) -> list[Span]:
    breaks = [-1, *(m.start() for m in re.finditer("\n", text)), len(text)]
    return [(a + 1, b) for a, b in pairwise(breaks)]


def _is_header(line: str) -> bool:
    """Tell whether a line with several years heads a table rather than telling something."""
    return "|" in line or len(re.findall(r"[a-z]{3,}", line)) <= 4
