"""A conversation as one HTML file to hand on: what was asked and answered, and for each claim the place that says it.

Nothing in the file runs or loads: no script, no address beyond the file, pictures as data, its own style by hash. The policy in
its head has a browser hold it to that, whatever a document or a model wrote.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rag.reporting.marks import answer_nodes, legend
from rag.reporting.pictures import Pictures
from rag.reporting.points import open_points, words_of
from rag.reporting.searched import Facts, about_collections
from rag.reporting.sources import Source, place_of, sources
from rag.reporting.trees import Node, as_html, el, plain, visible
from rag.reporting.words import count, duration, narrowed, pages_text, price, price_of, tokens, total
from rag.store.conversations import Conversation, Turn
from rag.types import (
    Answer,
    CheckSummary,
    Citation,
    Fingerprint,
    Paid,
    SearchOptions,
    SearchResult,
    SecondCheck,
    TurnRecord,
)

if TYPE_CHECKING:
    from rag.workbench import Workbench

_STYLE = Path(__file__).with_name("report.css")
_TITLE_CHARACTERS = 200
_ENDS = {
    "stopped": "This answer was stopped before its end.",
    "length": "This answer was cut off at its length limit.",
    "refused": "The model declined to answer.",
    "failed": "This answer failed before its end.",
}
_SEARCHED = {"hybrid": "words and meaning", "semantic": "meaning", "keyword": "words"}


def report(bench: Workbench, conversation: Conversation, *, turn_id: str = "", at: datetime | None = None) -> bytes:
    """Return the report of a conversation, or of one turn of it, as the bytes of an HTML file.

    `at` is the time that it bears, now when None. Documents that are gone are quoted without a picture.
    """
    turns = [turn for turn in conversation.turns if turn_id in ("", turn.stream_id)]
    title = turns[0].question if turn_id and turns else conversation.title
    pictures = Pictures(bench)
    of_all, of_each = about_collections(bench, turns)
    body = as_html(
        _head(bench, turns, title, of_all, at or datetime.now(UTC)),
        *(_turn(bench, turn, number, pictures, title, of_each[number - 1]) for number, turn in enumerate(turns, 1)),
        *_documents(turns),
        el("footer", "This file is complete in itself: nothing in it runs, and nothing is loaded from elsewhere."),
    )
    return _page(title, body).encode("utf-8", "replace")


def one_answer(result: SearchResult, answer: Answer, searched: Fingerprint) -> Conversation:
    """Return an answer that belongs to no conversation as one that `report` takes; `searched` is what was held when it was asked."""
    of = result.collection
    turn = Turn(
        result.question, answer, "complete", "", datetime.now(UTC), collection=of.name, collection_id=of.id, searched=searched
    )  # fmt: skip
    return Conversation("", result.question, of.name, (turn,))


def report_name(title: str) -> str:
    """Return a file name made of the words of a title."""
    return ("-".join(re.findall(r"\w+", title.casefold()))[:60].strip("-") or "report") + ".html"


@lru_cache(maxsize=1)
def _style() -> str:
    return _STYLE.read_text(encoding="utf-8")


def _page(title: str, body: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(visible(title, _TITLE_CHARACTERS))}</title>\n<style>{_style()}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


# --- the head -------------------------------------------------------------------------------------------------------


def _head(bench: Workbench, turns: Sequence[Turn], title: str, about: Facts, at: datetime) -> Node:
    asked = "Answer" if len(turns) == 1 else f"Conversation, {count(len(turns), 'question')}"
    return el(
        "header",
        el("p.kicker", f"{asked} · {at:%d %B %Y, %H:%M} UTC"),
        el("h1", visible(title, _TITLE_CHARACTERS)),
        _facts(*about, *_taken(bench, turns)),
    )


def _taken(bench: Workbench, turns: Sequence[Turn]) -> Iterator[tuple[str, str]]:
    """Yield what all answers and second checks took together."""
    answers = [turn.answer.paid for turn in turns if turn.answer]
    records = [bench.turns.record(turn.stream_id) for turn in turns if turn.stream_id]
    checks = [record.checked for record in records if record and record.checked.calls]
    yield "Tokens", tokens(sum((*answers, *checks), Paid()).usage)
    yield "Cost", total(answers, "answer")
    if checks:
        yield "Second checks", f"{total(checks, 'check')} more"
        yield "Together", total([*answers, *checks], "part")


def _facts(*pairs: tuple[str, str]) -> Node:
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in pairs if value))


# --- turns ----------------------------------------------------------------------------------------------------------


def _turn(bench: Workbench, turn: Turn, number: int, pictures: Pictures, title: str, about: Facts) -> Node:
    asked = plain(turn.question)
    question = el("h2.question", asked) if number > 1 or asked != visible(title, _TITLE_CHARACTERS) else None
    if turn.answer is None:
        return el("section.turn", question, el("p.notice", "This answer was still being written."))
    answer, found = turn.answer, sources(turn.answer)
    record = bench.turns.record(turn.stream_id) if turn.stream_id else None
    return el(
        "section.turn",
        question,
        el("div.said", *answer_nodes(answer, lambda citation: _marker(citation, number, found))),
        *(el("p.notice", visible(sentence, 600)) for sentence in _notices(answer)),
        *_steps(answer),
        *_checks(answer),
        *_second(answer, record.second if record else None),
        _facts(*_about_answer(turn, answer, record), *about),
        *_quotes(number, found, pictures),
    )


def _steps(answer: Answer) -> Iterator[Node]:
    """Yield what the model did before it answered."""
    if answer.steps:
        yield el("h3", "How it was researched")
        rows = (f"{visible(s.tool)}: {visible(s.asked, 200)} → {visible(s.found, 300)}" for s in answer.steps)
        yield el("ol.steps", *(el("li", row) for row in rows))


def _notices(answer: Answer) -> list[str]:
    told = [sentence for sentence in (answer.error, answer.note) if sentence]
    return told or ([_ENDS[answer.finish]] if answer.finish in _ENDS else [])


def _about_answer(turn: Turn, answer: Answer, record: TurnRecord | None) -> Iterator[tuple[str, str]]:
    yield "Model", "none was asked" if answer.asked_nobody else visible(answer.model, 80)
    yield "Kind", answer.label if answer.found else ""
    yield "Tokens", tokens(answer.usage)
    yield "Cost", price_of(answer)
    if record is not None and record.checked.calls:
        yield "Second check", f"{price(record.checked)} more, {tokens(record.checked.usage)}"
    yield "Time", f"first words {duration(answer.ttft_ms)}, whole {duration(answer.duration_ms)}"
    yield "Asked", f"{turn.created_at:%d %b %Y, %H:%M} UTC"
    yield "Profile", visible(answer.profile, 80)
    if record is not None:
        yield "Searched", _searched(record.search)
        yield "Searched for", visible(record.searched_for, 300) if record.searched_for != turn.question else ""
        yield "Style", visible(record.generate.style, 40) if record.sent else ""


def _searched(options: SearchOptions) -> str:
    told = f"by {_SEARCHED[options.mode]}, at most {count(options.top_k, 'excerpt')}"
    if options.similarity_threshold is not None:
        told += f" scoring {options.similarity_threshold:.2f} or more"
    return ", ".join(filter(None, (told, visible(narrowed(options), 400))))


# --- sources --------------------------------------------------------------------------------------------------------


def _place(turn: int, index: int) -> str:
    return f"source-{turn}-{index}"


def _marker(citation: Citation, turn: int, found: list[Source]) -> Node:
    title = f"{visible(citation.hit.document_name)} {pages_text(citation.pages)}: “{visible(citation.quote, 300)}”"
    place = _place(turn, place_of(citation, found) + 1)
    return el("a.marker", str(citation.marker), href=f"#{place}", title=title)


def _quotes(turn: int, found: list[Source], pictures: Pictures) -> Iterator[Node]:
    if found:
        yield el("h3", "What it rests on")
    for index, source in enumerate(found, 1):
        citation = source.citation
        yield el(
            "article.source",
            el(
                "div.row",
                el("span.number", str(citation.marker)),
                el("strong", visible(citation.hit.document_name)),
                el("span.muted", pages_text(citation.pages)),
                el("span.muted", visible(citation.hit.chunk.heading)),
            ),
            el("div.quote", plain(" ".join(citation.quote.split()))),
            *pictures.of(citation),
            id=_place(turn, index),
        )


def _documents(turns: Sequence[Turn]) -> Iterator[Node]:
    """Yield the list of the documents that are cited, with the hash of each file."""
    cited = {c.hit.chunk.document_id: c.hit.document_name for t in turns if t.answer for c in t.answer.citations}
    if cited:
        rows = [el("tr", el("td", visible(name)), el("td", el("code", key))) for key, name in sorted(cited.items())]
        yield el("section.documents", el("h3", "Documents cited, with the SHA-256 of each file"), el("table", *rows))


# --- checks ---------------------------------------------------------------------------------------------------------


def _checks(answer: Answer) -> Iterator[Node]:
    """Yield the summary of the checks and, in words, what is not supported: paper has no tooltips."""
    counts = CheckSummary.of(answer.checks)
    if not str(counts):
        return
    whole = counts.sentences == counts.sentences_supported and counts.figures == counts.figures_supported
    yield el("div.checks", el("span.chip.good" if whole else "span.chip.warn", str(counts)), legend(answer))
    rows = [el("tr", el("td", quoted), el("td", found)) for quoted, found in open_points(answer)]
    if rows:
        yield el("table.open", *rows)


def _second(answer: Answer, found: SecondCheck | None) -> Iterator[Node]:
    """Yield what a second model said of the answer."""
    if found is None:
        return
    yield el("p.kicker", f"Second check by {visible(found.model, 80)}: {found}.")
    rows = [
        el("tr", el("td", words_of(answer, v.start, v.end)), el("td", visible(v.reason or v.verdict, 300)))
        for v in found.verdicts
        if v.verdict != "supported"
    ]
    if rows:
        yield el("table.open", *rows)
