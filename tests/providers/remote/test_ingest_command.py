"""`rag ingest` into a collection whose vectors a provider makes: what it says before, and what it reports after."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import rag
from rag.cli import cli
from tests.faultserver import FaultServer
from tests.providers.remote.kit import KEY

Run = Callable[..., Result]
TEXT = "The harbour wall was raised by two metres in the spring. "


@pytest.fixture
def run(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`rag ingest` of a text into a collection of the model that is named."""
    monkeypatch.setenv("FAULT_KEY", KEY)
    data, text = tmp_path / "data", tmp_path / "harbour.txt"
    text.write_text(TEXT * 9, encoding="utf-8")

    def invoke(model: str, *more: str) -> Result:
        with rag.open_workbench(data) as bench:
            if not bench.gateway.book.all():
                models = dict.fromkeys(("ok", "free;ok", "ok?usage=none", "ok;401"), 8)
                bench.gateway.book.add(
                    bench.gateway.configure(
                        "fault", base_url=server.openai_url, key_env="FAULT_KEY", embedding_models=models,
                        prices={"ok": {"input": 10.0}},
                    )
                )  # fmt: skip
            if model not in {c.name for c in bench.catalog.collections()}:
                bench.create_collection(model, embedding_model=f"fault/{model}")
        return CliRunner().invoke(cli, ["ingest", str(text), "--collection", model, "--data", str(data), *more])

    return invoke


def test_what_is_sent_and_its_price_are_said_before(run: Run, server: FaultServer) -> None:
    """On stderr, by the cut text; a price that is not known is said to be unknown, and a second time there is nothing to send."""
    first = run("ok", "--json")
    assert (
        "The text goes to fault/ok, with about " in first.stderr
        and "short texts that measure the threshold: about " in first.stderr
    )
    assert "tokens, about $0.00" in first.stderr
    sent = len(server.exchanges)
    assert "Nothing of this has to go to fault/ok." in run("ok").stderr
    assert sent == len(server.exchanges)
    assert "price unknown, so it counts in no budget" in run("free;ok").stderr


def test_nothing_is_sent_before_it_is_said(run: Run, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to ask for a dimension."""
    said: list[int] = []
    echo = rag.cli.click.echo

    def heard(message: object = "", **more: object) -> None:
        if "goes to fault/ok" in str(message):
            said.append(len(server.exchanges))
        echo(message, **more)

    monkeypatch.setattr("rag.cli.click.echo", heard)
    run("ok")
    assert [0] == said and server.exchanges


def test_tokens_are_reported_as_the_provider_counts_them(run: Run, server: FaultServer) -> None:
    """Not as we count; where it reports none they are our estimate, and marked as one."""
    used = json.loads(run("ok", "--json").stdout)["usage"]
    (embedded,) = [e for e in server.of("ok") if any(TEXT in text for text in e.body["input"])]
    assert {"input_tokens": embedded.input_tokens, "estimated": False} == used
    assert json.loads(run("ok?usage=none", "--json").stdout)["usage"]["estimated"] is True


def test_an_embedding_model_is_tried_out_with_its_cost(run: Run, tmp_path: Path) -> None:
    """As a chat model is."""
    run("ok")
    tried = CliRunner().invoke(cli, ["provider", "test", "fault", "--data", str(tmp_path / "data"), "--json"])
    row = json.loads(tried.stdout)
    assert row["cost_usd"] > 0 and "the test cost $0.0000" in row["sentence"], tried.output
