"""A conversation as a Markdown file: questions, answers, the quotes with document and page, settings and cost.

What a model or a document says goes in as text: an image or HTML in it would be fetched or run by whoever opens the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import rag
from pages.parts.safe_text import visible
from pages.parts.shared import duration, pages_text
from rag.types import CheckSummary

if TYPE_CHECKING:
    from rag import Workbench
    from rag.reporting import Facts, Source
    from rag.store.conversations import Conversation, Turn
    from rag.types import Answer, TurnRecord


def conversation(bench: Workbench, found: Conversation) -> str:
    """Return the whole conversation."""
    of_all, of_each = rag.reporting.about_collections(bench, found.turns)
    parts = [f"# {_line(found.title)}", _pairs(of_all)]
    for turn, of_this in zip(found.turns, of_each, strict=True):
        parts += _turn(turn, bench.turns.record(turn.stream_id))
        parts += [f"*{_pairs(of_this)}*"] if of_this else []
    return "\n\n".join(parts) + "\n"


def file_name(title: str) -> str:
    words = re.findall(r"\w+", title.casefold())
    return ("-".join(words)[:60] or "conversation") + ".md"


def _turn(turn: Turn, record: TurnRecord | None) -> Iterator[str]:
    yield f"## {_line(turn.question)}"
    if turn.searched_for:
        yield f"*Searched for: {_line(turn.searched_for)}*"
    if turn.answer is None:
        yield "*Still being written.*"
        return
    yield _inert(turn.answer.text) or "*No answer.*"
    for sentence in filter(None, (turn.answer.error, turn.answer.note)):
        yield f"*{_line(sentence)}*"
    if rows := [f"- “{_inert(words)}” {_inert(found)}" for words, found in rag.reporting.open_points(turn.answer)]:
        yield "**Not supported by the sources**"
        yield "\n".join(rows)
    if rows := [_source(group) for group in rag.reporting.by_marker(rag.reporting.sources(turn.answer))]:
        yield "**Sources**"
        yield "\n".join(rows)
    yield f"*{_line(' · '.join(_facts(turn.answer, record)))} · {turn.created_at:%Y-%m-%d %H:%M} UTC*"


def _pairs(facts: Facts) -> str:
    return _line(" · ".join(f"{name}: {value}" for name, value in facts))


def _source(group: list[Source]) -> str:
    """Return a source with its quotes."""
    first = group[0].citation
    pages = tuple(sorted({page for source in group for page in source.citation.pages}))
    quotes = " … ".join(f"“{_line(source.citation.quote)}”" for source in group)
    return f"- [{first.marker}] {_line(first.hit.document_name)} {pages_text(pages)}: {quotes}"


def _facts(answer: Answer, record: TurnRecord | None) -> Iterator[str]:
    yield "no model was asked for an answer" if answer.asked_nobody else answer.model
    if answer.finish not in ("complete", "not_found"):
        yield f"incomplete ({answer.finish})"
    if summary := str(CheckSummary.of(answer.checks)):
        yield summary
    if record is not None and (only := rag.reporting.narrowed(record.search)):
        yield f"searched {only}"
    yield f"answered within {duration(answer.duration_ms)}"
    if used := rag.reporting.tokens(answer.usage):
        yield f"tokens {used}"
    yield f"cost {rag.reporting.price_of(answer)}"
    if record is not None and record.checked.calls:
        yield f"second check: {rag.reporting.tokens(record.checked.usage)}, cost {rag.reporting.price(record.checked)}"


def _line(text: str) -> str:
    return _inert(visible(text, 2000))


def _inert(text: str) -> str:
    """Return text in which no reader of Markdown finds an image, HTML, or an address to follow."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\\[").replace("](", "]\\(")
    return re.sub(r"(?m)^(\s{0,3}\[[^\]\n]*\]):", r"\1\\:", text)
