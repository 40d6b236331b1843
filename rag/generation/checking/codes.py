"""Numbers of several parts that name something instead of measuring it: version 3.11.2, section 4.2.1, an address. They are compared sign by sign."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.generation.checking.evidence import Passage

Span = tuple[int, int]
CODE = re.compile(r"(?<![\w.,])v?(?P<code>\d+(?:\.\d+){2,})(?![\w]|[.,]\d)")
_AMOUNT = re.compile(r"\d{1,3}(?:\.\d{3})+")
"""Grouped by dots, as many countries write amounts."""
_MOST = 24


def codes(text: str, taken: Iterable[Span] = ()) -> list[Span]:
    """Return where such numbers stand, dates (`taken`) and amounts left out.

    >>> [text[a:b] for text in ["v3.11.1 of 1.234.567, section 4.2.7."] for a, b in codes(text)]
    ['3.11.1', '4.2.7']
    """
    used = list(taken)
    found = [m.span("code") for m in CODE.finditer(text) if not _AMOUNT.fullmatch(m["code"])]
    return [(start, end) for start, end in found if not any(a < end and start < b for a, b in used)][:_MOST]


def stands_in(code: str, passages: Sequence[Passage]) -> Passage | None:
    """Return the first passage that has the code, as a whole or as the beginning of a longer one: 4.2 of 4.2.1."""
    wanted = re.compile(rf"(?<![\d.]){re.escape(code)}(?!\d)")
    return next((passage for passage in passages if wanted.search(passage.text)), None)
