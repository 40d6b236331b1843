"""An answer's text with its markers and its checks in their places, for a page and for a file alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from rag.reporting.model_text import markdown, verbatim
from rag.reporting.trees import Child, Node, el, plain, visible
from rag.types import WORKED_OUT, Answer, Citation, FigureCheck, GenerateOptions, SentenceCheck

DrawMarker = Callable[[Citation], Node]
"""Draws the `[n]` behind which a citation stands."""

_EXTRACTS = GenerateOptions().model
_MARKER = re.compile(r" ?\[(\d{1,3})\]")
_TAIL = re.compile(r"[.,;:!?)”’\"']{1,3}")
_LEGEND = {
    "partly": "partly in the source",
    "not_found": "not in the cited source",
    "no_citation": "no source given",
    "figure": "figure differs or is missing",
}


def answer_nodes(answer: Answer, marker: DrawMarker) -> list[Node]:
    """Return the text of an answer as nodes: a model's as Markdown, extracts and our own sentences as they stand."""
    ours = answer.model == _EXTRACTS or answer.finish == "not_found"
    return (verbatim if ours else markdown)(answer.text, _Pieces(answer, marker).piece)


class _Pieces:
    """Draws pieces of an answer's text by their offsets."""

    def __init__(self, answer: Answer, marker: DrawMarker) -> None:
        self._marker = marker
        self._checks = sorted(answer.checks, key=lambda check: check.start)
        self._figures = [f for check in self._checks for f in check.figures if f.verdict != "supported"]
        self._by_place = {c.at: c for c in answer.citations if c.at is not None}
        self._by_marker: dict[int, Citation] = {}
        for citation in answer.citations:
            if citation.at is None:  # of an answer stored before markers had places: only the number binds it
                self._by_marker.setdefault(citation.marker, citation)

    def piece(self, text: str, at: int) -> list[Child]:
        """Return a piece of text; `[n]` is a marker where a citation stands behind it, else the text that it is."""
        children: list[Child] = []
        place = 0
        for found in _MARKER.finditer(text):
            bracket = at + found.start() + len(found[0]) - len(found[0].lstrip())
            cited = self._by_place.get(bracket) or self._by_marker.get(int(found[1]))
            if cited is None:
                continue
            children += self._checked(text[place : found.start()], at + place)
            tail = _TAIL.match(text, found.end())
            place = tail.end() if tail else found.end()
            # joined, so that no line begins with the full stop behind a marker
            children += [" ", el("span.joined", self._marker(cited), text[found.end() : place])]
        return children + self._checked(text[place:], at + place)

    def _checked(self, text: str, at: int) -> list[Child]:
        """Return a piece cut where the verdict changes, each part under its mark."""
        end = at + len(text)
        spans = [(c.start, c.end) for c in self._checks] + [(f.start, f.end) for f in self._figures]
        cuts = sorted({at, end} | {edge for span in spans for edge in span if at < edge < end})
        return [self._mark(text[low - at : high - at], low) for low, high in pairwise(cuts)]

    def _mark(self, text: str, at: int) -> Child:
        if not any(c.isalnum() for c in text):
            return plain(text)
        figure = next((f for f in self._figures if f.start <= at < f.end), None)
        check = next((c for c in self._checks if c.start <= at < c.end), None)
        if figure is not None:
            is_cited = check is None or check.verdict != "no_citation"
            return el("span.mark.figure", plain(text), title=about_figure(figure, is_cited=is_cited))
        if check is None or check.verdict == "supported":
            return plain(text)
        return el(f"span.mark.{check.verdict}", plain(text), title=about_sentence(check))


def about_sentence(check: SentenceCheck) -> str:
    """Return what was found of a sentence that is not supported."""
    told = {
        "partly": "The cited source says part of this.",
        "not_found": "The cited source does not say this.",
        "no_citation": "No source is given for this.",
    }.get(check.verdict, "")
    return told + (f" Excerpt [{check.where}] says it." if check.where is not None else "")


def about_figure(figure: FigureCheck, *, is_cited: bool = True) -> str:
    """Return what was found of a figure that is not supported; one that no source is given for was looked for in all."""
    if not is_cited:
        otherwise = (
            f"; an excerpt says {visible(figure.found_as, 120)}"
            if figure.verdict == "contradicted" and figure.found_as
            else ", and no excerpt has it"
        )
        return f"No source is given for this{otherwise}."
    if figure.verdict == "contradicted":
        return f"The source says {visible(figure.found_as, 120)}." if figure.found_as else "The source says otherwise."
    if figure.found_as.startswith(WORKED_OUT):
        return f"This does not stand in the source; it was {visible(figure.found_as, 160)}."
    return "This does not stand in the cited source."


def legend(answer: Answer) -> Node | None:
    """Return what the marks that stand in this answer mean; None when there are none."""
    kinds = {c.verdict for c in answer.checks if c.verdict != "supported"}
    has_figure = any(f.verdict != "supported" for c in answer.checks for f in c.figures)
    shown = [kind for kind in _LEGEND if kind in kinds or (kind == "figure" and has_figure)]
    if not shown:
        return None
    return el("div.legend", *(el("span", el(f"span.mark.{kind}", "abc"), f" {_LEGEND[kind]}") for kind in shown))
