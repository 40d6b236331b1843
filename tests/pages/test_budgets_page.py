"""Budgets: set on Settings, what is left shown there and on Usage, and an answer that does not fit is a sentence on Ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag.types import Usage
from tests.faultserver import FaultServer

Visit = Callable[..., Any]


def spend(page: Any, usd: float | None, provider: str = "acme") -> None:
    ledger = page.bench.ledger
    row = ledger.start("ask", provider, "m", estimated_cost_usd=usd)
    ledger.finish(
        row, status="ok", usage=Usage(10, 1), cost_usd=usd, price_source="list", estimated_cost_usd=usd, duration_ms=1.0
    )


def put(page: Any, key: str, usd: float | None) -> Any:
    page.test.number_input(key).set_value(usd)
    return page.run()


def test_a_budget_is_set_and_what_is_left_is_shown(visit: Visit) -> None:
    """An amount counts as soon as it is entered; without one, what was spent is shown all the same."""
    page = visit("settings")
    spend(page, 0.25)
    assert "$0.25 spent today" in page.run().drawn("budget.spent..day")
    page = put(page, "budget..day", 1.0)
    assert "$0.75 left today, $0.25 spent" in page.drawn("budget.spent..day")
    assert "$0.25 spent this month" in page.drawn("budget.spent..month")
    assert 1.0 == visit("settings").test.number_input("budget..day").value
    assert "$0.75 of $1.00" in page.go("usage").drawn("usage.budgets")
    put(page.go("settings"), "budget..day", None)
    assert [] == page.bench.budgets.states()
    assert not page.go("usage").has("usage.budgets")


def test_calls_without_a_price_stand_beside_the_sum(visit: Visit) -> None:
    """They are never counted as $0."""
    page = visit("settings")
    spend(page, None)
    page = put(page, "budget..month", 5.0)
    assert "1 call of unknown price not counted" in page.drawn("budget.spent..month")
    assert "This month: 1 call of unknown price not counted." in page.go("usage").drawn("usage.budgets")


def test_from_four_fifths_on_both_pages_warn(visit: Visit) -> None:
    """The sentence says which budget and what is left."""
    page = visit("settings")
    put(page, "budget..day", 1.0)
    spend(page, 0.85)
    for name in ("settings", "usage"):
        assert any("85% of today's budget of $1.00 is used; $0.15 is left." in box for box in page.go(name).boxes())


def test_one_provider_has_a_budget_of_its_own(visit: Visit) -> None:
    """It is set beside the others and shown with its name."""
    page = visit("settings")
    page.bench.gateway.book.add(page.bench.gateway.configure("acme", base_url="https://acme.example/v1"))
    page = put(page.run(), "budget.acme.month", 2.0)
    spend(page, 0.5)
    spend(page, 1.0, "other")
    assert "$1.50 left this month, $0.50 spent" in page.run().drawn("budget.spent.acme.month")
    assert "acme: left this month $1.50 of $2.00" in page.go("usage").drawn("usage.budgets")


def test_a_budget_goes_with_its_provider(visit: Visit) -> None:
    """Nothing warns of it any more, and a new provider of that name has none."""
    page = visit("settings")
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("acme", base_url="https://acme.example/v1"))
    put(page.run(), "budget.acme.day", 1.0)
    put(page, "budget..day", 5.0)
    spend(page, 0.95)
    assert any("today's budget for acme" in box for box in page.run().boxes())
    page.press("Remove it")
    assert [("", "day")] == [(state.provider, state.period) for state in page.bench.budgets.states()]
    assert [] == page.boxes()
    gateway.book.add(gateway.configure("acme", base_url="https://acme.example/v1"))
    assert page.run().test.number_input("budget.acme.day").value is None


def test_a_budget_that_outlived_its_provider_can_be_taken_back(visit: Visit) -> None:
    """It is drawn as long as it is there: older versions left it behind."""
    page = visit("settings")
    page.bench.budgets.set("gone", month=2.0)
    page = page.run()
    assert "gone, which was removed" in page.drawn("budget.name.gone")
    page = put(page, "budget.gone.month", None)
    assert [] == page.bench.budgets.states()
    assert not page.run().has("budget.name.gone")


def test_an_answer_that_does_not_fit_is_a_sentence(visit_with_samples: Visit) -> None:
    """No request goes out, the page stays usable, and the line above the question says that the budget is used up."""
    with FaultServer() as server:
        page = visit_with_samples("settings")
        gateway = page.bench.gateway
        (page.bench.data_dir / "prices.toml").write_text('["fault/ok"]\ninput = 100.0\noutput = 100.0\n')
        gateway.book.add(gateway.configure("fault", base_url=server.openai_url, models=("ok",), key_env="HOME"))
        page.bench.budgets.set(day=0.01)
        spend(page, 0.01)
        page = page.go("ask", m="fault/ok")
        assert "Today's budget of $0.0100 is used up" in page.drawn("ask.cost")
        page.test.chat_input[0].set_value("What did the gearbox cost?")
        page.run()
        for stream in page.bench.answers.values():
            stream.wait(30)
        assert "today's budget of $0.0100; raise it" in page.run().drawn("ask.last")
        assert [] == server.exchanges
        assert not page.test.chat_input[0].disabled
