"""A conversation: questions, answers with their markers, and the citations that the markers stand for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import rag
from pages.parts import research
from pages.parts.hits import marked, short_text
from pages.parts.safe_text import Node, el, visible
from pages.parts.sentences import answer_nodes, legend, picks
from pages.parts.shared import count, duration, pages_text
from rag.types import CheckSummary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag import Workbench
    from rag.reporting import Source
    from rag.types import Answer, Hit

_ENDS = {
    "stopped": "This answer is not complete.",
    "length": "The answer was cut off at its length limit.",
    "refused": "The model declined to answer.",
}
_CUT_SHORT = ("failed", "stopped", "length")


def asked(question: str, searched_for: str, body: Node | None, bring: str = "", asked_of: str = "") -> Node:
    """Return a question with what there is of its answer; `bring` is an id that is scrolled into view when it first comes."""
    of = el("p.searched", "asked of ", el("span", visible(asked_of, 80))) if asked_of else None
    searched = el("p.searched", "searched for: ", el("span", visible(searched_for, 400))) if searched_for else None
    return el("section.turn", el("div.question", question), of, searched, body, bring=bring or None)


def body(answer: Answer, turn_id: str, current: str) -> Node:
    return el(
        "div.answer",
        research.steps(answer.steps, folded=True),
        el("div.said", *answer_nodes(answer, turn_id, current)) if answer.text else None,
        _end_note(answer),
        _citations(answer, turn_id, current),
        _checks(answer),
        _meta(answer),
    )


def _citations(answer: Answer, turn_id: str, current: str) -> Node | None:
    """List what is cited: a source once, with its quotes below each other."""
    names = {id(citation): name for name, citation in picks(answer, turn_id).items()}
    rows = [
        el("li", *(_citation(source, names, current, is_first=i == 0) for i, source in enumerate(group)))
        for group in rag.reporting.by_marker(rag.reporting.sources(answer))
    ]
    return el("ul.citations", *rows) if rows else None


def _citation(source: Source, names: dict[int, str], current: str, *, is_first: bool) -> Node:
    citation = source.citation
    is_open = current in [names[id(part)] for part in source.parts if id(part) in names]
    return el(
        "button.citation.current" if is_open else "button.citation",
        el("span.strong.num", f"[{citation.marker}]")
        if is_first
        else el("span.strong.num.again", f"[{citation.marker}]"),
        el("span.name.clip", visible(citation.hit.document_name)) if is_first else None,
        el("span.muted", pages_text(citation.pages)),
        el("span.muted.clip", visible(citation.quote, 160)),
        data_pick=names.get(id(source.longest)),
    )


def _end_note(answer: Answer) -> Node | None:
    """Say how it came about and, of an answer that is not whole, that it is not."""
    sentences = [answer.error, answer.note] if answer.error or answer.note else [_ENDS.get(answer.finish, "")]
    said = " ".join(visible(s, 600) for s in sentences if s)
    if not said:
        return None
    tag = _tag(answer)
    look = "bad" if answer.finish == "failed" else "warn"
    return el("p.notice", el(f"span.chip.{look}", tag) if tag else None, el("span", said))


def _tag(answer: Answer) -> str:
    """Return the one word that keeps a part of an answer from being taken for a whole one."""
    if answer.finish == "stopped":
        return "Stopped"
    if answer.finish in _CUT_SHORT and answer.text:
        return "Incomplete"
    return "No answer" if answer.finish == "failed" else ""


def _checks(answer: Answer) -> Node | None:
    """Sum up the checks of a model's answer; the words of extracts are the documents' own."""
    summary = str(CheckSummary.of(answer.checks))
    if not summary:
        return None
    counts = CheckSummary.of(answer.checks)
    whole = counts.sentences == counts.sentences_supported and counts.figures == counts.figures_supported
    return el("div.checks", el("span.chip.good" if whole else "span.chip.warn", summary), legend(answer))


def _meta(answer: Answer) -> Node:
    said = answer.label if answer.found else ""
    return el(
        "div.meta",
        el("span.chip.good", said) if said else None,
        el("span.chip.warn", "Not found in these documents") if answer.finish == "not_found" else None,
        el("span", "no model was asked for an answer" if answer.asked_nobody else visible(answer.model, 60))
        if answer.model
        else None,
        el("span", f"profile {visible(answer.profile, 60)}") if answer.profile else None,
        el("span", f"first words {duration(answer.ttft_ms)}, whole {duration(answer.duration_ms)}"),
        _tokens(answer),
        el("span", _price(answer)),
    )


def _tokens(answer: Answer) -> Node | None:
    used = answer.usage
    if not used.input_tokens and not used.output_tokens:
        return None
    about = "about " if used.estimated else ""
    reused = f" ({used.cache_read_tokens:,} cached)" if used.cache_read_tokens else ""
    return el("span", f"{about}{used.input_tokens:,} tokens in{reused}, {used.output_tokens:,} out")


def _price(answer: Answer) -> str:
    """Return what everything cost that was called for an answer; a second check comes later and says its own price."""
    said = rag.reporting.price_of(answer)
    calls = f" in {answer.calls} calls" if answer.calls > 1 else ""
    return f"cost {said}{calls}" if said.startswith("unknown") else f"{said}{calls}"


def uncited(hits: Sequence[Hit], answer: Answer, turn_id: str) -> list[Node]:
    """Return what was sent along and not cited, folded away, numbered on after what is cited; each opens like a citation."""
    cited = {citation.hit.chunk.id for citation in answer.citations}
    left = [hit for hit in hits if hit.chunk.id not in cited]
    if not left:
        return []
    rows = [
        el(
            "li",
            el(
                "button.citation",
                el("span.muted.num", f"[{number}]"),
                el("span.name.clip", visible(h.document_name)),
                el("span.muted", pages_text(h.chunk.pages)),
                el("span.muted.clip", visible(h.chunk.text, 160)),
                data_pick=f"{turn_id}:{h.chunk.id}",
            ),
        )
        for number, h in enumerate(left, len(cited) + 1)
    ]
    title = f"{count(len(left), 'more excerpt was', 'more excerpts were')} found and not cited"
    return [el("div.answer", el("details", el("summary.muted", title), el("ul.citations", *rows)))]


def without_misses(answer: Answer) -> Answer:
    """Return an answer that found nothing without the misses in its text: the list below it names them, each to be opened."""
    return replace(answer, text=answer.text.partition(" Nearest, but below the threshold")[0])


def nearest(bench: Workbench, hits: Sequence[Hit], terms: Sequence[str], turn_id: str) -> list[Node]:
    """Return the best candidates of a question that nothing answers, with what each fell short by."""
    rows = [
        el(
            "li",
            el(
                "button.citation",
                el("span.chip.warn.num", short_text(h)),
                el("span.name.clip", visible(h.document_name)),
                el("span.muted", pages_text(h.chunk.pages)),
                el("span.muted.clip", *marked(bench, visible(h.chunk.text, 160), terms)),
                data_pick=f"{turn_id}:{h.chunk.id}",
            ),
        )
        for h in hits
    ]
    return [el("div.answer", el("ul.citations", *rows))]
