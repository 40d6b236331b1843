"""Budgets: what is spent is counted as it stands, near ends are told, and two calls never share the last cent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.errors import BudgetExceededError
from rag.store.catalog import Catalog
from rag.types import Usage
from rag.usage.budgets import Budget, Budgets, begin, end
from rag.usage.ledger import Ledger, Spent


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog.open(tmp_path / "catalog.sqlite3")
    yield catalog
    catalog.close()


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    return Ledger(catalog.engine)


@pytest.fixture
def budgets(catalog: Catalog, ledger: Ledger) -> Budgets:
    return Budgets(ledger, catalog)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is changed on 29 March and on 25 October 2026."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def call(ledger: Ledger, likely: float | None, cost: float | None, provider: str = "acme") -> None:
    """Write a call that ended; a cost of None was never reported."""
    row = ledger.start("ask", provider, "m", estimated_cost_usd=likely)
    ledger.finish(
        row, status="ok", usage=Usage(10, 1), cost_usd=cost, price_source="list",
        estimated_cost_usd=likely if cost is None else cost,
    )  # fmt: skip


def test_a_call_that_runs_counts_with_its_likely_cost_until_the_real_one_is_known(
    budgets: Budgets, ledger: Ledger
) -> None:
    """The row is the reservation, and closing it is the correction."""
    row = ledger.start("ask", "acme", "m", estimated_cost_usd=0.5)
    assert Spent(0.5, 0.5, 0) == budgets.spent("day")
    ledger.finish(row, status="ok", usage=Usage(10, 1), cost_usd=0.2, price_source="list", estimated_cost_usd=0.2)
    assert Spent(0.2, 0.0, 0) == budgets.spent("day")


def test_unknown_prices_are_counted_as_calls_not_as_nothing(budgets: Budgets, ledger: Ledger) -> None:
    """They stand beside the sum; an estimate stands in it and is flagged."""
    call(ledger, None, None)
    call(ledger, 0.25, None)
    call(ledger, 0.1, 1.0)
    assert Spent(1.25, 0.25, 1) == budgets.spent("month")


def test_a_call_that_does_not_fit_is_refused_in_a_sentence(budgets: Budgets, ledger: Ledger) -> None:
    """The sentence has the price, what is left, and what to do; what is free is never refused."""
    budgets.set(day=1.0)
    call(ledger, 0.9, 0.9)
    budgets.allow("ask", "acme/m", 0.1)
    with pytest.raises(
        BudgetExceededError, match=r"acme/m would cost about \$0.20, but \$0.10 is left of today's budget of \$1.00"
    ):
        budgets.allow("ask", "acme/m", 0.2)
    budgets.allow("ask", "acme/m", 0.0)


def test_a_price_that_is_unknown_is_let_through_until_the_budget_is_used_up(budgets: Budgets, ledger: Ledger) -> None:
    """It cannot be counted; but somebody who has nothing left wants no more calls that cost."""
    budgets.set(month=1.0)
    budgets.allow("ask", "acme/m", None)
    call(ledger, 1.0, 1.0)
    with pytest.raises(BudgetExceededError, match="not known, but nothing is left of this month's budget"):
        budgets.allow("ask", "acme/m", None)


def test_a_provider_may_have_a_budget_of_its_own(budgets: Budgets, ledger: Ledger) -> None:
    """It binds that provider alone, and the one for all binds as well."""
    budgets.set("acme", day=0.5)
    call(ledger, 0.5, 0.5, "other")
    budgets.allow("ask", "acme/m", 0.5)
    call(ledger, 0.5, 0.5, "acme")
    with pytest.raises(BudgetExceededError, match="today's budget for acme"):
        budgets.allow("ask", "acme/m", 0.01)
    budgets.allow("ask", "other/m", 5.0)
    budgets.set(day=1.0)
    with pytest.raises(BudgetExceededError, match=r"today's budget of \$1.00"):
        budgets.allow("ask", "other/m", 0.01)


def test_from_four_fifths_on_it_warns(budgets: Budgets, ledger: Ledger) -> None:
    """Below there is nothing to say; used up it says what helps."""
    budgets.set(day=1.0)
    call(ledger, 0.79, 0.79)
    assert [] == budgets.warnings()
    call(ledger, 0.02, 0.02)
    assert ["81% of today's budget of $1.00 is used; $0.19 is left."] == budgets.warnings("acme")
    call(ledger, 0.5, 0.5)
    assert [
        "Today's budget of $1.00 is used up; raise it in Settings → Budgets, or use a free model."
    ] == budgets.warnings()


def test_a_budget_of_nothing_allows_what_is_free(budgets: Budgets) -> None:
    """$0 is a limit, no amount is none."""
    budgets.set(day=0.0)
    budgets.allow("ask", "ollama/x", 0.0)
    for usd in (0.001, None):
        with pytest.raises(BudgetExceededError):
            budgets.allow("ask", "acme/m", usd)
    budgets.set(day=None)
    assert [] == budgets.states()


@pytest.mark.parametrize("usd", [-1.0, float("nan"), float("inf")])
def test_a_budget_is_an_amount(usd: float) -> None:
    """What cannot be spent is no limit."""
    with pytest.raises(ValueError, match="0 or more"):
        Budget(day=usd)


def test_many_calls_at_once_never_share_the_last_cent(budgets: Budgets, ledger: Ledger) -> None:
    """Of 32 calls of $0.10 that begin together, exactly ten fit into $1."""
    budgets.set(day=1.0)
    ready, outcomes = threading.Barrier(32), list[str]()

    def one() -> None:
        ready.wait()
        try:
            ledger.start("ask", "acme", "m", estimated_cost_usd=0.1, admit=lambda: budgets.allow("ask", "acme/m", 0.1))
            outcomes.append("made")
        except BudgetExceededError:
            outcomes.append("refused")

    threads = [threading.Thread(target=one) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (10, 22) == (outcomes.count("made"), outcomes.count("refused"))
    assert 10 == len(ledger.records())


@pytest.mark.parametrize(
    ("now", "day", "month"),
    [("2026-02-28T23:59", "2026-03-01", "2026-03-01"), ("2026-12-05T00:00", "2026-12-06", "2027-01-01")],
)
def test_days_and_months_end_when_the_calendar_says(now: str, day: str, month: str) -> None:
    """In local time, as the totals by day are."""
    at = datetime.fromisoformat(now)
    assert (day, month) == (end("day", at).date().isoformat(), end("month", at).date().isoformat())
    assert now[:8] + "01" == begin("month", at).date().isoformat()


@pytest.mark.parametrize(
    ("now", "day", "tomorrow", "month", "next_month"),
    [
        ("2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-03-30T12:00", "2026-03-29T22:00", "2026-03-30T22:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("2026-10-26T12:00", "2026-10-25T23:00", "2026-10-26T23:00", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("2026-12-31T12:00", "2026-12-30T23:00", "2026-12-31T23:00", "2026-11-30T23:00", "2026-12-31T23:00"),
    ],
)
def test_days_and_months_begin_at_midnight_when_the_clock_is_changed(
    berlin: None, now: str, day: str, tomorrow: str, month: str, next_month: str
) -> None:
    """Midnight by the clock as it stood then, not as it stands now; the times expected are UTC."""
    at = datetime.fromisoformat(now)
    bounds = (begin("day", at), end("day", at), begin("month", at), end("month", at))
    assert [day, tomorrow, month, next_month] == [b.astimezone(UTC).isoformat()[:16] for b in bounds]
    assert {0} == {b.hour for b in bounds}


def test_a_midnight_that_the_clock_leaves_out_is_the_hour_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Chile that day begins at one o'clock."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/Santiago")
        time.tzset()
        began = begin("day", datetime.fromisoformat("2026-09-06T12:00"))
        assert "2026-09-06T01:00:00-03:00" == began.isoformat()
    time.tzset()
