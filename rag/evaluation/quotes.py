"""Find quoted words in a document's text, however their lines are broken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

Span = tuple[int, int]

_BETWEEN = r"[\s\-‐‑–—−\u00ad\u200b\ufffe]*"
"""What may stand between any two letters without meaning anything: white space, and hyphens as they come and go at line ends."""
_ALIKE = {sign: f"[{group}]" for group in ("'‘’‚`´", '"“”„«»') for sign in group}
_LIGATURES = {"fi": "ﬁ", "fl": "ﬂ", "ff": "ﬀ"}
_LEAST_LETTERS = 3
_LONGEST = 5000  # characters: beyond it a quote is found by its beginning alone


def locate(text: str, quote: str, *, within: Span | None = None, near: int = 0) -> Span | None:
    """Return where `quote` stands in `text`; None when it does not, or is too short to mean a place.

    White space, hyphens, letter case and the form of quotation marks do not count. `within` limits the search; of several
    places the one that begins closest to `near` is taken.

    >>> locate("The dead-\\nline  is “May”.", 'deadline is "May"')
    (4, 24)
    """
    low, high = within or (0, len(text))
    if text[near : near + len(quote)] == quote.strip() != "" and low <= near:
        return near, near + len(quote)
    found = list(_exact(text, quote.strip(), low, high)) or list(_loose(text, quote, low, high))
    return min(found, key=lambda span: abs(span[0] - near), default=None)


def _exact(text: str, quote: str, low: int, high: int) -> Iterator[Span]:
    at = text.find(quote, low, high) if len(quote) >= _LEAST_LETTERS else -1
    while at >= 0:
        yield at, at + len(quote)
        at = text.find(quote, at + 1, high)


def _loose(text: str, quote: str, low: int, high: int) -> Iterator[Span]:
    letters = re.sub(_BETWEEN, "", unicodedata.normalize("NFKC", quote))[:_LONGEST]
    if len(letters) >= _LEAST_LETTERS:
        pattern = re.compile(_BETWEEN.join(_signs(letters)), re.IGNORECASE)
        yield from (match.span() for match in pattern.finditer(text, low, high))


def _signs(letters: str) -> Iterator[str]:
    """Yield a pattern for each letter, or for each pair that a font may have drawn as one sign."""
    place = 0
    while place < len(letters):
        pair = letters[place : place + 2]
        if ligature := _LIGATURES.get(pair):
            yield f"(?:{ligature}|{pair[0]}{_BETWEEN}{pair[1]})"
            place += 2
        else:
            yield _ALIKE.get(letters[place]) or re.escape(letters[place])
            place += 1
