"""Question sets on Search in a real browser: dragging with a set chosen, applying the recommendation, labelling a hit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.harness import Server, Visitor, served
from tests.browser.test_in_browser import LINK, QUESTION, move, threshold_key

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Visit = Callable[..., Visitor]
SET = "Board questions"


@pytest.fixture(scope="module")
def server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]
) -> Iterator[Server]:
    """A server of its own, because labels are made on it: the sample documents with their questions as a set."""
    import rag

    data = tmp_path_factory.mktemp("tuned") / "data"
    with rag.open_workbench(with_samples(data)) as bench:
        found = rag.evaluation.import_questions(bench, "questions.jsonl", rag.load_samples().labelled)
        rag.evaluation.QuestionSets(bench.catalog.engine).create(SET, found.questions)
    with served(data) as server:
        yield server


def chosen(tab: Visitor) -> Visitor:
    """Choose the set and wait until it is measured."""
    tab.page.locator(".st-key-tuning-set input").click()
    tab.page.get_by_role("option", name=SET).click()
    tab.page.locator(".st-key-tuning-set-drawn .strip").wait_for(timeout=60_000)
    return tab.idle()


def value(tab: Visitor) -> str:
    return tab.page.locator(f".st-key-{threshold_key(tab)} output").inner_text()


def test_dragging_moves_the_figures_of_the_set(visitor: Visit) -> None:
    """Figures and cells follow the threshold before the mouse is let go, with their change since the choice."""
    tab = chosen(visitor().go("search"))
    before = tab.text("tuning-set-drawn")
    box = tab.page.locator(f".st-key-{threshold_key(tab)} input").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + box["width"] * 0.42, middle)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=6)
    tab.idle()
    during = tab.text("tuning-set-drawn")
    assert before != during and "−" in during
    assert tab.page.locator(".cells .cell.changed.missed").count() > 10
    tab.page.mouse.up()


def test_the_recommendation_is_applied(visitor: Visit) -> None:
    """One press moves the slider to the recommended threshold, and the set is measured there."""
    tab = chosen(visitor().go("search"))
    tab.page.locator(f".st-key-{threshold_key(tab)} input").focus()
    for _ in range(20):
        tab.page.keyboard.press("ArrowRight")
    tab.idle(500)
    worse = tab.page.locator(".cells .cell.missed").count()
    apply = tab.page.locator(".st-key-tuning-apply button")
    wanted = apply.inner_text().split()[-1]
    apply.click()
    tab.idle(400)
    assert wanted == value(tab)
    assert tab.page.locator(".cells .cell.missed").count() < worse
    assert apply.is_disabled()


def test_a_cell_opens_its_question_and_a_label_joins_the_set(visitor: Visit) -> None:
    """A press on a cell puts its question into the box; a hit that is labelled says that it is expected."""
    tab = chosen(visitor().go("search"))
    tab.page.locator(".cells .cell.answered").nth(3).click()
    tab.page.locator(".st-key-search-results .card").first.wait_for()
    assert "" != tab.idle().page.get_by_label("Question", exact=True).input_value()
    assert 1 == tab.page.locator(".cell.current").count()
    tab.page.get_by_label("Question", exact=True).fill(QUESTION)
    tab.page.keyboard.press("Enter")
    tab.idle(400)
    tab.page.get_by_role("button", name="This answers it").first.click()
    tab.page.locator(".card .chip.good").first.wait_for()
    tab.idle(500)
    assert f"In {SET}: expected in 1 place" in tab.text("search-results")
    tab.page.get_by_role("button", name="Take it out of the set").click()
    tab.page.get_by_text(f"Not in {SET} yet").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_set_fits_in_its_column(visitor: Visit, scheme: str) -> None:
    """At 1280 pixels nothing of it runs out of the window, in both palettes."""
    tab = chosen(visitor(width=1280, scheme=scheme).go(LINK))
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    strip = tab.page.locator(".st-key-tuning-set-drawn .strip").bounding_box()
    assert strip is not None and strip["x"] + strip["width"] <= 1280


def test_the_set_is_redrawn_at_every_move(visitor: Visit) -> None:
    """With set and question on the page."""
    move(chosen(visitor().go(LINK)), "tuning-set-drawn", 0.1)


def test_a_reload_brings_the_settings_back(visitor: Visit) -> None:
    """The address carries set and sliders: after F5, which is a new session, the screen is the same."""
    tab = chosen(visitor().go(LINK))
    tab.page.locator(f".st-key-{threshold_key(tab)} input").focus()
    for _ in range(5):
        tab.page.keyboard.press("ArrowRight")
    tab.idle(500)
    shown = tab.text("search-results").splitlines()[1]
    assert "threshold 0.47" in shown and "t=0.47" in tab.page.url
    tab.page.reload()
    tab.page.locator(".st-key-tuning-set-drawn .strip").wait_for(timeout=60_000)
    assert shown == tab.idle(400).text("search-results").splitlines()[1]


def test_a_near_miss_is_brought_in_with_one_press(visitor: Visit) -> None:
    """What the table says would bring a question in does so: fewer are missed, and the slider stands where it says."""
    tab = chosen(visitor().go("search"))
    tab.page.locator(f".st-key-{threshold_key(tab)} input").focus()
    for _ in range(10):
        tab.page.keyboard.press("ArrowRight")
    tab.idle(500)
    missed = tab.page.locator(".cells .cell.missed").count()
    tab.page.get_by_role("button", name="lower the threshold to").first.click()
    tab.idle(500)
    assert tab.page.locator(".cells .cell.missed").count() < missed
    assert float(value(tab)) < 0.52
