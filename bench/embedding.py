"""Chunks embedded per second of processor time: this project, sentence-transformers and chromadb's own class.

    .venv/bin/python bench/embedding.py [--rounds 5]

All run the same weights at their default settings, in turns. The last column says that they compute the same thing. On a busy
machine torch's threads burn processor time while they wait for each other; its row with one thread shows what is left without that.
"""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median

import numpy as np
from side_by_side import EVAL, PEERS, PRODUCT, ROOT, Contender, machine, print_table, ratio, verdict

CHUNKS, QUESTIONS = 64, 60
WORDS = 150
"""Words of a chunk: about 200 tokens, the size that a collection is made with by default."""
TARGETS = {"sentence-transformers": 1.8, "chromadb": 1.4}


def texts() -> tuple[list[str], list[str]]:
    """Return chunks and questions: real paragraphs, and the questions people asked of them."""
    folder = EVAL / "squad2"
    if not folder.is_dir():
        raise SystemExit(
            f"The developer evaluation split is not beside the repository ({folder}), so nothing was measured."
        )
    words = " ".join(json.loads(line)["text"] for line in (folder / "corpus.jsonl").open()).split()
    chunks = [" ".join(words[n * WORDS : (n + 1) * WORDS]) for n in range(CHUNKS)]
    return chunks, [json.loads(line)["text"] for line in (folder / "queries.jsonl").open()][:QUESTIONS]


def measure(contenders: list[Contender], task: str, batch: list[str], rounds: int) -> dict[str, list[float]]:
    """Return processor seconds by contender, one figure a round."""
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            seconds[contender.name].append(contender.ask(task=task, texts=batch)["cpu_s"])
        print(f"{task}: round {number + 1} of {rounds}", file=sys.stderr)
    return seconds


def agreement(contenders: list[Contender], batch: list[str]) -> dict[str, float]:
    """Return the least cosine of each contender's vectors to those of sentence-transformers; also warms them up."""
    vectors = {c.name: np.array(c.ask(task="batch", texts=batch)["vectors"]) for c in contenders}
    reference = vectors["sentence-transformers"]
    return {name: float(np.sum(rows * reference, axis=1).min()) for name, rows in vectors.items()}


def show(title: str, unit: str, count: int, seconds: dict[str, list[float]], cosines: dict[str, float]) -> None:
    ours = seconds["this project"]
    rows = []
    for name, spent in seconds.items():
        figure = f"{count / median(spent):.1f}" if unit == "chunks / CPU-s" else f"{1000 * median(spent) / count:.1f}"
        rows.append([name, figure, "" if name == "this project" else ratio(spent, ours), f"{cosines[name]:.6f}"])
    print_table(title, ["", unit, "this project is better by (range of rounds)", "least cosine"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    worker = str(ROOT / "bench" / "workers" / "embed.py")
    contenders = [
        Contender("this project", PRODUCT, worker, "ours"),
        Contender("sentence-transformers", PEERS, worker, "sentence-transformers"),
        Contender("sentence-transformers, one thread", PEERS, worker, "sentence-transformers", threads=1),
        Contender("chromadb", PEERS, worker, "chromadb"),
    ]
    chunks, questions = texts()
    cosines = agreement(contenders, chunks[:8])
    indexing = measure(contenders, "batch", chunks, rounds)
    asking = measure(contenders, "one by one", questions, rounds)
    for contender in contenders:
        contender.close()
    show(f"Indexing: {CHUNKS} chunks of about 200 tokens ({machine()})", "chunks / CPU-s", CHUNKS, indexing, cosines)
    show(f"Asking: {QUESTIONS} questions one by one", "CPU ms / question", QUESTIONS, asking, cosines)
    for name, target in TARGETS.items():
        reached = median(a / b for a, b in zip(indexing[name], indexing["this project"], strict=True))
        print(f"Indexing against {name}: {reached:.2f}x, target {target}x: {verdict(reached, target)}")


if __name__ == "__main__":
    main()
