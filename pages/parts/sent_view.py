"""How one answer came about: what was searched for, what a model was given word for word, and what was left out and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rag
from pages.parts.safe_text import Node, draw, el, visible
from pages.parts.shared import count, pages_text
from rag import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.store.conversations import Turn
    from rag.types import Answer, Hit, Sent, TurnRecord

_BEFORE = {"user": "You", "assistant": "Answer before"}
_REWRITING = {"system": "Instructions", "user": "Conversation and question"}
_BEHIND = {"user": "Request to go on", "assistant": "The model", "tool": "Result of a tool"}


def show(bench: Workbench, turn: Turn) -> None:
    """Draw it from what is stored, so that it is there after a restart as well."""
    record = bench.turns.record(turn.stream_id)
    if record is None:
        draw(el("div.empty.slim", el("p", "This answer is from before such records were kept.")), key="ask.sent.none")
        return
    draw(*_nodes(record, turn), key="ask.sent")


def _nodes(record: TurnRecord, turn: Turn) -> Iterator[Node]:
    answer = turn.answer
    settings = [("Collection", visible(turn.collection, 80)), *_settings(record, answer)]
    yield el("table.facts-table", el("tbody", *(_line(name, value) for name, value in settings if value)))
    if record.sent is None:
        where = "Read on this machine" if record.generate.model.startswith("local/") else "Found"
        yield _list(f"{where}; {'none of it' if record.rewriting else 'nothing'} was sent", record.hits, answer)
        yield from _rewriting(record)
        return
    yield _list("Excerpts that were sent", record.sent.hits, answer)
    if record.sent.dropped_hits:
        yield _list("Left out: no room in the model's window", record.sent.dropped_hits, None)
    yield el("h4", "Word for word")
    yield from _messages(record.sent)
    yield from _rewriting(record)


def _rewriting(record: TurnRecord) -> Iterator[Node]:
    """Yield what a model was given before the search, to put a follow-up in a form to search for."""
    if record.rewriting:
        yield el("h4", "Before the search: the question in a form to search for")
        for role, text in record.rewriting:
            yield _fold(_REWRITING.get(role, visible(role, 20)), text)


def _line(name: str, value: str) -> Node:
    return el("tr", el("th", name, scope="row"), el("td", value))


def _settings(record: TurnRecord, answer: Answer | None) -> Iterator[tuple[str, str]]:
    search, options, sent = record.search, record.generate, record.sent
    if record.searched_for:
        by = (
            f"written by {visible(record.rewritten_by, 60)}"
            if record.rewritten_by
            else "with names of the question before"
        )
        yield "Searched for", f"{visible(record.searched_for, 400)} ({by})"
    yield "Search", f"{search.mode}, top {search.top_k}, threshold {search.similarity_threshold or 0:.2f}"
    yield "Narrowed", visible(rag.reporting.narrowed(search), 400)
    if answer is not None and answer.profile:
        yield "Profile", visible(answer.profile, 60)
    yield "Model", visible(options.model, 80)
    yield (
        "Style",
        visible(options.style, 30) + (" (edited)" if options.instruction or options.examples or options.schema else ""),
    )
    if sent is not None:
        yield (
            "Size",
            f"about {sent.token_estimate:,} of {sent.window_tokens:,} tokens, {sent.output_tokens or options.max_output_tokens:,} kept for the answer",
        )
        if sent.dropped_turns:
            yield "Conversation", f"the oldest {count(sent.dropped_turns, 'question')} left out: no room"
        if sent.hidden_characters_removed:
            yield (
                "Cleaned",
                f"{count(sent.hidden_characters_removed, 'invisible character')} of the documents taken out",
            )


def _list(title: str, hits: Sequence[Hit], answer: Answer | None) -> Node:
    """Return excerpts with the numbers that the prompt gave them, and the ones under which the answer cites them."""
    cited = {c.hit.chunk.id: c.marker for c in answer.citations} if answer else {}
    rows = [
        el(
            "li",
            el(
                "div.citation",
                el("span.strong.num", f"{number}"),
                el("span.name.clip", visible(hit.document_name)),
                el("span.muted", pages_text(hit.chunk.pages)),
                el("span.muted.num", f"{hit.score:.2f}"),
                el("span.chip.good", f"cited as [{cited[hit.chunk.id]}]") if hit.chunk.id in cited else None,
                el("span.muted.clip", visible(hit.chunk.text, 120)),
            ),
        )
        for number, hit in enumerate(hits, 1)
    ]
    return el("div", el("h4", f"{title} ({len(hits)})"), el("ul.citations", *rows))


def _messages(sent: Sent) -> Iterator[Node]:
    """Yield every message in the order in which the model read it; of several calls, up to where each of them read."""
    yield _fold("Instructions", sent.system)
    for name, text in sent.declared:
        yield _fold(visible(name, 60), text)
    calls = sent.calls if len(sent.calls) > 1 else ()
    if calls:
        said = f"The model was called {count(len(calls), 'time')}. Each call was given all of the above, and every message down to its own line."
        yield el("p.muted", said)
    asked = sent.question_at or len(sent.messages)
    for place, (role, text) in enumerate(sent.messages, 1):
        yield _fold(_title(role, place - asked), text)
        if place in calls:
            yield el("p.muted", f"Call {calls.index(place) + 1} of {len(calls)} was given the messages down to here.")


def _title(role: str, behind: int) -> str:
    """Return what a message is, by how far behind the question it stands."""
    if behind == 0:
        return "Excerpts and question"
    return (_BEFORE if behind < 0 else _BEHIND).get(role, visible(role, 20))


def _fold(title: str, text: str) -> Node:
    return el(
        "details", el("summary", f"{title} · {len(text):,} characters"), el("pre.sent", rag.reporting.plain(text))
    )
