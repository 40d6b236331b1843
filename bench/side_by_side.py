"""Contenders in processes of their own, asked in turns, measured by the processor time that they use.

Time on the wall says little on a machine that does other work; processor time of the whole process tree is what a user
pays for, threads and child processes included. Contenders take turns round by round, so that whatever slows the machine
down for a while slows all of them; a ratio is the median of the rounds' ratios. Linux only (/proc).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = str(ROOT / ".venv" / "bin" / "python")
PEERS = str(ROOT / ".venv-bench" / "bin" / "python")
EVAL = ROOT.parent / "shared" / "eval"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "PYTHONPATH": str(ROOT),
}


class Contender:
    """A worker process that answers one JSON line with another."""

    def __init__(self, name: str, python: str, *arguments: str, threads: int | None = None) -> None:
        """Start it. `threads` limits the threads that torch computes with; None leaves them as they are."""
        if not Path(python).exists():
            raise SystemExit(f"{Path(python).parents[1].name} is missing: run `make bench`, or see bench/README.md.")
        self.name = name
        self._process = subprocess.Popen(
            [python, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **OFFLINE},
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the worker's answer with `cpu_s`, the processor seconds it took. Ends the program if the worker died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        before = cpu_seconds(self._process.pid)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with {self._process.wait()}; its own words are above.")
        return {**json.loads(line), "cpu_s": cpu_seconds(self._process.pid) - before}

    def started(self) -> float:
        """Return the processor seconds from the start of the process until it is ready to work."""
        self.ask(task="ready")
        return cpu_seconds(self._process.pid)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def serve(handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Be a contender: answer every line of standard input. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps({} if request.get("task") == "ready" else handle(request)) + "\n")
        answers.flush()


def cpu_seconds(pid: int) -> float:
    """Return user and system seconds of a process, its living descendants, and the ended ones it has waited for."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended while we were looking
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    tree, total = [pid], 0
    while tree:
        current = tree.pop()
        total += ticks.get(current, 0)
        tree += children.get(current, [])
    return total / os.sysconf("SC_CLK_TCK")


def ratio(of: Sequence[float], to: Sequence[float]) -> str:
    """Return the median of the rounds' ratios with their range, e.g. "1.92x (1.88-1.97)"."""
    ratios = [a / b for a, b in zip(of, to, strict=True)]
    return f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table, so that it can be pasted into a document as it is."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    print(f"\n{title}\n")
    for row in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print(flush=True)


def machine() -> str:
    """Return what the figures depend on besides the programs: cores and how busy they are."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"


def verdict(measured: float, target: float) -> str:
    return "met" if measured >= target else "MISSED"
