"""Every model call has its row, begun before the call; unknown costs stay unknown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag.errors import StoppedError
from rag.reporting import spent
from rag.store.catalog import Catalog
from rag.types import Usage
from rag.usage.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger in a catalog."""
    catalog = Catalog.open(tmp_path / "catalog.sqlite3")
    yield Ledger(catalog.engine)
    catalog.close()


def call(
    ledger: Ledger,
    action: str = "ask",
    model: str = "m",
    cost: float | None = 0.5,
    tokens: int = 10,
    estimated: bool = False,
) -> int:
    """Write a finished call."""
    row = ledger.start(action, "acme", model, items=1)
    usage = Usage(input_tokens=tokens, output_tokens=1, estimated=estimated)
    ledger.finish(row, status="ok", usage=usage, cost_usd=cost, price_source="list", duration_ms=5.0)
    return row


def test_a_call_is_written_before_it_is_made(ledger: Ledger) -> None:
    """A crash during the call leaves a row that says so, with an unknown cost."""
    row = ledger.start("ask", "acme", "m", items=3)
    (record,) = ledger.records()
    assert (row, "started", None, 3, "unknown") == (
        record.id, record.status, record.cost_usd, record.items, record.price_source,
    )  # fmt: skip


def test_a_finished_call_tells_all_it_used(ledger: Ledger) -> None:
    """Every count of the provider comes back, and the time is in UTC."""
    usage = Usage(
        input_tokens=5, output_tokens=4, cache_read_tokens=3, cache_write_tokens=2, reasoning_tokens=1, estimated=True
    )
    row = ledger.start("ask", "acme", "m", items=1)
    ledger.finish(
        row, status="failed", usage=usage, cost_usd=0.25, price_source="list", ttft_ms=7.5, duration_ms=9.5, cached=True
    )
    (record,) = ledger.records()
    assert usage == record.usage
    assert ("failed", 0.25, "list", 7.5, 9.5, True, 1) == (
        record.status, record.cost_usd, record.price_source, record.ttft_ms, record.duration_ms, record.cached, record.items,
    )  # fmt: skip
    assert timedelta(0) == record.at.utcoffset()
    assert datetime.now(UTC) - record.at < timedelta(minutes=1)


def test_items_can_be_corrected_at_the_end(ledger: Ledger) -> None:
    """A stopped ingest embedded fewer texts than it was going to."""
    row = ledger.start("ingest", "local", "m", items=100)
    ledger.finish(row, status="stopped", usage=Usage(), cost_usd=0.0, price_source="local", items=32)
    assert 32 == ledger.records()[0].items


def test_records_come_newest_first_and_from_a_time_on(ledger: Ledger) -> None:
    """The table of the Usage page shows what happened last, however the clock was set."""
    rows = [call(ledger) for _ in range(3)]
    assert rows[::-1] == [r.id for r in ledger.records()]
    assert rows[:0:-1] == [r.id for r in ledger.records(limit=2)]
    assert [] == ledger.records(since=datetime.now(UTC) + timedelta(hours=1))
    assert 3 == len(ledger.records(since=datetime.now().astimezone() - timedelta(hours=1)))


def test_totals_by_model_add_up(ledger: Ledger) -> None:
    """Calls whose cost is unknown are counted beside the sum, never as zero."""
    call(ledger, model="a", cost=0.5)
    call(ledger, model="a", cost=0.0)
    call(ledger, model="a", cost=None, estimated=True)
    call(ledger, model="b", cost=None)

    a, b = ledger.totals("model")

    assert {
        "model": "acme/a", "calls": 3, "items": 3, "input_tokens": 30, "output_tokens": 3, "cost_usd": 0.5,
        "unknown_costs": 1, "estimated": 1, "estimated_usd": None, "unpriced": 1,
    } == a  # fmt: skip
    assert ("acme/b", None, 1) == (b["model"], b["cost_usd"], b["unknown_costs"])
    ledger.start("ask", "acme", "b", estimated_cost_usd=0.25)
    (b,) = (t for t in ledger.totals("model") if t["model"] == "acme/b")
    assert (None, 2, 0.25, 1) == (b["cost_usd"], b["unknown_costs"], b["estimated_usd"], b["unpriced"])
    assert ("$0.5000 + 1 call of unknown price", "about $0.2500 + 1 call of unknown price") == (spent([a]), spent([b]))


def test_totals_tell_likely_costs_apart_from_unknown_ones(ledger: Ledger) -> None:
    """A call with a price whose tokens are estimated has a likely cost; one without a price has none."""
    row = ledger.start("ask", "acme", "a")
    usage = Usage(input_tokens=10, estimated=True)
    ledger.finish(row, status="ok", usage=usage, cost_usd=None, price_source="list", estimated_cost_usd=0.25)
    call(ledger, model="a", cost=None)
    (found,) = ledger.totals("model")
    assert (2, 0.25, 1) == (found["unknown_costs"], found["estimated_usd"], found["unpriced"])


def test_totals_by_day_and_action(ledger: Ledger) -> None:
    """Days are those of the user's clock."""
    call(ledger, action="search")
    call(ledger, action="ask")
    call(ledger, action="ask")
    assert [("ask", 2), ("search", 1)] == [(t["action"], t["calls"]) for t in ledger.totals("action")]
    assert [(f"{datetime.now().astimezone():%Y-%m-%d}", 3)] == [(t["day"], t["calls"]) for t in ledger.totals("day")]
    assert [] == ledger.totals("day", since=datetime.now(UTC) + timedelta(days=1))


def test_an_empty_ledger_has_no_totals(ledger: Ledger) -> None:
    """No call is no row, not a row of zeros."""
    assert [] == ledger.totals("model") == ledger.records()


def test_measure_closes_the_row_however_the_call_ends(ledger: Ledger) -> None:
    """Done, from the cache, failed and stopped are told apart, and the error goes on."""
    with ledger.measure("ask", "acme", "m") as made:
        made.usage, made.cost_usd, made.price_source, made.items = Usage(input_tokens=2), 0.5, "list", 4
    with ledger.measure("ask", "acme", "m") as made:
        made.cached = True
    with pytest.raises(RuntimeError), ledger.measure("ask", "acme", "m"):
        raise RuntimeError
    with pytest.raises(StoppedError), ledger.measure("ask", "acme", "m"):
        raise StoppedError

    stopped, failed, cached, ok = ledger.records()

    assert ["stopped", "failed", "cached", "ok"] == [r.status for r in (stopped, failed, cached, ok)]
    assert (2, 0.5, 4) == (ok.usage.input_tokens, ok.cost_usd, ok.items)
    assert ok.duration_ms is not None and ok.duration_ms >= 0
    assert failed.cost_usd is None


def test_calls_that_a_crash_interrupted_can_be_closed(ledger: Ledger) -> None:
    """They stay of unknown cost; calls that run now are left alone."""
    gone, running = ledger.start("ask", "acme", "m"), ledger.start("ask", "acme", "m")
    assert 0 == ledger.close_interrupted(lambda: {gone, running})
    assert 1 == ledger.close_interrupted(lambda: {running})
    kept, record = ledger.records()
    assert ("failed", "interrupted", None) == (record.status, record.error_kind, record.cost_usd)
    assert "started" == kept.status


def test_a_call_that_begins_while_others_are_closed_is_left_alone(ledger: Ledger) -> None:
    """Who is alive is asked after it is known which rows there are: a row that comes meanwhile is nobody's to close."""
    ledger.start("ask", "acme", "gone")

    def living() -> set[int]:
        ledger.start("ask", "acme", "fresh")
        return set()

    assert 1 == ledger.close_interrupted(living)
    assert {"gone": "failed", "fresh": "started"} == {r.model: r.status for r in ledger.records()}


def test_threads_lose_no_row(ledger: Ledger) -> None:
    """Answers that end at the same time are all counted."""
    threads = [threading.Thread(target=lambda: [call(ledger) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 100 == len({r.id for r in ledger.records()}) == ledger.totals("action")[0]["calls"]
