"""An answer's text with its markers as buttons and its checks as quiet underlines."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from pages.parts.model_text import Child, markdown, plain, verbatim
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import pages_text

if TYPE_CHECKING:
    from rag.types import Answer, Citation, FigureCheck, SentenceCheck

EXTRACTS = "local/extractive"
_MARKER = re.compile(r" ?\[(\d{1,3})\]")
_TAIL = re.compile(r"[.,;:!?)”’\"']{1,3}")
_LEGEND = {
    "partly": "partly in the source",
    "not_found": "not in the cited source",
    "no_citation": "no source given",
    "figure": "figure differs or is missing",
}


def picks(answer: Answer, turn_id: str) -> dict[str, Citation]:
    """Return the citations by the name that picks them: "turn:marker", and "turn:marker@offset" for a marker used again."""
    found: dict[str, Citation] = {}
    for citation in answer.citations:
        name = f"{turn_id}:{citation.marker}"
        found[name if name not in found else f"{name}@{citation.at}"] = citation
    return found


class Drawn:
    """The text of one answer as nodes."""

    def __init__(self, answer: Answer, turn_id: str, current: str) -> None:
        self._answer, self._current = answer, current
        self._checks = sorted(answer.checks, key=lambda check: check.start)
        self._figures = [f for check in self._checks for f in check.figures if f.verdict != "supported"]
        self._by_place: dict[int, tuple[str, Citation]] = {}
        self._by_marker: dict[int, tuple[str, Citation]] = {}
        for name, citation in picks(answer, turn_id).items():
            self._by_marker.setdefault(citation.marker, (name, citation))
            if citation.at is not None:
                self._by_place[citation.at] = (name, citation)

    def nodes(self) -> list[Node]:
        """Return the text: a model's as Markdown, extracts and our own sentences as they stand."""
        ours = self._answer.model == EXTRACTS or self._answer.finish == "not_found"
        return (verbatim if ours else markdown)(self._answer.text, self._piece)

    def _piece(self, text: str, at: int) -> list[Child]:
        """Return a piece of text; `[n]` is a button where a citation stands behind it, else the text that it is."""
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
            children += [" ", el("span.joined", _marker(*cited, self._current), text[found.end() : place])]
        return children + self._checked(text[place:], at + place)

    def _checked(self, text: str, at: int) -> list[Child]:
        """Return a piece cut where the verdict changes, each part under its mark."""
        end = at + len(text)
        spans = [(c.start, c.end) for c in (*self._checks, *self._figures)]
        cuts = sorted({at, end} | {edge for span in spans for edge in span if at < edge < end})
        return [self._mark(text[low - at : high - at], low) for low, high in pairwise(cuts)]

    def _mark(self, text: str, at: int) -> Child:
        if not any(c.isalnum() for c in text):
            return plain(text)
        figure = next((f for f in self._figures if f.start <= at < f.end), None)
        if figure is not None:
            return el("span.mark.figure", plain(text), title=_about_figure(figure))
        check = next((c for c in self._checks if c.start <= at < c.end), None)
        if check is None or check.verdict == "supported":
            return plain(text)
        return el(f"span.mark.{check.verdict}", plain(text), title=_about(check))


def _about(check: SentenceCheck) -> str:
    said = {
        "partly": "The cited source says part of this.",
        "not_found": "The cited source does not say this.",
        "no_citation": "No source is given for this.",
    }[check.verdict]
    return said + (f" Excerpt {check.where} says it." if check.where is not None else "")


def _about_figure(figure: FigureCheck) -> str:
    if figure.verdict == "contradicted":
        return f"The source says {visible(figure.found_as, 120)}." if figure.found_as else "The source says otherwise."
    return "This does not stand in the cited source."


def _marker(name: str, citation: Citation, current: str) -> Node:
    tip = el(
        "span.tip",
        el("span.strong", f"{visible(citation.hit.document_name, 70)} {pages_text(citation.pages)}"),
        el("br"),
        f"“{visible(citation.quote, 420)}”",
    )
    look = "button.marker.current" if name == current else "button.marker"
    return el(look, str(citation.marker), tip, data_pick=name, aria_label=f"Open citation {citation.marker}")


def legend(answer: Answer) -> Node | None:
    """Return what the marks that stand in this answer mean; None when there are none."""
    kinds = {c.verdict for c in answer.checks if c.verdict != "supported"}
    has_figure = any(f.verdict != "supported" for c in answer.checks for f in c.figures)
    shown = [kind for kind in _LEGEND if kind in kinds or (kind == "figure" and has_figure)]
    if not shown:
        return None
    return el("div.legend", *(el("span", el(f"span.mark.{kind}", "abc"), f" {_LEGEND[kind]}") for kind in shown))
