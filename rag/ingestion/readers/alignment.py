"""Where the characters of a laid-out page stand among the characters that the library sees on it.

The text of a page was made by dropping lines and by changing white space, dots and hyphens, never the order. So a page is
matched with its text by going through both; what could be matched in two ways is told as such, because a box on the wrong
line is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.ingestion.readers.layout import HYPHEN

Box = tuple[float, float, float, float]
"""left, bottom, right, top in points, y going up."""
_LOOSE = frozenset(".…-" + HYPHEN)
"""Layout drops or replaces these; everything else must be the same."""
_MOST_WAYS = 16


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line as the library sees it."""

    letters: str
    """Cleaned, one character for each of `indexes`."""
    indexes: tuple[int, ...]
    may_be_dropped: bool


def align(lines: Sequence[SourceLine], text: str) -> list[dict[int, int]]:
    """Return every way to match the text with the lines, at most 16: offsets in `text` to character indexes.

    White space is in none of them. No way means that the text is not this page's.
    """
    offsets = [i for i, c in enumerate(text) if _is_solid(c)]
    solid = "".join(text[i] for i in offsets)
    letters = {i: c for line in lines for i, c in zip(line.indexes, line.letters, strict=True)}
    found = []
    for way in _ways([_solid(line) for line in lines], lines, solid):
        places = {offsets[at + n]: j for i, at in way for n, j in enumerate(_solid_indexes(lines[i]))}
        _add_loose(places, text, letters)
        found.append(places)
    return found


def _add_loose(places: dict[int, int], text: str, letters: dict[int, str]) -> None:
    """Add the dots and hyphens that follow directly on what was matched, such as the full stop of a sentence."""
    for i, letter in enumerate(text):
        if letter in _LOOSE and (before := places.get(i - 1)) is not None and letters.get(before + 1) == letter:
            places[i] = before + 1


def _is_solid(letter: str) -> bool:
    return letter not in _LOOSE and not letter.isspace()


def _solid(line: SourceLine) -> str:
    return "".join(c for c in line.letters if _is_solid(c))


def _solid_indexes(line: SourceLine) -> list[int]:
    return [i for c, i in zip(line.letters, line.indexes, strict=True) if _is_solid(c)]


def _ways(bare: Sequence[str], lines: Sequence[SourceLine], solid: str) -> list[tuple[tuple[int, int], ...]]:
    """Return the ways to use up `solid` by the lines in order, each as the (line, start in `solid`) of what it keeps."""
    came_from: list[dict[int, list[tuple[int, bool]]]] = [{0: []}]
    for letters, line in zip(bare, lines, strict=True):
        reached: dict[int, list[tuple[int, bool]]] = {}
        for at in came_from[-1]:
            if solid.startswith(letters, at):
                reached.setdefault(at + len(letters), []).append((at, bool(letters)))
            if letters and line.may_be_dropped:
                reached.setdefault(at, []).append((at, False))
        came_from.append(reached)
    open_ways: list[tuple[int, int, tuple[tuple[int, int], ...]]] = [(len(lines), len(solid), ())]
    done: list[tuple[tuple[int, int], ...]] = []
    while open_ways and len(done) < _MOST_WAYS:
        step, at, kept = open_ways.pop()
        if step == 0:
            done.append(kept)
            continue
        for before, keeps in came_from[step].get(at, ()):
            open_ways.append((step - 1, before, ((step - 1, before), *kept) if keeps else kept))
    return done


def stretches(boxes: Sequence[tuple[float, ...]]) -> list[Box]:
    """Join the boxes (left, bottom, right, top) of characters that follow each other on a line."""
    joined: list[Box] = []
    for left, bottom, right, top in boxes:
        if joined:
            a, b, c, d = joined[-1]
            if b < (bottom + top) / 2 < d and left > a - 1 and left < c + 3 * (top - bottom):
                joined[-1] = (a, min(b, bottom), max(c, right), max(d, top))
                continue
        joined.append((left, bottom, right, top))
    return joined
