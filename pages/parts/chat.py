"""The turns of a conversation: what was asked, what was answered, and the row under each answer."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import answers, second, turn_bar
from pages.parts.live_answer import follow
from pages.parts.safe_text import Node, draw, el
from pages.parts.shared import count
from rag import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.generation import AnswerStream
    from rag.store.conversations import Conversation, Turn
    from rag.types import FeedbackItem

_SHOWN = 8  # turns of a long conversation; earlier ones come at a press
_MORE = "ask.more"
NEW = "ask.new"
"""Session key of the turn that was asked last here: it is brought into view when it comes."""


def show(bench: Workbench, conversation: Conversation, current: str, on_pick: Callable[[str], None]) -> None:
    """Draw the turns, the newest as an element of its own: it is drawn in one place while it is written and after."""
    if not conversation.turns:
        return
    *earlier, last = conversation.turns
    shown = _lately(conversation.id, earlier)
    judged = bench.feedback.of_turns([t.stream_id for t in (*shown, last)])
    draw(*(_turn(bench, t, current, judged) for t in shown), key="ask.turns", on_pick=on_pick)
    slot, live = st.empty(), live_of(bench, last)
    if live is not None:
        bring = _bring(last)
        follow(live, lambda body: [answers.asked(live.question, live.searched_for, body, bring)], slot, key="ask.last")
        return
    with slot:
        newest = _turn(bench, last, current, judged, _beyond(bench, last), is_last=True)
        draw(newest, key="ask.last", on_pick=on_pick)


def live_of(bench: Workbench, turn: Turn) -> AnswerStream | None:
    """Return the stream that still writes an answer."""
    stream = bench.answers.get(turn.stream_id)
    return stream if stream is not None and not stream.done else None


def _lately(conversation_id: str, earlier: list[Turn]) -> list[Turn]:
    """Return the turns to draw, and offer the ones before them."""
    pressed: dict[str, int] = st.session_state.setdefault(_MORE, {})
    most = _SHOWN + pressed.get(conversation_id, 0)
    hidden = len(earlier) - most
    if hidden <= 0:
        return earlier

    def more() -> None:
        pressed[conversation_id] = pressed.get(conversation_id, 0) + 3 * _SHOWN

    st.button(
        f"Show {count(hidden, 'earlier question')}", icon=":material/expand_less:", key="ask.more.button", on_click=more
    )
    return earlier[hidden:]


def _turn(
    bench: Workbench,
    turn: Turn,
    current: str,
    judged: dict[str, FeedbackItem],
    beyond: list[Node] | None = None,
    *,
    is_last: bool = False,
) -> Node:
    open_here = current if current.startswith(f"{turn.stream_id}:") else ""
    if beyond and turn.answer and turn.answer.finish == "not_found":
        turn = replace(turn, answer=answers.without_misses(turn.answer))
    body = _body(_Known(turn), open_here) if turn.answer else None
    row = turn_bar.row(turn, judged.get(turn.stream_id), is_last=is_last)
    rest = [second.below(bench, turn), row, *(beyond or [])]
    bring = _bring(turn) if is_last else ""
    return answers.asked(turn.question, turn.searched_for, el("div", body, *rest) if body else None, bring)


def _bring(turn: Turn) -> str:
    return turn.stream_id if st.session_state.get(NEW) == turn.stream_id else ""


class _Known:
    """A turn that counts as the same as long as its answer is: what was drawn of it once is drawn again for nothing."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        answer = turn.answer
        self._is = (
            turn.stream_id,
            turn.state,
            answer and (len(answer.text), answer.finish, answer.duration_ms, answer.error),
        )

    def __hash__(self) -> int:
        return hash(self._is)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self._is == other._is


@lru_cache(maxsize=512)
def _body(known: _Known, current: str) -> Node | None:
    return answers.body(known.turn.answer, known.turn.stream_id, current) if known.turn.answer else None


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
