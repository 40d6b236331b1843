"""Find the words of a chunk that a claim rests on, as exact offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from rag.generation.checking.evidence import Passage
from rag.generation.checking.figures import Sentence, check_figures
from rag.generation.checking.meaning import Meaning
from rag.generation.checking.support import share
from rag.generation.checking.words import told_stems
from rag.text import is_heading_line

Span = tuple[int, int]

_QUOTED = re.compile(r"[\"“„«](?P<inside>[^\"“”„«»\n]{12,400})[\"”»]")
_FOLDED = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("【［〔", "["),
    **dict.fromkeys("】］〕", "]"),
    "…": "...",
}
_SECOND_ADDS = 0.12
"""How much more of a claim the next sentence must hold to be quoted too."""
_NAMES = 0.5
"""What the names of a claim count together in the choice of a quote, in shares of the claim's words."""
_NUMBER = 1.0
"""What a number or a date counts: as much as all words, so that the quote is the sentence that holds the claim's figure."""


def locate(quote: str, text: str) -> Span | None:
    """Return where a text has a quote, whatever the blanks, line breaks, case, quotation marks and hidden characters.

    >>> locate("the “first”  half", 'It is the "first"\\nhalf.')
    (6, 22)
    """
    wanted, _ = _comparable(quote)
    wanted = wanted.strip(" ")
    if not wanted:
        return None
    there, places = _comparable(text)
    at = there.find(wanted)
    return None if at < 0 else (places[at], places[at + len(wanted) - 1] + 1)


def _comparable(text: str) -> tuple[str, list[int]]:
    """Return a text made comparable, and for each of its characters the offset that it comes from."""
    signs: list[str] = []
    places: list[int] = []
    for at, sign in enumerate(text):
        for plain in _plain(sign):
            if plain == " " and (not signs or signs[-1] == " "):
                continue
            signs.append(plain)
            places.append(at)
    return _without_parted_brackets("".join(signs), places)


def _plain(sign: str) -> Iterator[str]:
    if sign.isascii() and sign.isprintable():
        yield sign.lower()
    elif sign.isspace():
        yield " "
    elif sign in _FOLDED:
        yield from _FOLDED[sign]
    elif unicodedata.category(sign) not in ("Cf", "Cc", "Mn"):
        yield from unicodedata.normalize("NFKC", sign).casefold()


def _without_parted_brackets(text: str, places: list[int]) -> tuple[str, list[int]]:
    """Undo the blanks in `[ 7 ]`, which the prompt puts into a document's bracketed numbers."""
    keep = [True] * len(text)
    for found in re.finditer(r"\[( ?)\d[^\[\]]{0,60}?( ?)\]", text):
        for group in (1, 2):
            if found.group(group):
                keep[found.start(group)] = False
    return "".join(s for s, k in zip(text, keep, strict=True) if k), [p for p, k in zip(places, keep, strict=True) if k]


def best_quote(claim: str, passage: Passage, meaning: Meaning | None = None) -> Span:
    """Return the span of a passage's text that a claim rests on: words that it quotes, else a sentence or two in a row.

    Where nothing of the claim stands in the passage it is the whole passage, without the white space around it.
    """
    if (verbatim := _verbatim(claim, passage.text)) is not None:
        return verbatim
    scores = _scores(claim, passage, meaning)
    scores = [
        0.0 if is_heading_line(passage.text[slice(*span)]) else score
        for score, span in zip(scores, passage.sentences, strict=True)
    ]
    if not scores or max(scores) <= 0:
        return _whole(passage.text)
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    first, last = _with_neighbour(claim, passage, best)
    return passage.sentences[first][0], passage.sentences[last][1]


def _verbatim(claim: str, text: str) -> Span | None:
    spans = [span for m in _QUOTED.finditer(claim) if (span := locate(m["inside"], text)) is not None]
    return max(spans, key=lambda span: span[1] - span[0], default=None)


def _scores(claim: str, passage: Passage, meaning: Meaning | None) -> list[float]:
    """Return how well each sentence of a passage carries a claim; 0 for one that has nothing of it."""
    stems = told_stems(claim, 0, len(claim))
    words = [share(stems, there) if stems else 0.0 for there in passage.stems]
    numbers, named = _figures(claim, passage)
    scores = [
        w + _NUMBER * len(_within(numbers, span)) + _NAMES * len(_within(named, span)) / max(1, len(named))
        for w, span in zip(words, passage.sentences, strict=True)
    ]
    if meaning is None or max(scores, default=0.0) >= 0.6:
        return scores
    return [s + max(0.0, meaning.to_sentence(claim, passage, i) - 0.4) for i, s in enumerate(scores)]


Places = list[list[int]]
"""For each figure of a claim, where a passage has it."""


def _figures(claim: str, passage: Passage) -> tuple[Places, Places]:
    """Return the numbers and dates of a claim that the passage supports, and its names."""
    found: dict[bool, Places] = {True: [], False: []}
    for check in check_figures(Sentence(claim, passage.capitals), [passage]):
        if check.verdict == "supported" and check.found_as:
            found[check.kind != "name"].append(_places(check.found_as, passage.text))
    return found[True], found[False]


def _places(words: str, text: str) -> list[int]:
    """Return where a text has these words whole: the 5 of "5 euros", not that of 2025."""
    return [m.start() for m in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text)]


def _within(figures: Places, span: Span) -> set[int]:
    """Return which of the figures stand in a span."""
    return {i for i, places in enumerate(figures) if any(span[0] <= at < span[1] for at in places)}


def _with_neighbour(claim: str, passage: Passage, best: int) -> Span:
    """Return the first and last sentence: the best one, with a neighbour that adds a number or a good part of the claim."""
    stems = told_stems(claim, 0, len(claim))
    numbers, _ = _figures(claim, passage)
    alone = _within(numbers, passage.sentences[best])
    gains = [
        (
            len(_within(numbers, passage.sentences[i]) - alone),
            share(stems, passage.stems[best] | passage.stems[i]) - share(stems, passage.stems[best]) if stems else 0.0,
            i,
        )
        for i in (best - 1, best + 1)
        if 0 <= i < len(passage.stems)
    ]
    figures, words, other = max(gains, default=(0, 0.0, best), key=lambda gain: gain[:2])
    return (min(best, other), max(best, other)) if figures or words >= _SECOND_ADDS else (best, best)


def _whole(text: str) -> Span:
    start = len(text) - len(text.lstrip())
    return (start, max(start, len(text.rstrip()))) if text.strip() else (0, len(text))


def stands_in(tail: str, texts: Sequence[str]) -> bool:
    """Tell whether one of the texts has the end of a quotation, bracketed number and all, word for word."""
    words = tail.split()[-6:]
    return len(words) > 1 and any(locate(" ".join(words), text) is not None for text in texts)
