"""What the checks of an answer left open, in words: a tooltip can be neither printed nor sent as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.generation.claims import bared
from rag.reporting.marks import about_sentence
from rag.reporting.trees import visible
from rag.types import WORKED_OUT, Answer, FigureCheck, SentenceCheck

_WORDS_CHARACTERS = 240


def open_points(answer: Answer) -> Iterator[tuple[str, str]]:
    """Yield (words of the answer, what was found) of each sentence that is not supported or has a figure that is not."""
    for check in answer.checks:
        if found := _found(check):
            yield words_of(answer, check.start, check.end), found


def words_of(answer: Answer, start: int, end: int) -> str:
    """Return what a sentence of an answer says, without its markers and Markdown; of a row of a table its cells."""
    words = visible(bared(answer.text, start, end)[0], _WORDS_CHARACTERS)
    is_row = words.startswith("|")
    return re.sub(r"\s*\|\s*", " · ", words.strip("| ")) if is_row else words


def _found(check: SentenceCheck) -> str:
    """Return what was found of a sentence and its figures; what has no source is not held against one."""
    told = "" if check.verdict == "supported" else about_sentence(check)
    wrong = [] if check.verdict == "no_citation" else [f for f in check.figures if f.verdict != "supported"]
    missing = [visible(f.text) for f in wrong if f.verdict != "contradicted" and not f.found_as.startswith(WORKED_OUT)]
    said = [told, *(_one(f) for f in wrong if visible(f.text) not in missing)]
    return " ".join(filter(None, [*said, f"Not in the source: {', '.join(missing)}." if missing else ""]))


def _one(figure: FigureCheck) -> str:
    text = visible(figure.text)
    if figure.found_as.startswith(WORKED_OUT):
        return f"{text} was {visible(figure.found_as, 160)}."
    return (
        f"{text}: the source says {visible(figure.found_as, 120)}."
        if figure.found_as
        else f"{text}: the source says otherwise."
    )
