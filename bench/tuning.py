"""What a sweep costs against the naive way, building and indexing every setting anew, on the six PDFs of the developer split.

    .venv/bin/python bench/tuning.py [--json] [--only sweep|browser]

Both try the same 24 settings (3 chunk sizes x 4 rankings x 2 top_k) on the same 51 questions. The naive way builds each of them as a
collection in a folder of its own, so that nothing is reused, and searches its questions one by one; it is measured once for each chunk
size and multiplied by the settings that need it. Figures are CPU seconds of this process, read from /proc where there is one.

The other half is what a user waits for, measured in Chromium: a move of the threshold with a set of 300 questions on the page until its
figures are redrawn, over about ten thousand chunks (the texts and PDFs of the split in chunks of 40 tokens that overlap by half), and the
map of the same collection. Medians of `MOVES` moves, with the load of the machine beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

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
from rag.types import LabelledQuestion, QuestionSet  # noqa: E402

if TYPE_CHECKING:
    from tests.browser.harness import Visitor

SIZES = (100, 200, 400)
GRID = SweepGrid(
    chunks=tuple(ChunkOptions(chunk_size_tokens=size) for size in SIZES),
    modes=("hybrid", "semantic", "keyword"),
    weights=(0.3, 0.5),
    top_ks=(3, 6),
)
SET = "fedpdf"
QUESTIONS = 300
MOVES = 24


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


# --- in a browser ---------------------------------------------------------------------------------------------------


def prepared(folder: Path) -> int:
    """Fill a data folder with about ten thousand chunks and a set of 300 labelled questions; return how many chunks there are."""
    with rag.open_workbench(folder) as bench:
        bench.create_collection("many", options=ChunkOptions(chunk_size_tokens=40, overlap_tokens=20))
        found: list[LabelledQuestion] = []
        for name in ("squad2", "chroma", "fedpdf"):
            rag.ingest(bench, load(EVAL / name).uploads, collection="many")
            files = ((EVAL / name / part).read_bytes() for part in ("queries.jsonl", "qrels.jsonl"))
            found += import_qrels(bench, *files, collection=bench.collection("many")).questions
        labelled = [question for question in found if question.label in ("evidence", "absent")]
        assert len(labelled) >= QUESTIONS
        QuestionSets(bench.catalog.engine).create("three hundred", labelled[:QUESTIONS])
        return bench.collection("many").chunks


def in_browser() -> dict[str, float]:
    """Return what a move of the threshold and the map take in Chromium."""
    from tests.browser.harness import Visitor, launched, served

    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        made = {"chunks": float(prepared(data))}
        with served(data) as server, launched() as browser:
            tab = Visitor(browser, server).go("search?collection=many&set=three+hundred")
            tab.page.locator(".st-key-tuning-set-drawn .strip").wait_for(timeout=600_000)
            made |= moved(tab.idle(1500))
            tab.go("experiments?view=gaps&collection=many").idle(1500)
            made["map_first_ms"] = map_ms(tab)
            made["map_painted_ms"] = float(tab.page.locator(".map").get_attribute("data-painted") or "nan")
            made["map_again_ms"] = median(map_ms(tab) for _ in range(5))
    return made | {"load": os.getloadavg()[0]}


def moved(tab: Visitor) -> dict[str, float]:
    """Move the threshold, wait for the figures of the set; return the median and the slowest, in milliseconds."""
    from tests.browser.test_in_browser import REDRAWN, threshold_key

    spent = []
    for move in range(MOVES + 2):
        spent.append(tab.page.evaluate(REDRAWN, [threshold_key(tab), "tuning-set-drawn", 0.08 if move % 2 else -0.08]))
        tab.page.wait_for_timeout(600)
    assert -1 not in spent
    return {"redraw_ms": median(spent[2:]), "redraw_slowest_ms": max(spent[2:]), "moves": float(MOVES)}


def map_ms(tab: Visitor) -> float:
    """Return how long it takes from leaving another view until the map is painted."""
    tab.page.get_by_role("radio", name="Gaps").click()
    tab.idle()
    began = time.perf_counter()
    tab.page.get_by_role("radio", name="Map").click()
    tab.page.locator(".map[data-painted]").wait_for(timeout=60_000)
    return (time.perf_counter() - began) * 1000


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
    parser.add_argument("--only", choices=["sweep", "browser"])
    arguments = parser.parse_args()
    if not EVAL.is_dir():
        sys.exit(f"The question sets are not on this machine (expected in {EVAL}).")
    found: dict[str, float] = {}
    if arguments.only != "browser":
        found |= swept_and_naive()
    if arguments.only != "sweep":
        from tests.browser.harness import missing

        if lack := missing():
            print(lack, file=sys.stderr)
        else:
            found |= in_browser()
    print(json.dumps(found) if arguments.json else "\n".join(lines(found)))


def swept_and_naive() -> dict[str, float]:
    """Return what a sweep costs, and the naive way."""
    with TemporaryDirectory() as folder, rag.open_workbench(folder) as bench:
        questions = filled(bench)
        found = swept(bench, questions) | rescored_ms(bench, questions)
    once = {size: naive_cpu_s(size) for size in SIZES}
    naive = sum(once.values()) * found["settings"] / len(SIZES)
    return found | {"naive_cpu_s": naive, "ratio": naive / found["sweep_cpu_s"]}


def lines(found: dict[str, float]) -> list[str]:
    """Return the figures in words."""
    told = []
    if "ratio" in found:
        told.append(
            f"sweep {found['sweep_cpu_s']:.1f} CPU-s ({found['sweep_s']:.1f} s), naive {found['naive_cpu_s']:.0f} CPU-s: "
            f"{found['ratio']:.1f} times less"
        )
        told.append(
            f"scoring 51 questions anew {found['rescore_ms']:.1f} ms, a recommended threshold {found['recommend_ms']:.1f} ms"
        )
    if "redraw_ms" in found:
        told.append(
            f"in Chromium, {QUESTIONS} questions over {found['chunks']:,.0f} chunks: redrawn {found['redraw_ms']:.0f} ms after a move (median of "
            f"{found['moves']:.0f}, slowest {found['redraw_slowest_ms']:.0f}); the map is there "
            f"{found['map_first_ms']:.0f} ms after the first click ({found['map_painted_ms']:.0f} of them painting), {found['map_again_ms']:.0f} after "
            f"later ones; load {found['load']:.1f}"
        )
    return told


if __name__ == "__main__":
    main()
