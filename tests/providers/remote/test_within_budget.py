"""A budget holds over real HTTP: before the request, for many calls at once, and for embedding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from rag.errors import BudgetExceededError
from rag.providers.messages import Message, Request, Result
from rag.workbench import Workbench
from tests.faultserver import FaultServer

PRICES = '["fault/ok"]\ninput = 1000.0\noutput = 1000.0\n["fault/500"]\ninput = 1000.0\noutput = 1000.0\n'


@pytest.fixture
def workbench(tmp_path: Path, server: FaultServer) -> Iterator[Workbench]:
    """A workbench whose model `fault/ok` costs $1 for a thousand tokens."""
    (tmp_path / "prices.toml").write_text(PRICES)
    with rag.open_workbench(tmp_path) as bench:
        gateway = bench.gateway
        gateway.book.add(
            gateway.configure("fault", base_url=server.openai_url, models=("ok", "500", "other"), embedding_models={"ok": 8}, key_env="HOME")
        )  # fmt: skip
        yield bench


def ask(model: str = "fault/ok", text: str = "What does the report say?") -> Request:
    return Request(model, (Message("user", text),), max_output_tokens=50)


def test_a_call_beyond_the_budget_is_not_made(workbench: Workbench, server: FaultServer) -> None:
    """No request goes out and no row is written; the sentence says what it would cost and what is left."""
    workbench.budgets.set(day=0.05)
    with pytest.raises(
        BudgetExceededError, match=r"fault/ok would cost about \$0\.\d+, but \$0.0500 is left of today's"
    ):
        workbench.gateway.run(ask())
    assert [] == server.exchanges and [] == workbench.ledger.records()


def test_the_real_cost_takes_the_place_of_the_likely_one(workbench: Workbench) -> None:
    """After a call the budget knows what it took, as the provider reported it."""
    workbench.budgets.set(day=10.0)
    result = workbench.gateway.run(ask())
    spent = workbench.budgets.spent("day")
    assert result.cost.usd == pytest.approx(spent.usd) and 0 == spent.estimated_usd


def test_a_call_that_was_turned_away_gives_back_what_it_held(workbench: Workbench) -> None:
    """A refusal costs nothing, so the next call finds the budget as it was."""
    workbench.budgets.set(day=10.0)
    with pytest.raises(rag.RagError):
        workbench.gateway.run(ask("fault/500"))
    assert 0.0 == workbench.budgets.spent("day").usd


def test_calls_side_by_side_stay_within_the_budget(workbench: Workbench, server: FaultServer) -> None:
    """Each holds its likely cost from before its request on; those that do not fit are refused, the others are made."""
    workbench.budgets.set(day=0.5)
    outcomes = workbench.gateway.map([ask(text=f"question {i}?") for i in range(20)])
    made = [o for o in outcomes if isinstance(o, Result)]
    assert 1 <= len(made) < 20 and len(made) == len(server.exchanges)
    assert all(isinstance(o, BudgetExceededError) for o in outcomes if not isinstance(o, Result))
    likely = workbench.gateway.likely_usd(ask(text="question 1?"), output_tokens=50)
    assert likely is not None and len(made) * likely <= 0.5


def test_a_price_nobody_knows_is_said_to_be_uncounted(workbench: Workbench, server: FaultServer) -> None:
    """The call is made and stands beside the sum."""
    workbench.budgets.set(day=0.5)
    workbench.gateway.run(ask("fault/other;ok"))
    spent = workbench.budgets.spent("day")
    assert (0.0, 1) == (spent.usd, spent.uncounted)


def test_embedding_ends_at_the_budget_and_keeps_what_it_has(workbench: Workbench, server: FaultServer) -> None:
    """What is paid is kept, and the sentence says so."""
    workbench.budgets.set(day=0.9)
    kept: list[str] = []
    embedder = workbench.gateway.embedder("fault/ok", keep=lambda texts, vectors: kept.extend(texts))
    texts = [f"some words of text number {i}" for i in range(400)]
    with pytest.raises(BudgetExceededError, match=r"\d+ of 400 texts are embedded and kept, start again"):
        embedder.embed_documents(texts)
    assert len(kept) == sum(len(e.body["input"]) for e in server.exchanges) > 0
