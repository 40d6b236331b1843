"""Where a question's words stand in a text: the same words, seen the same way, that keyword search and coverage count."""

from __future__ import annotations

from collections.abc import Sequence

from rag.store.keywords import word_spans


def word_marks(text: str, terms: Sequence[str]) -> list[tuple[int, int]]:
    """Return (start, end) of each word of `text` whose stem is one of `terms` (as `SearchResult.terms` has them), in order.

    >>> word_marks("Thresholds are numbers.", ("threshold", "number"))
    [(0, 10), (15, 22)]
    """
    wanted = frozenset(terms)
    return [(start, end) for start, end, stem in word_spans(text) if stem in wanted]
