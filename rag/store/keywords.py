"""Words as keyword search sees them: without case, accents and English endings.

Index, question, coverage and the marking of words on screen all go through `word_spans`, so they never disagree on what a word is.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Any

import Stemmer

# Letters and digits of any script; combining accents stay inside their word. Apostrophes and hyphens part words.
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")

STOP_WORDS = frozenset(
    "a about an and are as at be been but by can did do does for from had has have how i if in into is it its no not of on or "
    "s t that the their them there these they this to was we were what when where which who why will with you your".split()
)
"""English words that say nothing about the subject. "t" and "s" are what is left of "don't" and "it's"."""

_local = threading.local()


def terms(text: str) -> list[str]:
    """Return the stem of every word of `text` in order, repeats and stop words included.

    >>> terms("The Crème-brûlées weren't cooling")
    ['the', 'creme', 'brule', 'weren', 't', 'cool']
    """
    return [stem for stem in map(_stem, _WORD.findall(text)) if stem]


def query_terms(text: str) -> tuple[str, ...]:
    """Return the different stems of a question without stop words, in order; with them if there is nothing else.

    >>> query_terms("What is the threshold of thresholds?")
    ('threshold',)
    """
    words = _WORD.findall(text)
    telling = [word for word in words if word.casefold() not in STOP_WORDS]
    return tuple(dict.fromkeys(stem for stem in map(_stem, telling or words) if stem))


def word_spans(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, stem) of every word of `text`."""
    found = ((match.start(), match.end(), _stem(match.group())) for match in _WORD.finditer(text))
    return [span for span in found if span[2]]


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """Return the stem of one word, or "" when nothing is left of it.

    The full-text table takes each stem for one token, so no sign that parts tokens may be left in it.
    """
    if not word.isascii():
        folded = unicodedata.normalize("NFKD", word).casefold()
        word = "".join(sign for sign in folded if sign.isalnum())
    stemmed: str = _stemmer().stemWord(word.lower())
    return stemmed


def _stemmer() -> Any:
    """Return this thread's stemmer: one must not be used by two threads at a time."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("porter", 0)  # 0: no cache of its own, `_stem` has one
    return _local.stemmer
