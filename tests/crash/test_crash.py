"""`kill -9` at any point loses nothing that was done, leaves nothing half done, and needs nobody's help."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.crash,
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the walk forks for every crash, which this system cannot"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: the walk waits for the disk more than for anything else, and `kill -9` loses no
    page that the kernel has."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and shutil.disk_usage(memory).free > 200 * 1024**2):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="rag-crash-") as name:
        yield Path(name)


def walked(*arguments: str) -> dict[str, Any]:
    """Run the walk and return what it reports; what went wrong on the way goes to the test's output."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.walk", *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    assert 0 == done.returncode
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_a_crash_at_any_point_is_survived(folder: Path) -> None:
    """At every numbered point of putting, replacing, removing, deleting, syncing and rebuilding: what was done is there, the step
    in between is there wholly or not at all, the index is right after the next sync, and the remaining steps end as ever."""
    report = walked("walk", str(folder))
    assert [] == report["failed"]
    assert report["points"] >= 30


def test_kills_at_random_moments_are_survived(folder: Path) -> None:
    """The same for moments that no point names, such as inside SQLite and inside Chroma."""
    assert {"kills": 4, "failed": []} == walked("random", str(folder), "4")
