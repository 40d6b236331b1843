"""`rag usage` with budgets: what is left, and a warning beside the totals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import rag
from rag.cli import cli
from rag.cli.show import print_citations
from rag.types import Answer, Usage


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
    assert "$0.9000 + 1 call of unknown price" in said.stdout
    assert "90% of this month's budget for acme of $1.00 is used" in said.stderr


def test_usage_hides_no_call_whose_cost_is_not_known(tmp_path: Path) -> None:
    """On every line and in their sum, likely costs say "about", calls without a price are counted, and so are estimated tokens."""
    with rag.open_workbench(tmp_path) as bench:
        calls = [("m", 0.01, None), *[("m", None, None)] * 4, ("n", None, 0.002)]
        for model, usd, likely in calls:
            row = bench.ledger.start("ask", "gw", model)
            usage = Usage(1000, 10, estimated=usd is None)
            bench.ledger.finish(
                row, status="ok", usage=usage, cost_usd=usd, price_source="list", estimated_cost_usd=likely
            )
    said = [
        " ".join(line.split())
        for line in CliRunner().invoke(cli, ["usage", "--data", str(tmp_path)]).stdout.splitlines()
    ]
    assert [
        "gw/m 5 calls about 5,000 in, 50 out $0.0100 + 4 calls of unknown price",
        "gw/n 1 call about 1,000 in, 10 out about $0.0020",
        "All 6 calls about 6,000 in, 60 out $0.0100 + about $0.0020 + 4 calls of unknown price",
    ] == said


def test_an_answer_says_that_its_tokens_are_estimated(capsys: pytest.CaptureFixture[str]) -> None:
    """What a provider did not report is not printed as if it had."""
    for estimated in (True, False):
        print_citations(Answer("Yes.", (), True, "gw/m", "complete", Usage(1200, 7, estimated=estimated), None))
    said = capsys.readouterr().out
    assert "(gw/m: tokens about 1,200 in, 7 out; cost unknown)" in said
    assert "(gw/m: tokens 1,200 in, 7 out; cost unknown)" in said
