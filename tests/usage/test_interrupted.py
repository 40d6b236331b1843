"""Calls that the end of a process cut off: closed at the next opening, at once, and never while their process lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rag
from rag.store.callers import FOLDER
from rag.types import Upload, UsageRecord
from tests.faultserver import FaultServer

OWNER = """
import sys, rag
from rag.types import GenerateOptions
bench = rag.open_workbench(sys.argv[1])
rag.ask(bench, "When was the harbour dredged?", generate_options=GenerateOptions(model="open/slow?s=60")).wait()
"""


@pytest.fixture
def folder(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a document and a provider whose model has a price and takes a minute."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    folder = tmp_path / "data"
    with rag.open_workbench(folder) as bench:
        rag.ingest(bench, [Upload("harbour.txt", b"The harbour was dredged in 1931 by the town.")])
        gateway = bench.gateway
        gateway.book.add(gateway.configure("open", base_url=server.openai_url, key_env="FAULT_KEY"))
        gateway.book.change("open", prices={"slow?s=60": {"input": 1.0, "output": 2.0}})
    return folder


def calls(folder: Path) -> list[UsageRecord]:
    with rag.open_workbench(folder, read_only=True) as bench:
        return [r for r in bench.ledger.records() if r.provider == "open"]


def started(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """Begin a process and return it once its call runs."""
    before = len(calls(folder))
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, "PYTHONPATH": os.getcwd()})
    deadline = time.monotonic() + 60
    while len(calls(folder)) == before:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    return process


def killed(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def test_a_crash_and_an_immediate_restart_leave_nothing_running(folder: Path) -> None:
    """The dead call is closed as interrupted when the folder is opened next; its likely cost goes on counting, as an estimate."""
    killed(started(folder, "-c", OWNER, str(folder)))
    assert ["started"] == [r.status for r in calls(folder)]
    with rag.open_workbench(folder) as bench:
        (row,) = [r for r in bench.ledger.records() if r.provider == "open"]
        assert ("failed", "interrupted", None) == (row.status, row.error_kind, row.cost_usd)
        assert bench.budgets.spent("day").estimated_usd == row.estimated_cost_usd and row.estimated_cost_usd


def test_a_call_of_a_living_program_beside_the_owner_is_left_alone(folder: Path) -> None:
    """`rag ask` goes on while the app is started beside it, as often as that is; once it is killed, its call is closed, its file gone."""
    asking = started(
        folder,
        "-m",
        "rag.cli",
        "ask",
        "When was the harbour dredged?",
        "--model",
        "open/slow?s=60",
        "--data",
        str(folder),
    )
    try:
        for _ in range(2):
            rag.open_workbench(folder).close()
            assert ["started"] == [r.status for r in calls(folder)]
    finally:
        killed(asking)
    rag.open_workbench(folder, read_only=True).close()
    assert ["started"] == [r.status for r in calls(folder)]
    rag.open_workbench(folder).close()
    assert ["interrupted"] == [r.error_kind for r in calls(folder)]
    assert [] == list((folder / FOLDER).iterdir())


def test_a_program_that_ends_leaves_no_file(folder: Path) -> None:
    """Searching beside the owner notes its rows while it runs, and nothing after."""
    with rag.open_workbench(folder) as owner, rag.open_workbench(folder, read_only=True) as beside:
        rag.search(beside, "When was the harbour dredged?")
        assert 1 == len(list((folder / FOLDER).iterdir()))
        assert not owner.read_only
    assert [] == list((folder / FOLDER).iterdir())
