"""The runner: stop, parallel calls, fallbacks, limits, budgets, the response cache, and both ways to read a call."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from rag.errors import BudgetExceededError, ProviderError, StoreError
from rag.providers import presets
from rag.providers.attempts import Job
from rag.providers.calls import Call
from rag.providers.limits import Limits
from rag.providers.messages import Message, Request, Result
from rag.types import FallbackEvent, RestartEvent, TextEvent
from tests.faultserver.wire import words
from tests.providers.remote.kit import WIRES, Bench, Outcome, close, follow, make_bench, on_a_loop
from tests.waiting import until

GOOD = "".join(words(12))


def stop_and_time(call: Call) -> tuple[Outcome, float]:
    """Stop the call from another thread while it is read; return what the reader got and how long it waited, in seconds."""
    stopped: list[float] = []
    threading.Timer(0.0, lambda: (stopped.append(time.monotonic()), call.stop())).start()
    outcome = follow(call)
    return outcome, time.monotonic() - stopped[0]


# --- stop ---


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("step", ["slow?s=20", "slow_body?s=20", "stall?s=20"])
def test_stop_ends_the_request_and_the_reading_at_once(bench: Bench, wire: str, step: str) -> None:
    """Before the headers, before the first byte, in mid-stream: the reader is free within 0.1 s and the server sees it hang up."""
    call = bench.call(wire, step)
    until(lambda: bench.server.of(step))
    if step.startswith("stall"):
        until(lambda: call.text)
    outcome, waited = stop_and_time(call)
    assert waited < 0.1
    assert outcome.error is None and "stopped" == outcome.result.finish
    until(lambda: bench.server.of(step)[0].broken)
    until(lambda: bench.rows.of(step)[0].closed)
    (row,) = bench.rows.of(step)
    assert ("stopped", True, None) == (row.status, row.usage.estimated, row.cost_usd)


@pytest.mark.parametrize("wire", WIRES)
def test_stop_while_waiting_for_the_next_attempt(bench: Bench, wire: str) -> None:
    """A wait between attempts is as easy to leave as a stream; no further request is made."""
    step = "429?retry=30;ok"
    call = bench.call(wire, step)
    until(lambda: call.phase == "retry")
    outcome, waited = stop_and_time(call)
    assert waited < 0.1 and "stopped" == outcome.result.finish
    assert 1 == len(bench.server.of(step)) == len(bench.rows.of(step))
    assert "failed" == bench.rows.of(step)[0].status


def test_stop_while_waiting_for_a_permit(bench: Bench) -> None:
    """A call that was never made leaves no row, and its place goes to the next."""
    one = Limits(concurrent=1)
    first = bench.runner.start(
        Job(Request("openai/a", (Message("user", "a"),)), (bench.route("openai", "stall?s=20", limits=one),))
    )
    until(lambda: first.text)
    second = bench.runner.start(
        Job(Request("openai/b", (Message("user", "b"),)), (bench.route("openai", "ok", limits=one),))
    )
    until(lambda: second.phase == "limit")
    outcome, waited = stop_and_time(second)
    assert waited < 0.1 and "stopped" == outcome.result.finish
    assert [] == bench.rows.of("ok")
    first.stop()
    third = bench.runner.start(
        Job(Request("openai/c", (Message("user", "c"),)), (bench.route("openai", "ok", limits=one),))
    )
    assert GOOD == third.wait(5).text


def test_stop_at_every_moment_leaves_every_row_closed(bench: Bench) -> None:
    """Stopped after 0, 1, 2 … ms, a call ends, and each row that was begun is closed, as stopped or as what it had become."""
    for ms in range(0, 60, 2):
        call = bench.call(WIRES[ms // 2 % 2], f"ok?delay=0.01&n=20&ms={ms}")
        time.sleep(ms / 1000)
        call.stop()
        assert call.wait(30).finish in ("stopped", "complete")
    until(lambda: all(r.closed for r in bench.rows.rows))
    assert {r.status for r in bench.rows.rows} <= {"stopped", "ok"}


def test_a_reader_that_leaves_stops_the_call(bench: Bench) -> None:
    """Nobody is left to read it: the request ends instead of running up tokens."""
    call = bench.call("openai", "ok?n=500&delay=0.01")
    for event in call:
        if isinstance(event, TextEvent):
            break
    until(lambda: call.done)
    assert "stopped" == call.result.finish


# --- reading ---


def test_a_coroutine_reads_a_call_on_its_own_loop(bench: Bench) -> None:
    """The same events for async code, whichever event loop it runs on."""

    async def read() -> tuple[str, Result]:
        call = bench.call("anthropic", "ok?delay=0.01")
        text = "".join([e.text async for e in call if isinstance(e, TextEvent)])
        return text, await call.wait_async() if not call.done else call.result

    text, result = on_a_loop(read())
    assert (GOOD, GOOD, "complete") == (text, result.text, result.finish)


def test_a_coroutine_hears_of_a_failure(bench: Bench) -> None:
    """An error is raised where the events are read."""

    async def read() -> None:
        await bench.call("openai", "401").wait_async()

    with pytest.raises(ProviderError, match="rejected the key"):
        on_a_loop(read())


# --- many calls ---


def test_many_calls_run_side_by_side_and_come_back_in_order(bench: Bench) -> None:
    """Results stand in the order of the requests, and one failure does not sink the rest."""
    steps = [f"ok?n={n}&delay=0.005" for n in range(1, 20)]
    steps[7] = "401"
    jobs = [Job(Request("x/y", (Message("user", s),)), (bench.route(WIRES[i % 2], s),)) for i, s in enumerate(steps)]
    done: list[int] = []
    results = bench.runner.map(jobs, on_done=done.append)
    assert sum(done) == len(results) == len(steps)
    assert isinstance(results[7], ProviderError)
    for n, result in enumerate(results, 1):
        if n != 8:
            assert isinstance(result, Result)
            assert "".join(words(n)) == result.text


def test_no_more_calls_run_at_once_than_allowed(bench: Bench) -> None:
    """The limit on calls at once holds, however many are asked for."""
    limits = Limits(concurrent=3)
    jobs = [
        Job(
            Request("x/y", (Message("user", "q"),)), (bench.route("openai", f"ok?n=4&delay=0.02&i={i}", limits=limits),)
        )
        for i in range(9)
    ]
    results = bench.runner.map(jobs)
    assert all(isinstance(r, Result) for r in results)
    assert 3 == bench.server.most_at_once


def test_stop_of_many_calls(bench: Bench) -> None:
    """Asked to stop, `map` returns what is there: finished answers and stopped ones."""
    began = time.monotonic()
    jobs = [
        Job(Request("x/y", (Message("user", "q"),)), (bench.route("openai", f"stall?s=20&i={i}"),)) for i in range(4)
    ]
    results = bench.runner.map(jobs, stop=lambda: time.monotonic() - began > 0.2)
    assert ["stopped"] * 4 == [r.finish for r in results if isinstance(r, Result)]


# --- fallback ---


@pytest.mark.parametrize(
    ("step", "requests"), [("401", 1), ("quota", 1), ("529", 3), ("missing", 1), ("close", 3), ("early_end?after=1", 3)]
)
def test_the_next_chosen_model_answers_and_is_named(bench: Bench, step: str, requests: int) -> None:
    """After the first model's attempts the next one is asked; the event and the result name it."""
    outcome = bench.run("openai", step, fallback=(bench.route("anthropic", "ok"),))
    assert outcome.error is None
    assert (GOOD, "anthropic/ok") == (outcome.result.text, outcome.result.model)
    assert [FallbackEvent(f"openai/{step}", "anthropic/ok")] == outcome.of(FallbackEvent)
    assert requests == len(bench.rows.of(step))
    assert requests + 1 == len(outcome.result.attempts)


@pytest.mark.parametrize("step", ["param", "html"])
def test_a_request_that_is_wrong_is_not_sent_to_anybody_else(bench: Bench, step: str) -> None:
    """Another model would refuse it as well, or a setting needs a hand."""
    outcome = bench.run("openai", step, fallback=(bench.route("anthropic", "ok"),))
    assert isinstance(outcome.error, ProviderError) and "invalid" == outcome.error.kind
    assert [] == bench.server.of("ok")


def test_text_gives_way_to_a_fallback_only_once(bench: Bench) -> None:
    """One restart is all a reader has to bear, also across models."""
    outcome = bench.run("openai", "cut", fallback=(bench.route("anthropic", "ok"),))
    assert isinstance(outcome.error, ProviderError)
    assert 1 == len(outcome.of(RestartEvent)) and [] == outcome.of(FallbackEvent)
    outcome = bench.run("openai", "cut;500;500", fallback=(bench.route("anthropic", "ok"),))
    assert GOOD == outcome.result.text and 1 == len(outcome.of(RestartEvent))


def test_too_long_a_prompt_goes_to_a_larger_window_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fallback with the same window would refuse the prompt too, so it is passed over."""
    windows = {"context": 1000, "small": 1000, "ok": 9000}
    for wire, adapter in bench.adapters.items():
        monkeypatch.setattr(adapter, "capabilities", lambda m, w=wire: _window(w, windows[m]))
    chain = (bench.route("openai", "small"), bench.route("anthropic", "ok"))
    outcome = bench.run("openai", "context", fallback=chain)
    assert "anthropic/ok" == outcome.result.model
    assert [FallbackEvent("openai/context", "anthropic/ok")] == outcome.of(FallbackEvent)


def _window(wire: str, size: int) -> Any:
    from dataclasses import replace

    return replace(presets.capabilities(wire, "m"), context_window=size)


# --- windows ---


def test_a_prompt_beyond_the_window_is_refused_before_it_is_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request, no row; the sentence has both numbers."""
    monkeypatch.setattr(bench.adapters["openai"], "capabilities", lambda m: _window("openai", 500))
    outcome = bench.run("openai", "ok", messages=(Message("user", "several words " * 2000),))
    assert isinstance(outcome.error, ProviderError) and "context" == outcome.error.kind
    assert "takes 500; use fewer excerpts" in str(outcome.error)
    assert [] == bench.server.exchanges == bench.rows.rows


def test_the_provider_counts_when_it_gets_tight(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the window an exact count decides; far from it nothing is asked."""
    monkeypatch.setattr(bench.adapters["anthropic"], "capabilities", lambda m: _window("anthropic", 1100))
    assert (
        GOOD
        == bench.run("anthropic", "ok", messages=(Message("user", "word " * 100),), max_output_tokens=50).result.text
    )
    assert [] == [e for e in bench.server.exchanges if e.path.endswith("count_tokens")]
    outcome = bench.run("anthropic", "ok", messages=(Message("user", "word " * 1000),), max_output_tokens=50)
    assert 1 == len([e for e in bench.server.exchanges if e.path.endswith("count_tokens")])
    assert isinstance(outcome.error, ProviderError) and "context" == outcome.error.kind


def test_an_estimate_that_was_a_little_low_costs_some_of_the_answer_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the exact count leaves less than was to be kept, but most of it, the call goes out with what is left."""
    words = (Message("user", "word " * 500),)
    sizes = []
    for window in (9000, 1000):
        monkeypatch.setattr(bench.adapters["anthropic"], "capabilities", lambda m, w=window: _window("anthropic", w))
        assert GOOD == bench.run("anthropic", "ok", messages=words, max_output_tokens=400).result.text
        sizes.append(bench.server.exchanges[-1].body["max_tokens"])
    (count,) = [e for e in bench.server.exchanges if e.path.endswith("count_tokens")]
    exact = len(json.dumps(count.body)) // 4
    assert 600 < exact and [400, 1000 - exact - 16] == sizes


def test_what_has_to_be_whole_is_not_shortened(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer in a schema is refused where its tokens do not fit, and a larger window that the user chose is asked instead."""
    windows = {"ok": 1000, "large": 9000}
    monkeypatch.setattr(bench.adapters["anthropic"], "capabilities", lambda m: _window("anthropic", windows[m]))
    asked: Any = {"messages": (Message("user", "word " * 500),), "max_output_tokens": 400}
    outcome = bench.run("anthropic", "ok", schema={"type": "object"}, **asked)
    assert isinstance(outcome.error, ProviderError) and "context" == outcome.error.kind
    bench.server.replies["large"] = [GOOD]
    outcome = bench.run("anthropic", "ok", fallback=(bench.route("anthropic", "large"),), **asked)
    assert "anthropic/large" == outcome.result.model and 400 == bench.server.exchanges[-1].body["max_tokens"]


# --- budget and ledger ---


def test_a_budget_is_asked_before_every_attempt(bench: Bench) -> None:
    """A call that may not be paid for makes no request and leaves no row; the gate hears the likely cost."""
    asked: list[tuple[str, str, float | None]] = []

    def gate(action: str, model: str, usd: float | None) -> None:
        asked.append((action, model, usd))
        if len(asked) > 1:
            raise BudgetExceededError("The budget of this month is used up; raise it in Settings.")

    strict = make_bench(bench.server, gate=gate)
    outcome = strict.run("openai", "500;gpt-6-sol", action="check")
    close(strict)
    assert isinstance(outcome.error, BudgetExceededError)
    assert 1 == len(strict.rows.rows) == len(bench.server.exchanges)
    assert [("check", "openai/500;gpt-6-sol", None)] * 2 == asked


def test_a_call_that_cannot_be_recorded_is_not_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row comes before the request: when it cannot be written, nothing is spent."""

    def full(*args: Any, **kwargs: Any) -> int:
        raise StoreError("The disk is full; free some space and try again.")

    monkeypatch.setattr(bench.rows, "start", full)
    assert isinstance(bench.run("openai", "ok").error, StoreError)
    assert [] == bench.server.exchanges


def test_an_answer_survives_a_ledger_that_fails_at_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row stays open, which shows; the answer is the user's."""

    def full(*args: Any, **kwargs: Any) -> None:
        raise StoreError("The disk is full; free some space and try again.")

    monkeypatch.setattr(bench.rows, "finish", full)
    assert GOOD == bench.run("openai", "ok").result.text


def test_cost_follows_the_price_list(bench: Bench) -> None:
    """Reported tokens times the list's prices, cached input cheaper; the unit price stands beside the cost."""
    outcome = bench.run("openai", "gpt-6-sol")
    (row,) = bench.rows.of("gpt-6-sol")
    expected = (row.usage.input_tokens * 2 + row.usage.output_tokens * 10) / 1e6
    assert row.cost_usd == pytest.approx(expected) == outcome.result.cost.usd
    assert row.price_source.startswith("genai-prices ")
    assert "in 2, out 10" in row.unit_price


def test_usage_is_inclusive_on_both_wires(bench: Bench) -> None:
    """OpenAI counts cached input within the input, Anthropic apart; here it is always within."""
    model = "ok?in=1000&cached=600&written=0"
    for wire in WIRES:
        usage = bench.run(wire, model).result.usage
        assert (1000, 600, 12) == (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)
    usage = bench.run("anthropic", "ok?in=1000&cached=600&written=300").result.usage
    assert (1000, 600, 300) == (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
