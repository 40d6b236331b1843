"""Answers while they are being written: its words as they come, in the form that they keep, what is being waited for, and Stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import research
from pages.parts.growing import steady
from pages.parts.safe_text import Node, draw, el, label, redraw
from pages.parts.sentences import answer_nodes
from rag.types import (
    Answer,
    CheckEvent,
    CitationEvent,
    FallbackEvent,
    RestartEvent,
    RetryEvent,
    StepEvent,
    TextEvent,
    ToolCallEvent,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamlit.delta_generator import DeltaGenerator

    from rag.generation import AnswerStream
    from rag.types import Event

_REDRAW_S = 0.04
_SHARE = 4.0
"""A redraw that takes long is made less often: drawing may take one part in this many of the time."""
_IDLE_S = 0.25
_DRAWN = TextEvent | RestartEvent | CitationEvent | CheckEvent | StepEvent
_QUIET_S = 1.0  # a wait that is shorter needs no sentence
_REASONS = {
    "rate_limit": "Rate limited by the provider",
    "overloaded": "The provider is overloaded",
    "server": "The provider had an error",
    "network": "The provider could not be reached",
    "timeout": "The provider did not answer in time",
    "truncated": "The connection broke off",
}


class Growing:
    """An answer that is being written, in its place on the page, with what is waited for and Stop below it."""

    def __init__(
        self, stream: AnswerStream, around: Callable[[Node | None], list[Node]], slot: DeltaGenerator, *, key: str
    ) -> None:
        """Draw what is there so far in the tree of that key; `around` puts the answer into its turn.

        `slot` is the `st.empty` that the tree stands in, also once the answer has ended.
        """
        self._stream, self._around, self._slot, self._key = stream, around, slot, key
        self._notice, self._began, self._due = _Notice(stream.model), time.monotonic(), 0.0
        self._dirty, self._shown = False, ""
        with slot:
            draw(*around(said(stream) if stream.text or stream.steps else None), key=key)
        # Stop before what is waited for: a sentence that comes and goes moves no button under a finger.
        row = st.container(key=f"ask.state.{stream.id}", horizontal=True, vertical_alignment="center")
        row.button("Stop", key=f"ask.stop.{stream.id}", icon=":material/stop:", on_click=_stop, args=(stream,))
        self._state = row.empty()

    def events(self, idle_s: float) -> Iterator[bool]:
        """Draw the words as they come. Yields whenever nothing came for `idle_s` seconds, and after each redraw."""
        for event in self._stream.follow(idle_s):
            if self._hear(event) or event is None:
                yield True

    def _hear(self, event: Event | None) -> bool:
        """Take note of an event; True when the answer was drawn anew."""
        now, stream = time.monotonic(), self._stream
        if self._notice.hear(event, now) or event is None or self._shown:
            since = self._began if not stream.text else now
            self._say(self._notice.sentence(now, since, _before_the_model(stream)))
        self._dirty = self._dirty or isinstance(event, _DRAWN)
        if not self._dirty or (event is not None and now < self._due):
            return False
        with self._slot:
            redraw(*self._around(said(stream)), key=self._key)
        self._due, self._dirty = now + max(_REDRAW_S, _SHARE * (time.monotonic() - now)), False
        return True

    def _say(self, sentence: str) -> None:
        if sentence != self._shown:
            (self._state.caption(label(sentence, 400)) if sentence else self._state.empty())
        self._shown = sentence


def follow(growing: Sequence[Growing]) -> None:
    """Let answers grow, several in turn, until one of them has ended; the run that follows draws that one as it stays.

    Whatever ends this page run, the workers go on; only Stop ends an answer.
    """
    if not growing:
        return
    followed = [each.events(_IDLE_S / len(growing)) for each in growing]
    while all(next(each, False) for each in followed):
        pass
    st.rerun()


def _stop(stream: AnswerStream) -> None:
    """Stop it, and wait the moment that its cancelled call needs to be accounted for: the page that follows says what it took."""
    stream.stop()
    stream.settle(0.4)


def said(stream: AnswerStream) -> Node:
    """Return what is written so far, with its markers and marks."""
    so_far = Answer(
        steady(stream.text), stream.citations, True, stream.model, "complete", Usage(), None, checks=stream.checks
    )
    text = el("div.said", *answer_nodes(so_far, stream.id, "")) if stream.text else None
    return el("div.answer", research.steps(stream.steps, folded=False), text)


def _before_the_model(stream: AnswerStream) -> str:
    """Return what is done before the answer is asked for; empty when it is."""
    if stream.rewriting:
        return "Putting the question in a form to search for"
    return "" if stream.result else "Searching the documents"


class _Notice:
    """What is being waited for, as a sentence; nothing while text comes."""

    def __init__(self, model: str) -> None:
        self._model, self._said, self._until = model, "", 0.0

    def hear(self, event: Event | None, now: float) -> bool:
        """Take note of an event; True when there is something else to say."""
        before, until = self._said, 0.0
        match event:
            case RetryEvent(kind, wait_s, attempt):
                most = getattr(event, "attempts", 0)
                self._said = (
                    _REASONS.get(kind, "That failed")
                    + "; trying again{wait}"
                    + (f" ({attempt + 1} of {most})." if most else ".")
                )
                until = now + wait_s
            case ToolCallEvent():
                self._said = research.doing(event)
            case RestartEvent("research") | StepEvent():
                self._said = ""
            case RestartEvent():
                self._said = "The connection broke; the answer begins again."
            case FallbackEvent(from_model, to_model):
                self._said, self._model = f"{from_model} failed; asking {to_model} instead.", to_model
            case TextEvent():
                self._said = ""
        if self._said != before or until:
            self._until = until
            return True
        return False

    def sentence(self, now: float, silent_since: float, doing: str) -> str:
        """Return what there is to say now; a wait counts down. `doing` is what is done here, else the model is waited for."""
        if self._said:
            left = round(self._until - now)
            return self._said.replace("{wait}", f" in {left} s" if left > 0 else "")
        waited = now - silent_since
        return f"{doing or f'Waiting for {self._model}'}, {waited:.0f} s." if waited >= _QUIET_S else ""
