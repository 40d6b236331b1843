"""What a sweep costs against the naive way, building and indexing every setting anew, on the six PDFs of the developer split.

    .venv/bin/python bench/tuning.py [--json]

Both try the same 24 settings (3 chunk sizes x 4 rankings x 2 top_k) on the same 51 questions. The naive way builds each of them as a
collection in a folder of its own, so that nothing is reused, and searches its questions one by one; it is measured once for each chunk
size and multiplied by the settings that need it. Figures are CPU seconds of this process, read from /proc where there is one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from quality import EVAL, load  # noqa: E402

import rag  # noqa: E402 - the path has to be there first, so that the bench runs from anywhere
from rag import ChunkOptions, SearchOptions, Workbench  # noqa: E402
from rag.evaluation import (  # noqa: E402
    QuestionSets,
    SweepGrid,
    import_qrels,
    plan_sweep,
    recommend,
    rescore,
    start_sweep,
    sweep_table,
)
from rag.evaluation.gathering import gather  # noqa: E402
from rag.types import QuestionSet  # noqa: E402

SIZES = (100, 200, 400)
GRID = SweepGrid(
    chunks=tuple(ChunkOptions(chunk_size_tokens=size) for size in SIZES),
    modes=("hybrid", "semantic", "keyword"),
    weights=(0.3, 0.5),
    top_ks=(3, 6),
)
SET = "fedpdf"


def filled(bench: Workbench) -> QuestionSet:
    """Ingest the PDFs and import their questions."""
    rag.ingest(bench, load(EVAL / SET).uploads)
    files = ((EVAL / SET / name).read_bytes() for name in ("queries.jsonl", "qrels.jsonl"))
    return QuestionSets(bench.catalog.engine).create(SET, import_qrels(bench, *files).questions)


def swept(bench: Workbench, questions: QuestionSet) -> dict[str, float]:
    """Run the sweep; return its cost and what it says."""
    plan = plan_sweep(bench, questions, GRID)
    began, cpu = time.perf_counter(), time.process_time()
    job = start_sweep(bench, questions, GRID)
    job.wait()
    assert job.result is not None, job.error
    took = {"sweep_s": time.perf_counter() - began, "sweep_cpu_s": time.process_time() - cpu}
    embedded = sum(record.items for record in bench.ledger.records() if record.action == "sweep")
    table = sweep_table(bench, job.result.sweep_id)
    best, cheapest = table.iloc[0], table[table["is_cheapest"]].iloc[0]
    print(f"{len(table)} settings; best: {best['setting']} (nDCG@10 {best['ndcg@10']:.3f})")
    print(f"within noise of it: {int(table['is_tied'].sum())}; cheapest of those: {cheapest['setting']}")
    print(f"texts embedded: {embedded}, different and not known before: {plan.texts_to_embed}")
    return {**took, "settings": len(table), "embedded": embedded, "distinct": plan.texts_to_embed}


def naive_cpu_s(size: int) -> float:
    """Return what building one collection in a fresh folder and searching its questions costs."""
    with TemporaryDirectory() as folder, rag.open_workbench(folder) as bench:
        data = load(EVAL / SET)
        bench.create_collection("one", options=ChunkOptions(chunk_size_tokens=size))
        began = time.process_time()
        rag.ingest(bench, data.uploads, collection="one")
        for question in data.questions:
            rag.search(bench, question.text, collection="one")
        return time.process_time() - began


def rescored_ms(bench: Workbench, questions: QuestionSet) -> dict[str, float]:
    """Return the median of what scoring anew and recommending a threshold take."""
    pool = gather(bench, questions)
    return {
        "rescore_ms": median_ms(lambda step: rescore(pool, SearchOptions(similarity_threshold=step / 50)).figures),
        "recommend_ms": median_ms(lambda step: recommend(replace(pool), SearchOptions())),
    }


def median_ms(work: object) -> float:
    spent = []
    for step in range(21):
        began = time.perf_counter()
        work(step)  # type: ignore[operator]
        spent.append((time.perf_counter() - began) * 1000)
    return sorted(spent)[10]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    if not EVAL.is_dir():
        sys.exit(f"The question sets are not on this machine (expected in {EVAL}).")
    with TemporaryDirectory() as folder, rag.open_workbench(folder) as bench:
        questions = filled(bench)
        found = swept(bench, questions) | rescored_ms(bench, questions)
    once = {size: naive_cpu_s(size) for size in SIZES}
    naive = sum(once.values()) * found["settings"] / len(SIZES)
    found |= {"naive_cpu_s": naive, "ratio": naive / found["sweep_cpu_s"]}
    if as_json:
        print(json.dumps(found))
        return
    print(
        f"sweep {found['sweep_cpu_s']:.1f} CPU-s ({found['sweep_s']:.1f} s), naive {naive:.0f} CPU-s: {found['ratio']:.1f} times less"
    )
    print(
        f"scoring 51 questions anew {found['rescore_ms']:.1f} ms, a recommended threshold {found['recommend_ms']:.1f} ms"
    )


if __name__ == "__main__":
    main()
