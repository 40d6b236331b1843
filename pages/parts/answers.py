"""A conversation: questions, answers with their markers, and the citations that the markers stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pages.parts.hits import marked
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import cost, duration, pages_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag import Workbench
    from rag.types import Answer, Citation, Hit

_MARKER = re.compile(r"\[(\d{1,3})\]")
_ENDS = {
    "stopped": "Stopped: this answer is not complete.",
    "length": "The answer was cut off at its length limit.",
    "refused": "The model declined to answer.",
}


def turn(question: str, answer: Answer | None, turn_id: str, current: str = "") -> Node:
    """Return one question with its answer. A marker or citation picks "turn:marker"; `current` is the one that is open."""
    return el("section.turn", el("div.question", question), body(answer, turn_id, current) if answer else None)


def body(answer: Answer, turn_id: str, current: str) -> Node:
    return el(
        "div.answer",
        el("div.said", *_with_markers(answer.text, answer.citations, turn_id, current)) if answer.text else None,
        _end_note(answer),
        el("ul.citations", *(el("li", _citation(c, turn_id, current)) for c in answer.citations))
        if answer.citations
        else None,
        _meta(answer),
    )


def _with_markers(text: str, citations: Sequence[Citation], turn_id: str, current: str) -> list[Node | str]:
    """Return the text with each `[n]` that a citation stands behind as a button; any other stays the text that it is."""
    known = {c.marker: c for c in citations}
    children: list[Node | str] = []
    place = 0
    for found in _MARKER.finditer(text):
        citation = known.get(int(found.group(1)))
        if citation is None:
            continue
        children += [text[place : found.start()].rstrip(" "), " ", _marker(citation, turn_id, current)]
        place = found.end()
    return [*children, text[place:]]


def _marker(citation: Citation, turn_id: str, current: str) -> Node:
    pick = f"{turn_id}:{citation.marker}"
    tip = el(
        "span.tip",
        el("span.strong", f"{visible(citation.hit.document_name, 70)} {pages_text(citation.pages)}"),
        el("br"),
        f"“{visible(citation.quote, 420)}”",
    )
    look = "button.marker.current" if pick == current else "button.marker"
    return el(look, str(citation.marker), tip, data_pick=pick, aria_label=f"Open citation {citation.marker}")


def _citation(citation: Citation, turn_id: str, current: str) -> Node:
    pick = f"{turn_id}:{citation.marker}"
    look = "button.citation.current" if pick == current else "button.citation"
    return el(
        look,
        el("span.strong.num", f"[{citation.marker}]"),
        el("span.name.clip", visible(citation.hit.document_name)),
        el("span.muted", pages_text(citation.pages)),
        el("span.muted.clip", visible(citation.quote, 160)),
        data_pick=pick,
    )


def _end_note(answer: Answer) -> Node | None:
    note = answer.error or _ENDS.get(answer.finish, "")
    return el("p", el("span.chip.bad" if answer.finish == "failed" else "span.chip.warn", note)) if note else None


def _meta(answer: Answer) -> Node:
    said = answer.label if answer.found else ""
    return el(
        "div.meta",
        el("span.chip.good", said) if said else None,
        el("span.chip.warn", "Not found in these documents") if answer.finish == "not_found" else None,
        el("span", visible(answer.model, 60)) if answer.model else None,
        el("span", f"first words {duration(answer.ttft_ms)}, whole {duration(answer.duration_ms)}"),
        el("span", cost(answer.cost_usd)),
    )


def nearest(bench: Workbench, hits: Sequence[Hit], terms: Sequence[str], turn_id: str) -> list[Node]:
    """Return the best candidates of a question that nothing answers, with what each fell short by."""
    rows = [
        el(
            "li",
            el(
                "button.citation",
                el("span.chip.warn.num", f"{h.short_by:.2f} short"),
                el("span.name.clip", visible(h.document_name)),
                el("span.muted", pages_text(h.chunk.pages)),
                el("span.muted.clip", *marked(bench, visible(h.chunk.text, 160), terms)),
                data_pick=f"{turn_id}:{h.chunk.id}",
            ),
        )
        for h in hits
    ]
    return [el("div.answer", el("ul.citations", *rows))]
