"""The turns of a conversation: what was asked, what was answered, and the row under each answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import answers, asked_of, second, turn_bar
from pages.parts.live_answer import Growing, follow
from pages.parts.safe_text import Node, draw, el
from pages.parts.shared import count
from rag import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.generation import AnswerStream
    from rag.store.conversations import Conversation, Turn
    from rag.types import Answer, FeedbackItem

_SHOWN = 8  # turns of a long conversation; earlier ones come at a press
_MORE = "ask.more"
NEW = "ask.new"
"""Session key of the turn that was asked last here: it is brought into view when it comes."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of answers beside them, each by the id of its turn."""

    judged: dict[str, FeedbackItem]
    checked: dict[str, Node]
    of: dict[str, str]
    """The collections that they were asked of, where that is to be said."""


def show(bench: Workbench, conversation: Conversation, current: str, on_pick: Callable[[str], None]) -> None:
    """Draw the turns, and let those grow that are being written.

    A turn that is written stands in an element of its own, and stays in it: it is drawn in one place while it grows and after.
    """
    shown = _lately(bench, conversation)
    of = asked_of.told(shown)
    said = _Said(bench.feedback.of_turns([turn.stream_id for turn in shown]), second.below(bench, shown), of)
    growing: list[Growing] = []
    together: list[Node] = []
    groups = 0
    for turn in shown:
        is_last = turn is shown[-1]
        if not is_last and not _is_apart(bench, turn):
            together.append(_turn(bench, turn, current, said))
            continue
        draw(*together, key=f"ask.turns.{groups}" if groups else "ask.turns", on_pick=on_pick)
        together, groups = [], groups + 1
        key = "ask.last" if is_last else f"ask.turn.{turn.slot}"
        with st.container():  # so that what follows stays where it is when Stop goes
            slot = st.empty()
            if live := live_of(bench, turn):
                around = _around(live, _bring(turn, is_last=is_last), of.get(turn.stream_id, ""))
                growing.append(Growing(live, around, slot, key=key))
                continue
            with slot:
                beyond = _beyond(bench, turn) if is_last else []
                draw(_turn(bench, turn, current, said, beyond, is_last=is_last), key=key, on_pick=on_pick)
    follow(growing)


def live_of(bench: Workbench, turn: Turn) -> AnswerStream | None:
    """Return the stream that writes an answer, as far as the turn knows: one that ended since is to be looked at anew."""
    return bench.answers.get(turn.stream_id) if turn.state == "streaming" else None


def _around(live: AnswerStream, bring: str, of: str) -> Callable[[Node | None], list[Node]]:
    return lambda body: [answers.asked(live.question, live.searched_for, body, bring, of)]


def _is_apart(bench: Workbench, turn: Turn) -> bool:
    """Tell whether a turn is being written, or was asked last here."""
    return live_of(bench, turn) is not None or st.session_state.get(NEW) == turn.stream_id


def _lately(bench: Workbench, conversation: Conversation) -> tuple[Turn, ...]:
    """Return the turns to draw, and offer the ones before them; none that is being written is left out."""
    pressed: dict[str, int] = st.session_state.setdefault(_MORE, {})
    most = 1 + _SHOWN + pressed.get(conversation.id, 0)
    written = [at for at, turn in enumerate(conversation.turns) if live_of(bench, turn)]
    hidden = min([len(conversation.turns) - most, *written])
    if hidden <= 0:
        return conversation.turns

    def more() -> None:
        pressed[conversation.id] = pressed.get(conversation.id, 0) + 3 * _SHOWN

    st.button(
        f"Show {count(hidden, 'earlier question')}", icon=":material/expand_less:", key="ask.more.button", on_click=more
    )
    return conversation.turns[hidden:]


def _turn(
    bench: Workbench,
    turn: Turn,
    current: str,
    said: _Said,
    beyond: list[Node] | None = None,
    *,
    is_last: bool = False,
) -> Node:
    open_here = current if current.startswith(f"{turn.stream_id}:") else ""
    if beyond and turn.answer and turn.answer.finish == "not_found":
        turn = replace(turn, answer=answers.without_misses(turn.answer))
    body = _body(turn.answer, turn.stream_id, open_here) if turn.answer else None
    row = turn_bar.row(turn, said.judged.get(turn.stream_id), is_last=is_last)
    rest = [said.checked.get(turn.stream_id), row, *(beyond or [])]
    answered = el("div", body, *rest) if body else None
    return answers.asked(turn.question, turn.searched_for, answered, _bring(turn), said.of.get(turn.stream_id, ""))


def _bring(turn: Turn, *, is_last: bool = True) -> str:
    """Return the id by which a turn comes into view; one that is written among others does, whoever asked for it."""
    return turn.stream_id if not is_last or st.session_state.get(NEW) == turn.stream_id else ""


@lru_cache(maxsize=512)
def _body(answer: Answer, turn_id: str, current: str) -> Node:
    """Draw an answer once, as long as nothing in it changes: what it cost may become known after its end."""
    return answers.body(answer, turn_id, current)


def _beyond(bench: Workbench, turn: Turn) -> list[Node]:
    """Return what the search found beyond the citations: the uncited, or the nearest misses."""
    record = bench.turns.record(turn.stream_id) if turn.answer else None
    if record is None or turn.answer is None:
        return []
    if turn.answer.finish == "not_found":
        return answers.nearest(bench, record.near_misses[:3], record.terms, turn.stream_id)
    return answers.uncited(
        record.hits if turn.answer.steps or not record.sent else record.sent.hits, turn.answer, turn.stream_id
    )
