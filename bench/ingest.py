"""Six PDFs in and questions out: processor time of this project and of the LangChain tutorial's pipeline.

    .venv/bin/python bench/ingest.py [--rounds 2]

Both use the weights of all-MiniLM-L6-v2 at their default settings, each round in a new process and an empty folder, in turns.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from side_by_side import EVAL, PEERS, PRODUCT, ROOT, Contender, machine, print_table, ratio, verdict

INGEST_TARGET, QUESTION_TARGET = 3.0, 10.0
WORKER = str(ROOT / "bench" / "workers" / "pipeline.py")
KINDS = {"this project": ("ours", "ours-read-only", PRODUCT), "LangChain": ("langchain", "langchain", PEERS)}
"""Worker of the ingest and of warm questions, worker of one question in a new process, interpreter."""


@dataclass
class Seconds:
    """Processor seconds of one pipeline, one figure a round."""

    start: list[float] = field(default_factory=list)
    ingest: list[float] = field(default_factory=list)
    question: list[float] = field(default_factory=list)
    cold_question: list[float] = field(default_factory=list)
    chunks: int = 0


def run(name: str, paths: list[str], questions: list[str], seconds: Seconds) -> None:
    """Ingest in one process and ask there; then ask one question in a new process over the same folder."""
    kind, cold_kind, python = KINDS[name]
    with TemporaryDirectory() as folder:
        contender = Contender(name, python, WORKER, kind, folder)
        seconds.start.append(contender.started())
        answer = contender.ask(task="ingest", paths=paths)
        seconds.ingest.append(answer["cpu_s"])
        seconds.chunks = answer["chunks"]
        contender.ask(task="ask", questions=questions[:3])
        seconds.question.append(contender.ask(task="ask", questions=questions)["cpu_s"] / len(questions))
        contender.close()
        contender = Contender(name, python, WORKER, cold_kind, folder)
        seconds.cold_question.append(contender.started() + contender.ask(task="ask", questions=questions[:1])["cpu_s"])
        contender.close()


def show(measured: dict[str, Seconds], files: int) -> None:
    ours, theirs = measured["this project"], measured["LangChain"]
    whole = {name: [a + b for a, b in zip(s.start, s.ingest, strict=True)] for name, s in measured.items()}
    rows = []
    for title, unit, mine, other in (
        ("ingest, models loaded", "s", ours.ingest, theirs.ingest),
        ("ingest, from the start of the process", "s", whole["this project"], whole["LangChain"]),
        ("a question, process warm", "ms", ours.question, theirs.question),
        ("a question, from the start of the process", "s", ours.cold_question, theirs.cold_question),
    ):
        factor = 1000 if unit == "ms" else 1
        cells = [f"{factor * median(values):.1f} {unit}" for values in (mine, other)]
        rows.append([title, *cells, ratio(other, mine)])
    title = f"{files} PDFs: {ours.chunks} chunks here, {theirs.chunks} in LangChain; processor time ({machine()})"
    print_table(title, ["", *measured, "this project needs less by"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    folder = EVAL / "fedpdf"
    if not folder.is_dir():
        raise SystemExit(
            f"The developer evaluation split is not beside the repository ({folder}), so nothing was measured."
        )
    paths = sorted(str(path) for path in Path(folder / "pdfs").glob("*.pdf"))
    questions = [json.loads(line)["text"] for line in (folder / "queries.jsonl").open()]
    measured = {name: Seconds() for name in KINDS}
    for number in range(rounds):
        for name, seconds in measured.items():
            run(name, paths, questions, seconds)
            print(f"{name}: round {number + 1} of {rounds}", file=sys.stderr)
    show(measured, len(paths))
    for title, target, attribute in (("Ingest", INGEST_TARGET, "ingest"), ("Question", QUESTION_TARGET, "question")):
        pairs = zip(*(getattr(seconds, attribute) for seconds in reversed(measured.values())), strict=True)
        reached = median(theirs / mine for theirs, mine in pairs)
        print(f"{title} against LangChain: {reached:.2f}x less, target {target:.0f}x: {verdict(reached, target)}")


if __name__ == "__main__":
    main()
