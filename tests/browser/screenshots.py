"""Take the pictures of the README anew: `make screenshots`. Every page over the sample documents, in light and in dark."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

import rag
from tests.browser.harness import ROOT, Visitor, launched, missing, served

OUT = ROOT / "docs" / "screenshots"
SAMPLES = ROOT / "data" / "samples"
MOST_BYTES = 200_000
WIDTH, HEIGHT = 1280, 860
QUESTION = "Why was turbine 3 out of service and for how long?"


def main() -> None:
    if lack := missing():
        sys.exit(lack)
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        prepare(data)
        with served(data) as server, launched() as browser:
            for scheme, ending in (("light", ""), ("dark", "-dark")):
                take_all(Visitor(browser, server, width=WIDTH, height=HEIGHT, scheme=scheme), ending)


def prepare(data: Path) -> None:
    """Fill a data folder: all samples in one collection, and a second one with smaller chunks."""
    with rag.open_workbench(data) as bench:
        rag.ingest(bench, rag.load_samples().uploads)
        rag.build_collection(bench, "small chunks", options=rag.ChunkOptions(80, 20)).wait(120)
        for question in rag.load_samples().questions:
            rag.ask(bench, question).wait(30)
        found = rag.evaluation.import_questions(bench, "questions.jsonl", rag.load_samples().labelled)
        made = rag.evaluation.QuestionSets(bench.catalog.engine).create("Board questions", found.questions)
        grid = rag.evaluation.SweepGrid(
            chunks=tuple(rag.ChunkOptions(size) for size in (60, 120, 200)), modes=("hybrid", "semantic"), weights=(0.3, 0.5, 0.7),
            top_ks=(3, 6),
        )  # fmt: skip
        rag.evaluation.start_sweep(bench, made, grid).wait(300)


def take_all(tab: Visitor, ending: str) -> None:
    report = next(SAMPLES.glob("*.pdf"))
    tab.go("documents").drop((report.name, report.read_bytes()))
    overlap = tab.page.locator("[class*=st-key-preview-overlap] input")
    overlap.focus()
    for _ in range(5):
        overlap.press("ArrowRight")
    overlap.blur()
    take(tab.idle(600), f"documents{ending}")
    take(tab.go("collections").idle(600), f"collections{ending}")
    search = "search?q=" + QUESTION.replace(" ", "+")
    take(tab.go(search).idle(600), f"search{ending}")
    take(tab.go(search + "&set=Board+questions").idle(1500), f"tuning{ending}")
    take(tab.go(search + "&vs=collection:small+chunks").idle(900), f"compare{ending}")
    take_experiments(tab, ending)
    tab.go("ask").ask(QUESTION)
    tab.page.locator(".st-key-evidence img").first.wait_for()
    tab.page.locator("section.turn").last.evaluate("turn => turn.scrollIntoView()")
    take(tab.idle(800), f"ask{ending}")
    take(tab.go("usage").idle(1200), f"usage{ending}")
    take(tab.go("settings"), f"settings{ending}")
    tab.page.close()


def take_experiments(tab: Visitor, ending: str) -> None:
    tab.go("experiments").page.locator(".st-key-sweeps-table").wait_for(timeout=60_000)
    take(tab.idle(1500), f"experiments{ending}")
    tab.go("experiments?view=map&q=" + QUESTION.replace(" ", "+")).page.locator(".map[data-painted]").wait_for()
    take(tab.idle(800), f"map{ending}")


def take(tab: Visitor, name: str) -> None:
    """Keep the picture with as many colours as its limit of bytes allows."""
    shot = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = io.BytesIO()
        shot.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
        if out.tell() <= MOST_BYTES:
            break
    (OUT / f"{name}.png").write_bytes(out.getvalue())
    print(f"{name}.png  {out.tell() / 1000:.0f} kB, {colours} colours")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
