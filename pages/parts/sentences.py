"""An answer's text with its markers as buttons and its checks as quiet underlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rag
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import pages_text

if TYPE_CHECKING:
    from rag.types import Answer, Citation

legend = rag.reporting.legend


def picks(answer: Answer, turn_id: str) -> dict[str, Citation]:
    """Return the citations by the name that picks them: "turn:marker", and "turn:marker@offset" for a marker used again."""
    found: dict[str, Citation] = {}
    for citation in answer.citations:
        name = f"{turn_id}:{citation.marker}"
        found[name if name not in found else f"{name}@{citation.at}"] = citation
    return found


def answer_nodes(answer: Answer, turn_id: str, current: str) -> list[Node]:
    """Return the text of an answer; each marker picks its citation, the one named `current` is open."""
    names = {id(citation): name for name, citation in picks(answer, turn_id).items()}

    def marker(citation: Citation) -> Node:
        return _marker(names.get(id(citation), f"{turn_id}:{citation.marker}"), citation, current)

    return rag.reporting.answer_nodes(answer, marker)


def _marker(name: str, citation: Citation, current: str) -> Node:
    tip = el(
        "span.tip",
        el("span.strong", f"{visible(citation.hit.document_name, 70)} {pages_text(citation.pages)}"),
        el("br"),
        f"“{visible(citation.quote, 420)}”",
    )
    look = "button.marker.current" if name == current else "button.marker"
    return el(look, str(citation.marker), tip, data_pick=name, aria_label=f"Open citation {citation.marker}")
