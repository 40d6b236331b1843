"""The ledger against the provider's own account, over a thousand mixed calls."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from rag.errors import RagError
from rag.providers.attempts import Job
from rag.providers.calls import Call
from rag.providers.limits import Limits
from rag.providers.messages import Message, Request
from rag.providers.policy import RetryPolicy, Timeouts
from rag.store.responses import Responses
from tests.faultserver import Exchange, FaultServer
from tests.providers.remote.kit import WIRES, Bench, Row, close, make_bench

CALLS, WAVE = 1000, 100
UNHURRIED = Timeouts(connect_s=60, first_byte_s=60, between_chunks_s=60, silence_s=120, closing_s=30)
"""No limit of time may decide what is counted here: on a loaded machine even the usage can come late after the last word."""
MOST_CPU_S = 40
"""Of client and server together: a machine that others use as well is slower by the clock, not in this."""
STEPS = (
    "ok", "ok", "ok", "ok?n=3&cached=20", "ok?usage=none", "ok?usage=zero", "429?retry=0.01;ok", "500;ok", "529;503;ok", "401", "quota",
    "context", "missing", "cut;ok", "early_end;ok", "overload;ok", "overload?after=6;ok", "garbage;ok", "close;ok", "reset;cut;ok", "empty",
    "length", "refusal", "tool", "json", "html", "500", "stop", "stop", "cached", "cached",
)  # fmt: skip


@pytest.mark.slow
def test_the_ledger_equals_the_providers_account(server: FaultServer, tmp_path: Path) -> None:
    """Faults, stops, retries, cached answers, in parallel: no row is missing or double, reported tokens agree, unknowns are marked."""
    responses = Responses(tmp_path / "responses.sqlite3")
    bench = make_bench(server, store=responses, policy=RetryPolicy(base_s=0.002, cap_s=0.005), timeouts=UNHURRIED)
    draw, began = random.Random(7), time.process_time()
    for wave in range(0, CALLS, WAVE):
        for call in [_start(bench, number, draw) for number in range(wave, wave + WAVE)]:
            with suppress(RagError):
                call.wait(120)
    took_s = time.process_time() - began
    _until_closed(bench)
    close(bench)
    responses.close()

    assert all(r.closed for r in bench.rows.rows), "every row is closed"
    rows, exchanges = _by_model(bench.rows.rows), _by_model(server.exchanges)
    assert not exchanges.keys() - rows.keys(), "no request without a row"
    for model, mine in rows.items():
        _compare(model, [r for r in mine if r.status != "cached"], exchanges.get(model, []))
    _compare_sums(bench.rows.rows, server.exchanges)
    statuses = Counter(r.status for r in bench.rows.rows)
    assert {"ok", "failed", "stopped", "cached"} == set(statuses)
    assert took_s < MOST_CPU_S


def _start(bench: Bench, number: int, draw: random.Random) -> Call:
    wire, step = draw.choice(WIRES), draw.choice(STEPS)
    if wire == "anthropic" and step == "json":
        step = "ok"
    limits = Limits(concurrent=24)
    if step == "stop":
        model, after = f"ok?n=40&delay=0.005&i={number};{number}", draw.uniform(0, 0.2)
    elif step == "cached":
        model, after = f"ok?same={number % 5}", None
    else:
        model, after = ";".join(f"{s}{'&' if '?' in s else '?'}i={number}" for s in step.split(";")), None
    request = Request(f"{wire}/{model}", (Message("user", "q" if step == "cached" else f"question {number}"),))
    job = Job(request, (bench.route(wire, model, limits=limits),), reuse="use" if step == "cached" else "off")
    call = bench.runner.start(job)
    if after is not None:
        threading.Timer(after + number % WAVE * 0.01, call.stop).start()
    return call


def _until_closed(bench: Bench) -> None:
    end = time.monotonic() + 60
    while not all(r.closed for r in bench.rows.rows) and time.monotonic() < end:
        time.sleep(0.01)


def _by_model(items: list[Row] | list[Exchange]) -> dict[str, list]:  # type: ignore[type-arg]
    found: dict[str, list] = {}  # type: ignore[type-arg]
    for item in items:
        wire = (
            item.provider if isinstance(item, Row) else ("anthropic" if item.path.endswith("/messages") else "openai")
        )
        found.setdefault(f"{wire}/{item.model}", []).append(item)
    return found


def _compare(model: str, rows: list[Row], exchanges: list[Exchange]) -> None:
    """One row a request; a row more only where a call was stopped between writing it and sending."""
    stopped = [r for r in rows if r.status == "stopped"]
    assert len(exchanges) <= len(rows) <= len(exchanges) + len(stopped), model
    if stopped or "same=" in model:  # equal calls side by side: their order is anybody's
        return
    for row, exchange in zip(rows, exchanges, strict=True):
        known = exchange.reported or not exchange.served
        if exchange.status == 0:  # the connection broke before any reply
            known = False
        assert known != row.usage.estimated, (model, exchange.step)
        if known:
            assert (exchange.input_tokens, exchange.output_tokens) == (
                row.usage.input_tokens,
                row.usage.output_tokens,
            ), model
        assert row.closed["price_source"] != "unknown" or row.cost_usd is None


def _compare_sums(rows: list[Row], exchanges: list[Exchange]) -> None:
    told = sum(r.usage.input_tokens for r in rows if not r.usage.estimated)
    reported = sum(e.input_tokens for e in exchanges if e.reported)
    unheard = sum(
        e.input_tokens for e in exchanges if e.reported and "delay" in e.model
    )  # reported to a client that had gone
    assert reported - unheard <= told <= reported
    assert all(r.cost_usd is None for r in rows if r.usage.estimated)
