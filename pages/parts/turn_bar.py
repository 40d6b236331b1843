"""What can be done with an answer: a quiet row under it, and what a press in it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts.safe_text import Node, el
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.store.conversations import Turn
    from rag.types import FeedbackItem

DO = "do:"  # picks that begin so are presses of this row
PENDING = "ask.pending"
SAID = "ask.said"
CHECK, STOP_CHECK = "check", "stop_check"  # the job of a second check, and the press that ends it
DIALOG = "ask.dialog"  # (which, turn id) to open in this run
_UP = "M1 21h4V9H1v12zm22-11c0-1.1-.9-2-2-2h-6.3l1-4.6v-.3c0-.4-.2-.8-.5-1.1L14.2 1 7.6 7.6C7.2 8 7 8.5 7 9v10c0 1.1.9 2 2 2h9c.8 0 1.5-.5 1.8-1.2l3-7.1c.1-.2.2-.5.2-.7v-2z"
_DOWN = "M15 3H6c-.8 0-1.5.5-1.8 1.2l-3 7.1c-.1.2-.2.5-.2.7v2c0 1.1.9 2 2 2h6.3l-1 4.6v.3c0 .4.2.8.5 1.1L9.8 23l6.6-6.6c.4-.4.6-.9.6-1.4V5c0-1.1-.9-2-2-2zm4 0v12h4V3h-4z"
_CAN_GO_ON = ("length", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer to start in the run that follows."""

    question: str
    again: rag.generation.Again
    model: str = ""
    """Empty takes the one that is chosen."""


def row(turn: Turn, judged: FeedbackItem | None, *, is_last: bool) -> Node | None:
    """Return the row for an answer that has ended."""
    if turn.answer is None:
        return None
    id = turn.stream_id
    good, bad = (judged is not None and judged.is_good), (judged is not None and not judged.is_good)
    return el(
        "div.acts",
        _do("go_on", id, "Continue", "Go on from where it was cut off", "button.act.strong")
        if can_go_on(turn) and is_last
        else None,
        _thumb("good", id, _UP, good, "A good answer"),
        _thumb("bad", id, _DOWN, bad, "A bad answer"),
        _do("note", id, "Note …" if judged and judged.note else "Add a note", "Say why") if judged else None,
        _do("retry", id, "Retry", "Ask the same again, without the cache"),
        _do("edit", id, "Edit", "Change the question and ask it in this place"),
        _do("other", id, "Other model", "See what another model answers, side by side"),
        _do(
            "second",
            id,
            "2nd check",
            "Second check: let another model read it beside its sources; the price is said before",
        )
        if turn.answer.citations and not turn.answer.model.startswith("local/")
        else None,
        _do("sent", id, "Sent", "What was sent: settings, excerpts, and the exact prompt"),
        _do("export", id, "Export", "Take this answer along as Markdown or as a report"),
        *_versions(turn),
    )


def can_go_on(turn: Turn) -> bool:
    """Tell whether a model can write on from the text of an answer."""
    answer = turn.answer
    return bool(
        answer and answer.text.strip() and answer.finish in _CAN_GO_ON and not answer.model.startswith("local/")
    )


def _do(what: str, turn_id: str, name: str, title: str, look: str = "button.act") -> Node:
    return el(look, name, title=title, data_pick=f"{DO}{what}:{turn_id}")


def _thumb(what: str, turn_id: str, path: str, is_pressed: bool, title: str) -> Node:
    look = "button.act.thumb.pressed" if is_pressed else "button.act.thumb"
    icon = el("svg", el("path", d=path), viewBox="0 0 24 24", width=14, height=14, aria_hidden="true")
    return el(
        look,
        icon,
        title=title,
        aria_label=title,
        aria_pressed=str(is_pressed).lower(),
        data_pick=f"{DO}{what}:{turn_id}",
    )


def _versions(turn: Turn) -> list[Node]:
    """Return the way through the answers to one question, when there are several."""
    if len(turn.versions) < 2 or turn.stream_id not in turn.versions:
        return []
    place = turn.versions.index(turn.stream_id)
    before = turn.versions[place - 1] if place else ""
    after = turn.versions[place + 1] if place + 1 < len(turn.versions) else ""
    return [
        el(
            "span.versions",
            el("button.act", "‹", aria_label="Earlier answer", data_pick=f"{DO}keep:{before}") if before else el("span.off", "‹"),
            el("span.num", f"{place + 1} of {len(turn.versions)}"),
            el("button.act", "›", aria_label="Later answer", data_pick=f"{DO}keep:{after}") if after else el("span.off", "›"),
        )
    ]  # fmt: skip


def pressed(bench: Workbench, pick: str) -> None:
    """Do what a press in the row asks for; what needs more opens a dialog."""
    what, _, turn_id = pick.removeprefix(DO).partition(":")
    try:
        turn = bench.turns.turn(turn_id)
        if what in ("good", "bad"):
            judge(bench, turn, is_good=what == "good")
        elif what == STOP_CHECK:
            for job in bench.jobs.running(CHECK):
                if job.subject == turn_id:
                    job.stop()
        elif what == "keep":
            bench.turns.keep(turn_id)
        elif what == "retry":
            st.session_state[PENDING] = Pending(turn.question, rag.generation.Again(turn_id))
        elif what == "go_on":
            model = turn.answer.model if turn.answer else ""
            st.session_state[PENDING] = Pending(turn.question, rag.generation.Again(turn_id, goes_on=True), model)
        else:
            st.session_state[DIALOG] = (what, turn_id)
    except RagError as error:
        st.session_state[SAID] = str(error)


def judge(bench: Workbench, turn: Turn, *, is_good: bool, note: str | None = None) -> None:
    """Keep a judgement with the settings that made the answer; the same thumb once more takes it back."""
    before = bench.feedback.of_turns([turn.stream_id]).get(turn.stream_id)
    if note is None and before is not None and before.is_good == is_good:
        bench.feedback.withdraw(turn.stream_id)
        return
    kept = note if note is not None else before.note if before else ""
    bench.feedback.add(
        turn.question, is_good=is_good, note=kept, collection=turn.collection,
        turn_id=turn.stream_id, settings=bench.settings_of_turn(turn.stream_id),
    )  # fmt: skip
