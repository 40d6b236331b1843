"""`rag provider`: what it prints, what it keeps, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rag
from rag.cli import cli
from rag.cli.providers import KINDS
from rag.errors import ProviderError, RagError
from rag.providers.policy import Timeouts
from rag.providers.presets import PRESETS
from tests.faultserver import FaultServer
from tests.providers.remote.kit import KEY

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FAULT_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    unhurried = partial(
        Timeouts, connect_s=60, closing_s=60
    )  # a loaded machine is not a fault: no retry, no late usage
    monkeypatch.setattr("rag.providers.gateway.Timeouts", unhurried)

    def invoke(*arguments: str, fails: bool = False) -> Result:
        result = CliRunner().invoke(cli, ["provider", *arguments, "--data", str(tmp_path)])
        assert fails == (result.exception is not None), result.output
        return result

    return invoke


def test_add_list_test_remove(run: Run, server: FaultServer, tmp_path: Path) -> None:
    """The way of a provider from its name to its end; adding it makes no call, testing makes one."""
    added: dict[str, Any] = json.loads(
        run(
            "add", "lab", "--base-url", server.openai_url, "--key-env", "FAULT_KEY", "--model", "gpt-6-sol", "--json"
        ).stdout
    )
    assert ("lab", server.openai_url, "") == (added["name"], added["base_url"], added["problem"])
    assert "environment, ending …end9" == added["key"]
    assert [] == server.exchanges
    listed = json.loads(run("list", "--json").stdout)
    assert [added] == listed["providers"]
    (model,) = added["models"]
    assert ("lab/gpt-6-sol", True, 1_050_000) == (model["name"], model["default"], model["context_window"])
    assert "in 2, out 10" in model["price"]
    ran = run("test", "lab", "--json")
    tried = json.loads(ran.stdout)
    assert "chat model lab/gpt-6-sol, at most about $0.000" in ran.stderr
    with rag.open_workbench(tmp_path, read_only=True) as bench:
        (row,) = bench.ledger.records()
    assert ("test", "lab", "gpt-6-sol", "ok") == (row.action, row.provider, row.model, row.status)
    assert tried["cost_usd"] == row.cost_usd
    assert tried["ok"] and "the test cost $0." in tried["sentence"] and tried["cost_usd"] > 0
    assert "Removed lab" in run("remove", "lab").stdout
    assert "No provider is set up" in run("list").stdout


def test_limits_can_be_given_for_all_and_for_each_visitor(run: Run, server: FaultServer) -> None:
    """They are kept and stand in the list."""
    run("add", "lab", "--base-url", server.openai_url, "--rpm", "30", "--user-rpm", "5", "--user-tpm", "2000")
    assert "at most 30 requests a minute, 24 at once; each visitor at most 5 requests a minute, 2,000 tokens" in (
        run("list").stdout
    )
    (listed,) = json.loads(run("list", "--json").stdout)["providers"]
    assert {"requests_per_minute": 5, "tokens_per_minute": 2000, "concurrent": None} == listed["per_user"]
    assert run("add", "more", "--user-rpm", "0", fails=True).exit_code == 2


def test_no_output_holds_a_key(run: Run, server: FaultServer) -> None:
    """Only its last four characters, wherever it is from."""
    outputs = [
        run("add", "lab", "--base-url", server.openai_url, "--key-env", "FAULT_KEY", "--model", "401").output,
        run("list").output,
        run("test", "lab", fails=True).output,
    ]
    assert not [o for o in outputs if KEY in o or KEY[:16] in o]


def test_a_missing_key_is_said_when_it_is_added(run: Run) -> None:
    """The provider is kept; the sentence goes to stderr and says which variable to set."""
    result = run("add", "openai")
    assert "Added openai: https://api.openai.com/v1" in result.stdout
    assert "set OPENAI_API_KEY" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "local"), "cannot be the name"),
        (("add", "x", "--base-url", "http://api.example.com"), "use https"),
        (("test", "nobody"), "no provider 'nobody'"),
        (("remove", "nobody"), "no provider 'nobody'"),
    ],
)
def test_mistakes_are_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """An expected failure, which the command line prints and ends with 1."""
    error = run(*arguments, fails=True).exception
    assert isinstance(error, ProviderError) and words in str(error)


def test_a_failed_test_is_a_failure(run: Run, server: FaultServer) -> None:
    """Its sentence is the provider's own trouble."""
    run("add", "lab", "--base-url", server.openai_url, "--key-env", "FAULT_KEY", "--model", "401")
    error = run("test", "lab", fails=True).exception
    assert isinstance(error, RagError) and "rejected the key ending …end9" in str(error)


def test_the_kinds_are_those_there_are() -> None:
    """The command line may not look below the facade, so it has a list of its own."""
    assert set(KINDS) == set(PRESETS)
