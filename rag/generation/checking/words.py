"""The words of a text that say something, as stems."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.store.keywords import STOP_WORDS, terms, word_spans

Span = tuple[int, int]

_HELPERS = frozenset(
    stem
    for word in (
        "also according however therefore thus while than then such may might must shall should would could only up out over per about "
        "so any all each both more most some other its our his her he she us me my one been being were had "
        "because since during between through under within until upon still yet just very much many several various overall further "
        "already now currently today off away together again too he's whereas although though after before"
    ).split()
    for stem in terms(word)
)
SILENT = frozenset(stem for word in STOP_WORDS for stem in terms(word)) | _HELPERS
"""Stems that do not count when two sentences are compared."""
_LETTER = re.compile(r"(?<=[a-z] )[A-HJ-Z](?![\w.’'])")
_DIGIT = re.compile(r"\d")


def told_stems(text: str, start: int, end: int, without: Sequence[Span] = ()) -> frozenset[str]:
    """Return the stems of a part of a text that count, numbers and the spans `without` left out.

    A capital letter alone, as in plant A, stays a capital: it tells things apart, the article does not.
    """
    part = text[start:end]
    stems = {
        stem
        for a, b, stem in word_spans(part)
        if stem not in SILENT
        and not _DIGIT.search(stem)
        and not any(s < start + b and start + a < e for s, e in without)
    }
    return frozenset(stems | set(_LETTER.findall(part)))
