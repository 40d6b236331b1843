"""A call while it runs, as its one reader sees it: iterate it, wait for it, stop it, from any thread or from a coroutine.

The work happens on the runner's loop. `stop` works at any moment, before the first byte and between two attempts too; the reader
hears of the end within a tenth of a second, with what had come by then.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

from rag.errors import RagError
from rag.providers.loop import loop
from rag.providers.messages import (
    Attempt,
    CallEnd,
    CitedEvent,
    Delta,
    IdleEvent,
    Phase,
    ReasoningEvent,
    Result,
    StreamEvent,
    ToolCall,
)
from rag.types import RestartEvent, TextEvent

IDLE_S: Final = 0.05
_Item = StreamEvent | RagError | None


class Call:
    """One call, with all its attempts. Made by `Runner.start`."""

    def __init__(self, model: str) -> None:
        self.model = model
        """PROVIDER/MODEL that is being tried."""
        self.phase: Phase = "limit"
        self._began = time.monotonic()
        self._phase_began = self._began
        self._first_text: float | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._cited: list[CitedEvent] = []
        self._tool_calls: list[ToolCall] = []
        self._attempts: list[Attempt] = []
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._ended = threading.Event()
        self._result: Result | None = None
        self._error: RagError | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.restarts_left = 0
        """How often what a reader has seen may still be thrown away."""
        self.last_failure = ""
        """Kind of the failure that a restart or a fallback makes up for."""

    # --- the reader ---

    def __iter__(self) -> Iterator[StreamEvent]:
        """Yield the events as they come, an `IdleEvent` whenever none came for a moment. Raises `ProviderError` at the end.

        A reader that leaves early stops the call.
        """
        try:
            while True:
                try:
                    item = self._items.get(timeout=IDLE_S)
                except queue.Empty:
                    yield self._idle()
                    continue
                if item is None:
                    return
                if isinstance(item, RagError):
                    raise item
                yield item
        finally:
            self.stop()

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """The same for a coroutine on any event loop."""
        wake = asyncio.Event()
        self._wake = asyncio.get_running_loop(), wake
        try:
            while True:
                try:
                    item = self._items.get_nowait()
                except queue.Empty:
                    try:
                        await asyncio.wait_for(wake.wait(), IDLE_S)
                    except TimeoutError:
                        yield self._idle()
                    wake.clear()
                    continue
                if item is None:
                    return
                if isinstance(item, RagError):
                    raise item
                yield item
        finally:
            self.stop()

    def wait(self, timeout: float | None = None) -> Result:
        """Wait for the end and return the result. Raises `ProviderError`, and `TimeoutError` after `timeout` seconds."""
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the call to {self.model} is still running after {timeout} s")
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    async def wait_async(self) -> Result:
        """The same for a coroutine on any event loop."""
        async for _ in self:
            pass
        return self.wait(0)

    def stop(self) -> None:
        """Cancel the call now. Does nothing after its end."""
        if not self._ended.is_set() and not self._stopping:
            self._stopping = True
            loop().call_soon_threadsafe(self._cancel)

    @property
    def done(self) -> bool:
        return self._ended.is_set()

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def error(self) -> RagError | None:
        """Why the call failed; None while it runs and when it did not."""
        return self._error

    @property
    def result(self) -> Result:
        """What there is so far; of a failed or stopped call what came before its end."""
        return self._result or self.partial()

    def _idle(self) -> IdleEvent:
        return IdleEvent(self.phase, time.monotonic() - self._phase_began, self.model)

    # --- the loop ---

    def begin(self, task: asyncio.Task[None]) -> None:
        self._task = task
        task.add_done_callback(
            lambda _: self.end(self.partial())
        )  # whatever happened to the task, the reader is let go
        if self._stopping:
            task.cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def enter(self, phase: Phase, model: str) -> None:
        self.phase, self.model, self._phase_began = phase, model, time.monotonic()

    def add(self, event: Delta) -> None:
        """Take in a piece of the answer and pass it on."""
        if isinstance(event, TextEvent):
            self._text.append(event.text)
            self._first_text = self._first_text or time.monotonic()
        elif isinstance(event, ReasoningEvent):
            self._reasoning.append(event.text)
        elif isinstance(event, CitedEvent):
            self._cited.append(event)
        elif isinstance(event, ToolCall):
            self._tool_calls.append(event)
        self.phase = "stream"
        self.emit(event)

    def restart(self) -> None:
        """Throw away what came so far, because something new takes its place."""
        self.restarts_left -= self.has_output
        for kept in (self._text, self._reasoning, self._cited, self._tool_calls):
            kept.clear()
        self.emit(RestartEvent(self.last_failure))

    def attempted(self, attempt: Attempt) -> None:
        self._attempts.append(attempt)

    def emit(self, item: _Item) -> None:
        self._items.put(item)
        if self._wake is not None:
            at, wake = self._wake
            if not at.is_closed():
                at.call_soon_threadsafe(wake.set)

    def end(self, result: Result) -> None:
        """Close the call; whoever comes second is ignored."""
        if not self._ended.is_set():
            self._result = result
            self._ended.set()
            self.emit(CallEnd(result))
            self.emit(None)

    def fail(self, error: RagError) -> None:
        if not self._ended.is_set():
            self._result = self.partial()
            self._error = error.with_traceback(
                None
            )  # its frames belong to the loop; the reader's own come on when it is raised
            self._ended.set()
            self.emit(error)

    @property
    def may_begin_again(self) -> bool:
        """Whether another attempt may be made: not when it would void text a second time."""
        return self.restarts_left > 0 or not self.has_output

    @property
    def has_output(self) -> bool:
        """Whether a reader has seen anything that a restart would void."""
        return bool(self._text or self._cited or self._tool_calls)

    def written(self, since: tuple[int, int] = (0, 0)) -> str:
        """Return text and reasoning since a `mark`: what output tokens are estimated from."""
        return "".join(self._text[since[0] :]) + "".join(self._reasoning[since[1] :])

    def mark(self) -> tuple[int, int]:
        return len(self._text), len(self._reasoning)

    def partial(self) -> Result:
        last = self._attempts[-1] if self._attempts else Attempt(self.model, "stopped")
        now = time.monotonic()
        return Result(
            text=self.text,
            finish="stopped",
            model=self.model,
            usage=last.usage,
            cost=last.cost,
            cited=tuple(self._cited),
            tool_calls=tuple(self._tool_calls),
            reasoning="".join(self._reasoning),
            attempts=tuple(self._attempts),
            ttft_ms=None if self._first_text is None else (self._first_text - self._began) * 1000,
            duration_ms=(now - self._began) * 1000,
            request_id=last.request_id,
        )
