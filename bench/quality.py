"""Retrieval quality on question sets with known answers, through `rag.ingest` and `rag.search` at their default settings.

    .venv/bin/python bench/quality.py [chroma squad2 fedpdf] [--mode hybrid] [--weight 0.5] [--answers] [--peers] [--json]

A hit is right when it covers at least half of a gold span, lies at least half inside it, or touches the gold page. Ranking figures
take the ten best whatever their score; answered and rejected compare the best score with the collection's own threshold.
With --answers every answerable question is answered too, from the six best hits: quoted@1 and quoted@3 are the shares of answers
whose first passage, and whose passages together, hold half of the gold characters (or stand on the gold page).
With --peers the same questions go to LangChain's tutorial pipeline and to LlamaIndex with its defaults, same weights; neither has a
threshold of its own.
The sets are looked for in ../shared/eval; their README says where they come from.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import rag  # noqa: E402 - the path has to be there first, so that the bench runs from anywhere
from rag.types import Citation, SearchOptions, SearchResult, Upload  # noqa: E402

EVAL = ROOT.parent / "shared" / "eval"
SETS = ("chroma", "squad2", "fedpdf")
TOP_K = 10
BUDGET_CHARACTERS = 4000
"""About 1,000 tokens: what a short prompt has room for."""
CONTENDERS = {"LangChain tutorial": "langchain", "LlamaIndex": "llamaindex"}


@dataclass(frozen=True)
class Found:
    """One place of a ranking: a chunk of a document, by name."""

    document: str
    start: int
    end: int
    pages: tuple[int, ...]
    score: float = math.nan


@dataclass(frozen=True)
class Gold:
    """One piece of evidence: a span of a document's text, or a page."""

    document: str
    start: int = 0
    end: int = 0
    page: int = 0

    def found_by(self, hit: Found) -> bool:
        """Tell whether the hit covers half of the span, lies half inside it, or touches the page."""
        if hit.document != self.document:
            return False
        if self.page:
            return self.page in hit.pages
        shared = min(self.end, hit.end) - max(self.start, hit.start)
        return shared >= 0.5 * (self.end - self.start) or shared >= 0.5 * (hit.end - hit.start)


@dataclass(frozen=True)
class Question:
    text: str
    answerable: bool
    kind: str
    gold: tuple[Gold, ...]


@dataclass(frozen=True)
class QuestionSet:
    name: str
    uploads: tuple[Upload, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Figures:
    """Shares, 0 to 1. NaN where the set has no questions of the kind, or no spans."""

    questions: int
    hit_at_1: float
    hit_at_5: float
    recall_at_5: float
    """Share of the pieces of evidence found among the first five."""
    characters_recall: float
    """Share of the evidence's characters within the first 4,000 retrieved characters."""
    ndcg_at_10: float
    answered: float
    """Share of the answerable questions with a hit above the threshold."""
    rejected: float
    """Share of the off-corpus questions without one."""
    auroc: float
    """Chance that an answerable question's best score is above an off-corpus question's."""
    quoted_at_1: float = math.nan
    quoted_at_3: float = math.nan


def load(folder: Path) -> QuestionSet:
    """Read a set: documents as uploads, questions with their evidence."""
    gold: dict[str, list[Gold]] = defaultdict(list)
    for row in _rows(folder / "qrels.jsonl"):
        gold[row["qid"]].append(Gold(row["doc_id"], row.get("start", 0), row.get("end", 0), row.get("page", 0)))
    questions = [
        Question(row["text"], row["answerable"], row["kind"], tuple(gold[row["qid"]]))
        for row in _rows(folder / "queries.jsonl")
    ]
    return QuestionSet(folder.name, tuple(_uploads(folder)), tuple(questions))


def _uploads(folder: Path) -> Iterable[Upload]:
    for row in _rows(folder / "corpus.jsonl"):
        if "path" in row:
            yield Upload(f"{row['doc_id']}.pdf", (folder / row["path"]).read_bytes())
        else:
            yield Upload(f"{row['doc_id']}.txt", row["text"].encode())


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measure(bench: rag.Workbench, data: QuestionSet, options: SearchOptions, *, answers: bool = False) -> Figures:
    """Ingest the set into the collection of its name, search every question and return the figures."""
    bench.create_collection(data.name)
    report = rag.ingest(bench, data.uploads, collection=data.name)
    failed = [file.message for file in report.files if file.status != "added"]
    if failed:
        raise RuntimeError(f"{data.name}: {failed[0]}")
    names = {file.document_id: Path(file.name).stem for file in report.files}
    threshold = bench.collection(data.name).similarity_threshold
    results = {q: rag.search(bench, q.text, collection=data.name, options=options) for q in data.questions}
    measured = figures({question: _found(result, names) for question, result in results.items()}, threshold)
    return replace(measured, **quoted(bench, results, names)) if answers else measured


def _found(result: SearchResult, names: dict[str, str]) -> tuple[Found, ...]:
    return tuple(
        Found(names[h.chunk.document_id], h.chunk.start, h.chunk.end, h.chunk.pages, h.score) for h in result.hits
    )


def measure_peer(kind: str, data: QuestionSet, folder: Path) -> Figures:
    """Return the figures of a peer, in a process of its own."""
    from side_by_side import PEERS, Contender  # beside this file: found when it is run, not when a test imports it

    peer = Contender(kind, PEERS, str(ROOT / "bench" / "workers" / "ranking.py"), kind)
    documents = [
        {"name": row["doc_id"], **({"path": str(folder / row["path"])} if "path" in row else {"text": row["text"]})}
        for row in _rows(folder / "corpus.jsonl")
    ]
    peer.ask(task="add", documents=documents)
    answer = peer.ask(task="search", questions=[q.text for q in data.questions], k=TOP_K)
    peer.close()
    found = {
        question: tuple(Found(hit["document"], hit["start"], hit["end"], (hit["page"],)) for hit in hits)
        for question, hits in zip(data.questions, answer["found"], strict=True)
    }
    measured = figures(found, 0.0)
    return replace(measured, answered=math.nan, rejected=math.nan, auroc=math.nan)


def quoted(bench: rag.Workbench, results: dict[Question, SearchResult], names: dict[str, str]) -> dict[str, float]:
    """Return how often the first passage, and the passages together, of the extractive answer hold the evidence."""
    first, together = [], []
    for question, result in results.items():
        if question.answerable:
            answer = rag.generate(bench, replace(result, hits=result.hits[: SearchOptions().top_k])).wait()
            first.append(_quotes(question, answer.citations[:1], names))
            together.append(_quotes(question, answer.citations, names))
    return {"quoted_at_1": _mean(first), "quoted_at_3": _mean(together)}


def _quotes(question: Question, citations: Sequence[Citation], names: dict[str, str]) -> float:
    """Return 1 when the quotes hold half of the evidence's characters, or stand on one of its pages."""
    if question.gold[0].page:
        pages = {(names[c.hit.chunk.document_id], page) for c in citations for page in c.pages}
        return float(any((gold.document, gold.page) in pages for gold in question.gold))
    wanted = {(g.document, place) for g in question.gold for place in range(g.start, g.end)}
    seen = {(names[c.hit.chunk.document_id], place) for c in citations for place in range(c.start, c.end)}
    return float(len(wanted & seen) >= 0.5 * len(wanted))


def figures(found: dict[Question, tuple[Found, ...]], threshold: float) -> Figures:
    """Return the figures of the hits of each question, searched with a threshold of 0."""
    asked = [question for question in found if question.answerable]
    best = {question: max((hit.score for hit in hits), default=0.0) for question, hits in found.items()}
    places = {question: _places(question, found[question]) for question in asked}
    inside = [best[question] for question in asked]
    outside = [best[question] for question in found if question.kind == "offcorpus"]
    return Figures(
        questions=len(asked),
        hit_at_1=_mean(1.0 if any(0 in p for p in places[q]) else 0.0 for q in asked),
        hit_at_5=_mean(1.0 if any(min(p, default=99) < 5 for p in places[q]) else 0.0 for q in asked),
        recall_at_5=_mean(_mean(1.0 if min(p, default=99) < 5 else 0.0 for p in places[q]) for q in asked),
        characters_recall=_mean(_characters(q, found[q]) for q in asked if not q.gold[0].page),
        ndcg_at_10=_mean(_ndcg(places[q]) for q in asked),
        answered=_mean(1.0 if score >= threshold else 0.0 for score in inside),
        rejected=_mean(1.0 if score < threshold else 0.0 for score in outside),
        auroc=_mean((i > o) + 0.5 * (i == o) for i in inside for o in outside),
    )


def _places(question: Question, hits: Sequence[Found]) -> list[list[int]]:
    """Return for each piece of evidence the 0-based places of the hits that have it."""
    return [[n for n, hit in enumerate(hits) if gold.found_by(hit)] for gold in question.gold]


def _ndcg(places: list[list[int]]) -> float:
    """Return nDCG@10, where a hit counts once whatever it finds and a piece of evidence counts at its first hit."""
    gained = sum(1 / math.log2(min(p) + 2) for p in places if p and min(p) < 10)
    return gained / sum(1 / math.log2(n + 2) for n in range(len(places)))


def _characters(question: Question, hits: Sequence[Found]) -> float:
    """Return the share of the evidence's characters within the first `BUDGET_CHARACTERS` of the hits."""
    left, taken = BUDGET_CHARACTERS, []
    for hit in hits:
        length = min(left, hit.end - hit.start)
        taken.append((hit.document, hit.start, hit.start + length))
        left -= length
    wanted = {(g.document, place) for g in question.gold for place in range(g.start, g.end)}
    seen = {(document, place) for document, start, end in taken for place in range(start, end)}
    return len(wanted & seen) / len(wanted)


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return sum(given) / len(given) if given else math.nan


def show(name: str, f: Figures) -> None:
    cells = [f"{value:.3f}".lstrip("0") if value == value else "–" for value in list(asdict(f).values())[1:]]
    print(f"{name:28}{f.questions:5}  " + "".join(f"{cell:>9}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--mode", choices=["hybrid", "semantic", "keyword"], default="hybrid")
    parser.add_argument("--weight", type=float, default=0.5)
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if not EVAL.is_dir():
        sys.exit(f"The question sets are not on this machine (expected in {EVAL}).")
    options = SearchOptions(mode=chosen.mode, weight=chosen.weight, top_k=TOP_K, similarity_threshold=0.0)
    if not chosen.json:
        heads = (
            "hit@1",
            "hit@5",
            "recall@5",
            "tR_4k",
            "nDCG@10",
            "answered",
            "rejected",
            "AUROC",
            "quoted@1",
            "quoted@3",
        )
        print(f"{'set':28}{'asked':>5}  " + "".join(f"{head:>9}" for head in heads))
    for name in chosen.sets:
        with TemporaryDirectory() as folder, rag.open_workbench(folder) as bench:
            result = measure(bench, load(EVAL / name), options, answers=chosen.answers)
        _report(name, result, chosen.json)
        for title, kind in CONTENDERS.items() if chosen.peers else ():
            _report(f"{name}, {title}", measure_peer(kind, load(EVAL / name), EVAL / name), chosen.json)


def _report(name: str, result: Figures, as_json: bool) -> None:
    print(json.dumps({"set": name, **asdict(result)})) if as_json else show(name, result)


if __name__ == "__main__":
    main()
