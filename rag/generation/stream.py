"""An answer while it is being written: a worker thread owns it, readers only look.

Any number of readers may follow one stream, each from its first event, at any time, also after its end. A reader that goes
away (a page rerun, a closed tab) changes nothing; only `stop()` ends the work. Whatever happens to the worker, the stream
ends, and what was written so far is kept and marked by `Answer.finish`.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

from rag.errors import RagError
from rag.providers.accounts import Account, counting
from rag.types import (
    Answer,
    CheckEvent,
    Citation,
    CitationEvent,
    EndEvent,
    Event,
    FallbackEvent,
    Finish,
    Paid,
    ResearchStep,
    RestartEvent,
    SearchResult,
    Sent,
    SentenceCheck,
    SentEvent,
    StepEvent,
    TextEvent,
    Usage,
)

log = logging.getLogger(__name__)

Work = Callable[["AnswerStream"], Iterator[Event]]
"""Yields the events of one answer; it may set `stream.result` and should look at `stream.stopping`."""
OnEnd = Callable[["AnswerStream", Answer], None]

_UNEXPECTED = "The answer failed for a reason that the log tells; ask again."
_NO_TEXT = "The model returned no text; ask again or choose another model."
_SETTLE_S = 5.0
"""How long a stopped answer waits for the end of its calls, which are cancelled within a tenth of a second."""
_CUT_OFF = "The answer broke off before its end; ask again."


class AnswerStream:
    """The events of one answer, past and to come. Made by `generate()` and `ask()`; safe to read from any thread."""

    def __init__(
        self,
        question: str,
        *,
        model: str = "",
        label: str = "",
        result: SearchResult | None = None,
        free_providers: frozenset[str] = frozenset({"local"}),
    ) -> None:
        """Make one; at `free_providers` every call costs nothing, however it ends."""
        self.id = uuid.uuid4().hex
        self.question = question
        self.model = model
        self.routed = ""
        """Why another model than the chosen one answers, as a sentence; empty when it does not."""
        self.label = label
        self.result = result
        """What the answer rests on; None while the search still runs."""
        self.conversation_id: str | None = None
        self.slot = ""
        """The question of the conversation that it answers; several answers to it have the same."""
        self.profile = ""
        """Name of the profile that the search goes by."""
        self.searched_for = ""
        """What was searched for in place of the question; empty when it was the question."""
        self.rewritten_by = ""
        self.rewrite_prompt: tuple[tuple[str, str], ...] = ()
        """(role, text) of what a model was given for that; empty when none was asked."""
        self.rewriting = False
        """Whether a model is putting a follow-up in a form to search for now."""
        self.sent: Sent | None = None
        """What the chat model was given; None until it is asked."""
        self.spent_before: Answer | None = None
        """The answer that this one goes on with: what that used and cost counts here, too."""
        self._free_providers = free_providers
        self._asked_too: list[str] = []
        """Models that were asked beside `model`: before it, or after it failed."""
        self._account = Account()
        self._events: list[Event] = []
        self._text: list[str] = []
        self._citations: list[Citation] = []
        self._checks: dict[int, SentenceCheck] = {}
        """By where the sentence begins: the check at the end takes the place of the one made while it streamed."""
        self._steps: list[ResearchStep] = []
        self._answer: Answer | None = None
        self._on_end: list[OnEnd] = []
        self._on_paid: list[OnEnd] = []
        self._settled = threading.Event()
        self._stopping = threading.Event()
        self._closing = False
        self._changed = threading.Condition()
        self._began = time.perf_counter()
        self._first_text: float | None = None

    # --- readers ---

    def __iter__(self) -> Iterator[Event]:
        """Yield every event from the first on, then wait for the next until the answer ends."""
        seen, ended = 0, False
        while not ended:
            fresh, ended = self._after(seen)
            yield from fresh
            seen += len(fresh)

    def tail(self, idle_s: float = 0.25) -> Iterator[str]:
        """Yield the text in pieces as it comes, from the first on, and "" whenever nothing came for `idle_s` seconds.

        The empty pieces give a page the chance to notice that its reader is gone. After a `RestartEvent` the pieces begin
        again; a reader that must take back what it showed iterates the events.
        """
        for event in self.follow(idle_s):
            if event is None or isinstance(event, TextEvent):
                yield event.text if event else ""

    def follow(self, idle_s: float = 0.25) -> Iterator[Event | None]:
        """Yield every event as iterating does, and None whenever none came for `idle_s` seconds."""
        seen, ended = 0, False
        while not ended:
            fresh, ended = self._after(seen, idle_s)
            yield from fresh
            seen += len(fresh)
            if not fresh:
                yield None

    def _after(self, seen: int, timeout: float | None = None) -> tuple[list[Event], bool]:
        """Wait for events after the first `seen`; return them and whether they are the last."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > seen or self._answer is not None, timeout)
            return self._events[seen:], self._answer is not None

    @property
    def text(self) -> str:
        """The text so far."""
        with self._changed:
            return "".join(self._text)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations so far."""
        with self._changed:
            return tuple(self._citations)

    @property
    def checks(self) -> tuple[SentenceCheck, ...]:
        """The checks of the sentences that are complete so far, in order."""
        with self._changed:
            return tuple(self._checks[start] for start in sorted(self._checks))

    @property
    def steps(self) -> tuple[ResearchStep, ...]:
        """What the model did so far before it answers, when it may search by itself."""
        with self._changed:
            return tuple(self._steps)

    @property
    def done(self) -> bool:
        return self._answer is not None

    @property
    def answer(self) -> Answer | None:
        """The answer once it has ended, however it ended; None until then."""
        return self._answer

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopping.is_set()

    @property
    def is_free(self) -> bool:
        """Whether every model that was asked so far costs nothing."""
        return all(name.partition("/")[0] in self._free_providers for name in (self.model, *self._asked_too))

    def wait(self, timeout: float | None = None) -> Answer:
        """Wait at most `timeout` seconds for the end and return the answer; raises `TimeoutError` after that."""
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None, timeout)
            if self._answer is None:
                raise TimeoutError(f"the answer is still being written after {timeout} s")
            return self._answer

    def stop(self) -> None:
        """End the answer now and keep its text. Does nothing after the end, and does not wait for the worker."""
        self._stopping.set()
        self._end("stopped")

    def settle(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds after a stop for what the answer took; tell whether all that will be known is known."""
        return self._settled.wait(timeout)

    # --- the worker ---

    def when_ended(self, call: OnEnd) -> None:
        """Have `call(stream, answer)` run once, just before readers see the end. Set it before `start`."""
        self._on_end.append(call)

    def when_paid(self, call: OnEnd) -> None:
        """Have `call(stream, answer)` run once after a stop, when it is known what the answer took. Set it before `start`."""
        self._on_paid.append(call)

    def start(self, work: Work) -> AnswerStream:
        """Let a thread of its own write the answer, and return at once."""
        context = contextvars.Context()  # a fresh one: a page's script context must not outlive its run
        threading.Thread(target=context.run, args=(self._worker, work), name="answer", daemon=True).start()
        return self

    def _worker(self, work: Work) -> None:
        self._run(work)
        self._settle()
        self._settled.set()

    def asks(self, model: str) -> None:
        """Take note of a model that is asked before the one that answers; the worker says so before it asks."""
        if model:
            self._asked_too.append(model)

    def _run(self, work: Work) -> None:
        try:
            with counting(self._account):
                for event in work(self):
                    if not self._add(event):
                        return
                    if isinstance(event, EndEvent):
                        self._finish(event)
                        return
            self._end("failed", error=_CUT_OFF)
        except RagError as error:
            self._end("failed", error=str(error))
        except Exception:
            if not self.done:  # after a stop the store may be closed already: nobody waits for this thread any more
                log.exception("answer %s failed", self.id)
            self._end("failed", error=_UNEXPECTED)

    def _add(self, event: Event) -> bool:
        """Show an event to the readers; False when the answer has ended meanwhile."""
        with self._changed:
            if self._closing:
                return False
            if isinstance(event, TextEvent):
                self._first_text = self._first_text or time.perf_counter()
                self._text.append(event.text)
            elif isinstance(event, CitationEvent):
                self._citations.append(event.citation)
            elif isinstance(event, CheckEvent):
                self._checks[event.check.start] = event.check
            elif isinstance(event, SentEvent):
                self.sent = event.sent
            elif isinstance(event, StepEvent):
                self._steps.append(event.step)
            elif isinstance(event, FallbackEvent):
                self._asked_too.append(event.to_model)
            elif isinstance(event, RestartEvent):
                self._text.clear()
                self._citations.clear()
                self._checks.clear()
            if not isinstance(event, EndEvent):  # `_end` adds it, so that there is exactly one
                self._events.append(event)
                self._changed.notify_all()
            return True

    def _finish(self, event: EndEvent) -> None:
        if event.finish == "complete" and not self.text.strip():
            self._end("failed", event, _NO_TEXT)
        else:
            self._end(event.finish, event)

    def _end(self, finish: Finish, event: EndEvent | None = None, error: str = "") -> None:
        """Close the answer once; whoever comes second is ignored. What fails because of a stop counts as stopped."""
        if finish == "failed" and self.stopping:
            finish, error = "stopped", ""
        with self._changed:
            if self._closing:
                return
            self._closing = True
        paid = self._paid(event, finish)
        end = replace(event or EndEvent(finish, Usage()), finish=finish, usage=paid.usage, cost_usd=paid.cost_usd)
        answer = self._closed(end, error).with_paid(self.spent_before.paid + paid if self.spent_before else paid)
        for call in self._on_end:
            try:
                call(self, answer)
            except Exception as failure:  # noqa: BLE001 - the readers get the answer whatever keeping it meets
                log.warning("answer %s could not be kept: %s", self.id, failure)
                if isinstance(failure, RagError):
                    answer = replace(answer, error=answer.error or f"This answer was not saved: {failure}")
        with self._changed:
            self._events.append(end)
            self._answer = answer
            self._changed.notify_all()

    def _settle(self) -> None:
        """Fill in what a stopped answer took: that is known once its calls have ended, a moment after the stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None, _SETTLE_S)
            answer = self._answer
        if answer is None or answer.finish != "stopped" or self.is_free:
            return
        paid = self._account.settled(_SETTLE_S)
        answer = answer.with_paid(self.spent_before.paid + paid if self.spent_before else paid)
        for call in self._on_paid:
            try:
                call(self, answer)
            except Exception as failure:  # noqa: BLE001 - it stays unknown where it cannot be kept
                log.warning("what answer %s took could not be kept: %s", self.id, failure)
        self._answer = answer

    def _paid(self, event: EndEvent | None, finish: Finish) -> Paid:
        """Return what was called for this answer; of one that is stopped meanwhile it is not known yet, unless all of it is free."""
        counted = self._account.paid
        if event and not counted.calls:  # made on this machine: it says itself what it used
            counted = Paid(event.usage, event.cost_usd)
        if self.is_free:
            return replace(counted, cost_usd=0.0, estimated_usd=None)
        return replace(counted, cost_usd=None, estimated_usd=None) if finish == "stopped" else counted

    def _closed(self, end: EndEvent, error: str) -> Answer:
        now, text = time.perf_counter(), self.text
        return Answer(
            text=text,
            citations=self.citations,
            found=bool(text.strip()) and end.finish not in ("not_found", "refused"),
            model=end.model or self.model,
            finish=end.finish,
            usage=end.usage,
            cost_usd=end.cost_usd,
            label=self.label,
            ttft_ms=(self._first_text - self._began) * 1000 if self._first_text is not None else None,
            duration_ms=(now - self._began) * 1000,
            error=error,
            cached=end.cached,
            note=" ".join(filter(None, (self.routed, self._stand_in(end), end.note))),
            checks=self.checks,
            profile=self.profile,
            steps=self.steps,
        )

    def _stand_in(self, end: EndEvent) -> str:
        """Return the sentence that names the model which answered in place of the chosen one."""
        return f"{self.model} failed, so {end.model} answered." if end.model not in ("", self.model) else ""
