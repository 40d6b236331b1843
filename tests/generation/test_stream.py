"""An answer stream ends whatever happens, keeps what was written, and any number of readers see the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from rag.errors import ProviderError
from rag.generation import AnswerStream
from rag.types import Answer, EndEvent, Event, RestartEvent, TextEvent, Usage
from tests.waiting import until

WORDS = ["It ", "rained ", "on ", "Tuesday."]


def words(stream: AnswerStream) -> Iterator[Event]:
    yield from (TextEvent(word) for word in WORDS)
    yield EndEvent("complete", Usage(output_tokens=4))


class Gate:
    """Work that writes a word each time it is let through, and can be made to fail."""

    def __init__(self) -> None:
        self.tickets = threading.Semaphore(0)
        self.error: Exception | None = None
        self.left = threading.Event()

    def work(self, stream: AnswerStream) -> Iterator[Event]:
        try:
            for word in WORDS:
                self.tickets.acquire(timeout=10)
                if self.error:
                    raise self.error
                yield TextEvent(word)
            yield EndEvent("complete", Usage())
        finally:
            self.left.set()

    def let(self, times: int = 1) -> None:
        for _ in range(times):
            self.tickets.release()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.let(len(WORDS))


def test_a_complete_answer() -> None:
    """The events come in order, the last one is the end, and the answer holds the whole text with its times and usage."""
    stream = AnswerStream("What happened?", model="local/test", label="A test").start(words)
    assert list(stream) == [
        *(TextEvent(word) for word in WORDS),
        EndEvent("complete", Usage(output_tokens=4), cost_usd=0.0),
    ]
    answer = stream.wait(5)
    assert (answer.text, answer.finish, answer.found) == ("It rained on Tuesday.", "complete", True)
    assert (answer.model, answer.label, answer.usage.output_tokens) == ("local/test", "A test", 4)
    assert answer.ttft_ms is not None and answer.duration_ms is not None
    assert 0 <= answer.ttft_ms <= answer.duration_ms


def test_readers_that_come_late_or_twice_see_everything(gate: Gate) -> None:
    """Each reader gets every event from the first on: before, during and after the writing, also several at once."""
    stream = AnswerStream("?").start(gate.work)
    seen: list[list[Event]] = [[] for _ in range(4)]
    readers = [threading.Thread(target=lambda into=into: into.extend(stream)) for into in seen]
    for n, reader in enumerate(readers):
        reader.start()
        gate.let()
        until(lambda n=n: len(stream.text) >= len("".join(WORDS[: n + 1])))  # type: ignore[misc]
    for reader in readers:
        reader.join(5)
    assert seen == [list(stream)] * 4
    assert "".join(stream.tail()) == "".join(WORDS)


def test_a_reader_that_goes_away_changes_nothing(gate: Gate) -> None:
    """Dropping a reader in the middle, as a page rerun does, leaves the work running."""
    stream = AnswerStream("?").start(gate.work)
    gate.let(2)
    reader = stream.tail()
    assert next(reader) == "It "
    reader.close()  # type: ignore[attr-defined]
    gate.let(2)
    assert stream.wait(5).finish == "complete"


def test_a_reader_of_a_silent_answer_is_woken_now_and_then(gate: Gate) -> None:
    """While nothing comes the text pieces are empty ones, so that a page that was left is not stuck in waiting."""
    stream = AnswerStream("?").start(gate.work)
    reader = stream.tail(idle_s=0.01)
    assert next(reader) == ""
    gate.let(4)
    assert "".join(reader) == "".join(WORDS)


def test_stop_ends_the_answer_at_once_and_keeps_its_text(gate: Gate) -> None:
    """Stop does not wait for a worker that hangs: the answer has ended when it returns, with the text so far."""
    stream = AnswerStream("?").start(gate.work)
    gate.let(2)
    until(lambda: stream.text == "It rained ")
    stream.stop()  # the worker hangs until the gate lets it go on
    assert stream.done and stream.answer is not None
    assert (stream.answer.text, stream.answer.finish, stream.answer.error) == ("It rained ", "stopped", "")
    gate.let(2)
    assert gate.left.wait(5)  # the worker is told as soon as it comes back
    assert stream.text == "It rained "
    assert [event for event in stream if isinstance(event, EndEvent)] == [EndEvent("stopped", Usage())]


def test_stop_after_the_end_changes_nothing() -> None:
    """A stop that comes too late leaves a complete answer complete."""
    stream = AnswerStream("?").start(words)
    answer = stream.wait(5)
    stream.stop()
    assert stream.answer is answer


def test_what_fails_because_of_a_stop_counts_as_stopped(gate: Gate) -> None:
    """A worker that raises or breaks off while it is being stopped has not failed."""
    stream = AnswerStream("?")
    stream._stopping.set()  # the moment between the wish to stop and the end that `stop` writes
    gate.error = RuntimeError("connection closed")
    gate.let()
    assert stream.start(gate.work).wait(5).finish == "stopped"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProviderError("network", "The connection was lost; ask again."), "The connection was lost; ask again."),
        (KeyError("choices"), "failed for a reason that the log tells"),
    ],
)
def test_a_worker_that_fails_ends_the_answer_with_a_sentence(gate: Gate, error: Exception, said: str) -> None:
    """Expected failures give their own sentence, others a general one; the text so far is kept and marked failed."""
    stream = AnswerStream("?").start(gate.work)
    gate.let(2)
    until(lambda: stream.text == "It rained ")
    gate.error = error
    gate.let()
    answer = stream.wait(5)
    assert (answer.text, answer.finish) == ("It rained ", "failed")
    assert said in answer.error
    assert "choices" not in answer.error


def test_an_answer_that_breaks_off_is_not_complete() -> None:
    """A model that ends without saying so is taken as cut off."""
    answer = AnswerStream("?").start(lambda stream: iter([TextEvent("It rai")])).wait(5)
    assert (answer.text, answer.finish) == ("It rai", "failed")
    assert "broke off" in answer.error


def test_an_empty_answer_is_no_answer() -> None:
    """A model that returns no text has failed, although it says that it is complete."""
    events: list[Event] = [TextEvent(" \n"), EndEvent("complete", Usage(output_tokens=1))]
    answer = AnswerStream("?").start(lambda stream: iter(events)).wait(5)
    assert (answer.finish, answer.found, answer.usage.output_tokens) == ("failed", False, 1)


def test_a_restart_makes_the_text_void() -> None:
    """After a restart the answer holds only what came after it; readers are told."""
    events: list[Event] = [TextEvent("It ra"), RestartEvent("network"), TextEvent("It rained.")]
    stream = AnswerStream("?").start(lambda stream: iter([*events, EndEvent("complete", Usage())]))
    assert stream.wait(5).text == "It rained."
    assert RestartEvent("network") in list(stream)


def test_waiting_has_a_limit(gate: Gate) -> None:
    """Waiting gives up after its timeout and leaves the work running."""
    stream = AnswerStream("?").start(gate.work)
    with pytest.raises(TimeoutError):
        stream.wait(0.01)
    assert not stream.done and stream.answer is None


def test_the_end_is_kept_before_readers_see_it() -> None:
    """Whoever is told of the end runs once, before the answer reads as done; its failure does not keep the end away."""
    calls: list[tuple[bool, str]] = []

    def note(stream: AnswerStream, answer: Answer) -> None:
        calls.append((stream.done, answer.finish))

    def fail(stream: AnswerStream, answer: Answer) -> None:
        raise OSError("disk full")

    stream = AnswerStream("?")
    stream.when_ended(fail)
    stream.when_ended(note)
    assert stream.start(words).wait(5).finish == "complete"
    assert calls == [(False, "complete")]


def test_stops_from_many_threads_end_it_once(gate: Gate) -> None:
    """However many stop at the same moment, there is one end and one answer."""
    ends: list[str] = []
    stream = AnswerStream("?")
    stream.when_ended(lambda ended, answer: ends.append(answer.finish))
    stream.start(gate.work)
    threads = [threading.Thread(target=stream.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert ends == ["stopped"]
    assert sum(isinstance(event, EndEvent) for event in stream) == 1
