"""`rag usage` with budgets: what is left, and a warning beside the totals."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

import rag
from rag.cli import cli
from rag.types import Usage


def test_usage_tells_how_the_budgets_stand(tmp_path: Path) -> None:
    """JSON has limit, spent, left and the calls that could not be counted; for people there is the warning."""
    with rag.open_workbench(tmp_path) as bench:
        bench.budgets.set("acme", month=1.0)
        for usd in (0.9, None):
            row = bench.ledger.start("ask", "acme", "m")
            bench.ledger.finish(row, status="ok", usage=Usage(10, 1), cost_usd=usd, price_source="list")
    (budget,) = json.loads(CliRunner().invoke(cli, ["usage", "--json", "--data", str(tmp_path)]).stdout)["budgets"]
    assert ("acme", "month", 1.0, 0.9, 1) == tuple(
        budget[key] for key in ("provider", "period", "limit_usd", "spent_usd", "uncounted")
    )
    said = CliRunner().invoke(cli, ["usage", "--data", str(tmp_path)])
    assert "cost $0.9000 + 1 unknown" in said.stdout
    assert "90% of this month's budget for acme of $1.00 is used" in said.stderr
