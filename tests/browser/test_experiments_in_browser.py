"""Experiments in a real browser: a sweep that outlives its page, two runs compared, the map under the mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.harness import Server, Visitor, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Visit = Callable[..., Visitor]
SET = "Board questions"
HOSTILE = "<img src=x onerror=alert(1)> ![x](http://127.0.0.1:9/x) <b>tides</b> and harbours"
FIND = """canvas => {
  const box = canvas.getBoundingClientRect(), tip = canvas.parentElement.querySelector(".tip");
  for (let y = 4; y < box.height; y += 8) for (let x = 4; x < box.width; x += 8) {
    canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + x, clientY: box.top + y }));
    if (tip.classList.contains("on")) return [box.left + x, box.top + y];
  }
  return null;
}"""
VIEWS = ("sweep", "runs", "answers", "map", "gaps", "drafts")


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory, samples: list[Any]) -> Iterator[Server]:
    """A server of its own: the samples with their questions, a hostile document, two runs, and a question without an answer."""
    import rag

    data = tmp_path_factory.mktemp("experiments") / "data"
    with rag.open_workbench(data) as bench:
        rag.ingest(bench, [*samples, rag.Upload("tides.txt", (f"{HOSTILE}. " * 40).encode())])
        found = rag.evaluation.import_questions(bench, "questions.jsonl", rag.load_samples().labelled)
        made = rag.evaluation.QuestionSets(bench.catalog.engine).create(SET, found.questions)
        for options in (rag.SearchOptions("keyword", 2), rag.SearchOptions(top_k=8)):
            rag.evaluation.keep_run(bench, rag.evaluation.evaluate(bench, made, options=options), made)
        rag.ask(bench, "What is the capital of Mongolia?").wait()
    with served(data) as server:
        yield server


def test_a_sweep_outlives_its_page(visitor: Visit) -> None:
    """Started, left for another page and opened by a reload, which is a new session, it is still there and ends in its results."""
    tab = visitor().go("experiments")
    start = tab.page.locator(".st-key-sweeps-start button")
    tab.page.get_by_text("24 settings · free").wait_for(timeout=60_000)
    start.click()
    tab.idle()
    tab.page.get_by_role("link", name="Usage").click()
    tab.idle()
    tab.go("experiments").page.reload()
    tab.page.locator(".st-key-sweeps-table tbody tr").nth(23).wait_for(timeout=120_000)
    assert "has the best nDCG@10" in tab.idle().text("sweeps-chart") and "sweep=" in tab.page.url
    tab.page.locator(".st-key-sweeps-chart circle.behind").first.click()
    chosen = tab.idle().text("sweeps-chosen")
    assert chosen.split("\n")[-1].strip() in tab.page.locator(".st-key-sweeps-table tr.now").inner_text()


def test_two_runs_are_compared(visitor: Visit) -> None:
    """First and Second put runs side by side; a press on a question opens its hits, and the address brings all of it back."""
    tab = visitor().go("experiments?view=runs")
    rows = tab.page.locator(".st-key-runs-table tbody tr", has_text="threshold")
    rows.filter(has_text="keyword").get_by_role("button", name="First").click()
    tab.idle()
    rows.filter(has_text="hybrid").get_by_role("button", name="Second").click()
    figures = tab.idle().text("runs-figures")
    assert figures.index("keyword · top 2") < figures.index("hybrid 0.50 · top 8") and "was" in figures
    tab.page.locator(".st-key-runs-questions .choice").nth(1).click()
    opened = tab.idle(400).text("runs-detail")
    assert any(word in opened for word in ("entered", "moved", "left"))
    tab.page.reload()
    assert opened == tab.idle(400).text("runs-detail")


def test_the_map_tells_what_lies_under_the_mouse(visitor: Visit) -> None:
    """Hovering shows a chunk's text as it is, with nothing of it parsed or loaded; a press opens it in its document."""
    tab = visitor().go("experiments?view=map&q=harbours and tides")
    canvas = tab.page.locator("canvas.sheet")
    canvas.wait_for(timeout=60_000)
    tab.idle()
    tab.page.locator(".keys button", has_text="tides.txt").click()  # only its points are left
    found = canvas.evaluate(FIND)
    assert found is not None
    tab.page.mouse.move(*found)
    tip = tab.page.locator(".map .tip.on")
    assert "<img src=x onerror=alert(1)>" in tip.inner_text()
    assert 0 == tab.page.locator(".map .tip img, .map .tip b b").count()
    tab.page.mouse.click(*found)
    tab.page.get_by_role("dialog").get_by_text("tides.txt").first.wait_for()


def test_a_gap_goes_to_search(visitor: Visit) -> None:
    """Search it opens the question on Search, where it can be labelled."""
    tab = visitor().go("experiments?view=gaps")
    tab.page.get_by_role("button", name="Search it").first.click()
    tab.page.wait_for_url("**/search**")
    assert "What is the capital of Mongolia?" == tab.idle(500).page.get_by_label("Question", exact=True).input_value()


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits(visitor: Visit, view: str) -> None:
    """At 1280 pixels no view runs out of the window, in both palettes."""
    tab = visitor(width=1280).go(f"experiments?view={view}")
    for scheme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=scheme)
        tab.idle()
        assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), scheme
        wide = tab.page.evaluate(
            "[...document.querySelectorAll('[data-testid=stMain] *')].some(e => e.getBoundingClientRect().right > innerWidth + 1)"
        )
        assert not wide, scheme
