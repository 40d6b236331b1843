"""Search in a large collection: time a question against a bare Chroma query, in one process and in turns.

    .venv/bin/python bench/search.py [--chunks 100000] [--questions 40] [--alone]

Both return the ten best chunks with text and metadata for a question's vector that is given. The collection is made up
(`search_corpus.py`), built at the first run and kept in the folder for temporary files; building takes minutes. With --alone there is
no Chroma beside it: what a million chunks are like.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
from search_corpus import CHUNKS_A_DOCUMENT, DIMENSION, Corpus, built, open_ours, opened_peer
from side_by_side import machine, print_table, verdict

import rag
from rag import SearchOptions

TOP_K = 10
SEMANTIC = SearchOptions(mode="semantic", top_k=TOP_K, similarity_threshold=0.0)
Ask = Callable[[int], Sequence[str]]


class Sides:
    """The two of them over the same chunks, and the exact answer."""

    def __init__(self, corpus: Corpus, questions: int, *, alone: bool = False) -> None:
        self.bench, self.collection = open_ours(corpus)
        assert self.bench.index_owner is not None
        self.bench.index_owner.opened()
        self.peer = None if alone else opened_peer(corpus)
        self.vectors = corpus.vectors((6,), questions)
        self.questions = corpus.questions(questions)
        self.documents = [d.id for d in sorted(self.bench.catalog.documents(self.collection.id), key=lambda d: d.name)]
        self.matrix = np.concatenate(_vectors(corpus))

    def ours(self, options: SearchOptions) -> Ask:
        def ask(n: int) -> Sequence[str]:
            result = rag.search(
                self.bench, self.questions[n], collection=self.collection, options=options, vector=self.vectors[n]
            )
            return [_place(hit.chunk.text) for hit in result.hits]

        return ask

    def theirs(self, where: dict[str, Any] | None = None) -> Ask:
        peer = self.peer
        include = ["documents", "metadatas", "distances"]

        def ask(n: int) -> Sequence[str]:
            found = peer.query(query_embeddings=self.vectors[n], n_results=TOP_K, where=where, include=include)
            return [_place(text) for text in found["documents"][0]]

        return ask

    def words(self, mode: str) -> Ask:
        """Our own search by words, or by both, the vector given."""
        return self.ours(replace(SEMANTIC, mode=mode))  # type: ignore[arg-type]

    def recall(self, ask: Ask, rows: np.ndarray[Any, Any] | None = None) -> float:
        """Return the share of the exact ten best, among `rows` only, that are found."""
        among = np.arange(len(self.matrix)) if rows is None else rows
        found = 0
        for n, vector in enumerate(self.vectors):
            similarities = self.matrix @ vector if rows is None else self.matrix[rows] @ vector
            best = set(among[np.argsort(-similarities)[:TOP_K]].tolist())
            found += len(best & {self.row_of[text] for text in ask(n)})
        return found / (TOP_K * len(self.vectors))

    def know_rows(self, corpus: Corpus) -> None:
        """Remember in which row of the matrix each text stands."""
        self.row_of = {}
        for _, texts, _ in corpus.documents():
            for text in texts:
                self.row_of[_place(text)] = len(self.row_of)


def _vectors(corpus: Corpus) -> list[Any]:
    starts = range(0, corpus.chunks, CHUNKS_A_DOCUMENT)
    return [corpus.vectors((5, n), min(CHUNKS_A_DOCUMENT, corpus.chunks - at)) for n, at in enumerate(starts)]


def _place(text: str) -> str:
    """Return what tells a chunk from all others: its words are drawn at random."""
    return text[:80]


def in_turns(asks: dict[str, Ask], questions: int) -> dict[str, list[float]]:
    """Return milliseconds a question of each, asked in turns so that a slow moment slows all.

    Each turn begins with another: whoever is asked a question first reads from the disk what the others find in memory.
    """
    took: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        ask(0)
    order = list(asks.items())
    for n in range(questions):
        for name, ask in order[n % len(order) :] + order[: n % len(order)]:
            began = time.perf_counter()
            ask(n)
            took[name].append((time.perf_counter() - began) * 1000)
    return took


def against(took: dict[str, list[float]], ours: str, theirs: str) -> float:
    return median(a / b for a, b in zip(took[ours], took[theirs], strict=True))


def memory_mb(corpus: Corpus) -> dict[str, float]:
    """Return resident memory of a process of its own: the workbench opened, then after questions of every kind."""
    code = (
        "import sys; sys.path.insert(0, 'bench'); from search import *\n"
        "def mb(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1]) / 1024\n"
        f"corpus = Corpus({corpus.chunks}); bench, collection = open_ours(corpus); opened = mb(); bench.index_owner.opened()\n"
        "vectors = corpus.vectors((6,), 3)\n"
        "for mode in ('semantic', 'hybrid', 'keyword'):\n"
        "    for n, q in enumerate(corpus.questions(3)):\n"
        "        for exact in (False, True):\n"
        "            options = SearchOptions(mode=mode, exact=exact)\n"
        "            rag.search(bench, q, collection=collection, options=options, vector=vectors[n])\n"
        "print(opened, mb())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    opened, asked = map(float, out.split()[-2:])
    return {"opened": opened, "after questions": asked}


def end_to_end_cpu_ms(sides: Sides) -> float:
    """Return processor time of a whole question, embedding included."""
    ask = lambda q: rag.search(sides.bench, q, collection=sides.collection)  # noqa: E731
    for question in sides.questions[:3]:
        ask(question)
    began = time.process_time()
    for question in sides.questions:
        ask(question)
    return (time.process_time() - began) * 1000 / len(sides.questions)


def compare(sides: Sides, corpus: Corpus, *, alone: bool) -> dict[str, list[float]]:
    """Ask all kinds of questions in turns, print the table, and return what each took."""
    rows = np.arange(corpus.chunks) // CHUNKS_A_DOCUMENT
    in_one = replace(SEMANTIC, document_ids=tuple(sides.documents[7:8]))
    in_half = replace(SEMANTIC, document_ids=tuple(sides.documents[::2]))
    kinds = [
        ("all chunks", SEMANTIC, None, None, 1.15),
        ("one document", in_one, {"source": "report-00007.pdf"}, np.flatnonzero(rows == 7), 0.02),
        ("half the documents", in_half, {"half": True}, np.flatnonzero(rows % 2 == 0), 0.2),
    ]
    asks = {"hybrid": sides.words("hybrid"), "keyword": sides.words("keyword")}
    for title, options, where, _, _ in kinds:
        asks[title] = sides.ours(options)
        if not alone:
            asks[f"Chroma, {title}"] = sides.theirs(where)
    took = in_turns(asks, len(sides.questions))
    lines = []
    for title, _, _, among, aim in kinds:
        line = [title, f"{median(took[title]):.2f} ms", f"{sides.recall(asks[title], among):.3f}"]
        if not alone:
            other = f"Chroma, {title}"
            share = against(took, title, other)
            line += [f"{median(took[other]):.2f} ms", f"{sides.recall(asks[other], among):.3f}", f"{share:.3f}x"]
            line += [f"{aim}x", verdict(aim / share, 1.0)]
        lines.append(line)
    head = ["", "this project", "recall", "bare Chroma", "recall", "ratio", "aim", ""]
    title = f"{corpus.chunks:,} chunks of {DIMENSION} numbers, ten best with text ({machine()})"
    print_table(title, head[: len(lines[0])], lines)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--alone", action="store_true")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.chunks)
    for what, seconds in built(corpus, with_peer=not arguments.alone).items():
        print(f"built {what} in {seconds:.0f} s")
    began = time.perf_counter()
    sides = Sides(corpus, arguments.questions, alone=arguments.alone)
    print(f"opened in {time.perf_counter() - began:.1f} s", flush=True)
    sides.know_rows(corpus)
    took = compare(sides, corpus, alone=arguments.alone)
    keyword = sorted(took["keyword"])
    p95 = keyword[int(0.95 * len(keyword))]
    more = median(took["hybrid"]) - median(took["all chunks"]) - median(took["keyword"])
    print(f"Keyword: median {median(keyword):.2f} ms, p95 {p95:.2f} ms, {p95 / median(keyword):.1f}x (aim 10x)")
    print(f"Hybrid: median {median(took['hybrid']):.2f} ms, {more:+.2f} ms beside semantic + keyword (aim +2 ms)")
    print(f"A whole question, embedding included: {end_to_end_cpu_ms(sides):.1f} ms of processor time (aim 25 ms)")
    sides.bench.close()
    for when, size in memory_mb(corpus).items():
        print(f"Memory of the process, {when}: {size:,.0f} MB")


if __name__ == "__main__":
    main()
