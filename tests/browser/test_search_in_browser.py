"""Profiles, comparison and history on Search in a real browser, and how fast a move is redrawn with all of it on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.harness import Server, Visitor, served
from tests.browser.test_in_browser import LINK, QUESTION, move, threshold_key

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

Visit = Callable[..., Visitor]
OTHER = "Did the board approve the Saltmarsh battery, and who voted against it?"


@pytest.fixture(scope="module")
def server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path], samples: list[Any]
) -> Iterator[Server]:
    """A server of its own, because profiles are made on it: the sample documents in two collections."""
    import rag

    data = tmp_path_factory.mktemp("searched") / "data"
    with rag.open_workbench(with_samples(data)) as bench:
        bench.create_collection("small", options=rag.ChunkOptions(chunk_size_tokens=80))
        rag.ingest(bench, samples, collection="small")
        bench.profiles.save(rag.types.Profile("words only", rag.SearchOptions(mode="keyword", top_k=3)))
    with served(data) as server:
        yield server


def choose(tab: Visitor, key: str, option: str) -> Visitor:
    tab.page.locator(f".st-key-{key} input").click()
    tab.page.get_by_role("option", name=option).click()
    return tab.idle(400)


def key_presses(tab: Visitor, key: str, name: str, times: int) -> Visitor:
    tab.page.locator(f".st-key-{key} input").focus()
    for _ in range(times):
        tab.page.keyboard.press(name)
    return tab.idle(500)


def value(tab: Visitor, key: str) -> str:
    return tab.page.locator(f".st-key-{key} output").inner_text()


def name_field(tab: Visitor) -> Locator:
    """Open the menu of profiles. On a busy machine a late rerun of the results may close it: then it is pressed once more."""
    field = tab.page.get_by_label("Save these settings as")
    for _ in range(3):
        if not field.is_visible():
            tab.page.get_by_role("button", name="more_vert").click()
            tab.idle(500)
    return field


def test_a_profile_is_saved_and_comes_back_after_a_reload(visitor: Visit) -> None:
    """Tuned, saved under a name, reloaded: the sliders stand where they stood, and Ask has the profile, too."""
    tab = visitor().go(LINK)
    key_presses(tab, "search-top_k-slider", "ArrowRight", 3)
    key_presses(tab, threshold_key(tab), "ArrowLeft", 5)
    name_field(tab.idle(500)).fill("board papers")
    tab.page.keyboard.press("Enter")
    tab.idle(500)
    tab.page.keyboard.press("Escape")
    assert "As saved in board papers." in tab.text("profile-since")
    assert "profile=board+papers" in tab.page.url
    tab.page.reload()
    tab.idle(500)
    assert ("9", "0.37") == (value(tab, "search-top_k-slider"), value(tab, threshold_key(tab)))
    assert "As saved in board papers." in tab.text("profile-since")
    tab.page.get_by_test_id("stSidebarNavLink").filter(has_text="Ask").click()
    tab.idle(400)
    assert "board papers" == tab.page.locator(".st-key-profile-pick input").input_value()
    said = tab.ask(QUESTION).text("ask-last")
    assert "profile board papers" in said


def test_changes_are_shown_saved_and_taken_back(visitor: Visit) -> None:
    """The line under the sliders says what differs; Go back and Save do what they say."""
    tab = choose(visitor().go(LINK), "profile-pick", "words only")
    assert "3" == value(tab, "search-top_k-slider")
    key_presses(tab, "search-top_k-slider", "ArrowRight", 2)
    assert "top 3 → 5" in tab.text("profile-since")
    tab.press("Go back").idle(500)
    assert "3" == value(tab, "search-top_k-slider")
    key_presses(tab, "search-top_k-slider", "ArrowRight", 1)
    tab.page.locator(".st-key-profile-since").get_by_role("button", name="Save").click()
    tab.idle(500)
    assert "As saved in words only." in tab.text("profile-since")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_collections_stand_side_by_side(visitor: Visit, scheme: str) -> None:
    """At 1280 pixels both columns fit, rows are level, and the left one follows the threshold while it is dragged."""
    tab = choose(visitor(width=1280, scheme=scheme).go(LINK), "search-compare", "Collection small")
    tab.page.locator(".st-key-search-compared .ab-row").first.wait_for()
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    left, right = (tab.page.locator(".ab-row").first.locator(".ab-side").nth(n).bounding_box() for n in (0, 1))
    assert left and right and left["y"] == right["y"] and left["height"] == right["height"]
    assert right["x"] + right["width"] <= 1280 and abs(left["width"] - right["width"]) < 2
    assert tab.text("search-compared").count("threshold 0.42") == 4  # in both heads and under both lists
    key_presses(tab, threshold_key(tab), "ArrowRight", 10)
    assert "threshold 0.52" in tab.text("search-compared")
    assert "vs=collection" in tab.page.url


def test_a_question_of_the_history_is_asked_again(visitor: Visit) -> None:
    """One press brings back question and settings of then."""
    tab = visitor().go(LINK)
    key_presses(tab, "search-top_k-slider", "ArrowLeft", 4)
    box = tab.page.get_by_label("Question", exact=True)
    box.fill(OTHER)
    tab.page.keyboard.press("Enter")
    tab.idle(500)
    key_presses(tab, "search-top_k-slider", "ArrowRight", 5)
    tab.page.get_by_role("button", name="history").first.click()
    tab.page.locator(".st-key-search-history button", has_text=QUESTION).click()
    tab.idle(500)
    assert QUESTION == box.input_value()
    assert "2" == value(tab, "search-top_k-slider")
    assert "gearbox" in tab.text("search-results")


def test_a_card_opens_to_the_text_around_it(visitor: Visit) -> None:
    """More shows the whole chunk between what stands before and after it."""
    tab = visitor().go(LINK)
    card = tab.page.locator(".card").nth(1)
    before = card.bounding_box()
    card.get_by_role("button", name="Show the whole chunk").click()
    after = card.bounding_box()
    assert before and after and after["height"] > before["height"]
    assert card.locator(".around").first.is_visible()


def test_a_filter_narrows_and_stays_in_the_address(visitor: Visit) -> None:
    """Pages chosen in the folded group narrow the hits, its title counts them, and a reload keeps them."""
    tab = visitor().go(LINK + "&t=0.10")
    tab.page.get_by_text("Filters", exact=True).click()
    tab.page.get_by_label("From page").fill("4")
    tab.page.keyboard.press("Enter")
    tab.idle(500)
    assert tab.page.get_by_text("Filters · 1 in use").is_visible()
    assert tab.page.get_by_label("From page").is_visible()  # the group stays open though its title changed
    assert "1 filter" in tab.text("search-results") and "pf=4" in tab.page.url
    tab.page.reload()
    assert "1 filter" in tab.idle(500).text("search-results")


@pytest.mark.parametrize(
    ("link", "drawn"), [(LINK, "search-results"), (LINK + "&vs=collection:small", "search-compared")]
)
def test_every_move_is_redrawn(visitor: Visit, link: str, drawn: str) -> None:
    """Of one result, and of two side by side."""
    tab = visitor().go(link)
    tab.page.locator(f".st-key-{drawn}").wait_for()
    move(tab, drawn, 0.03)


def test_parts_drawn_late_have_their_place_from_the_start(visitor: Visit) -> None:
    """What the page keeps free for a part is what the part takes: nothing below it moves when its script is there."""
    tab = visitor().go(LINK)
    tab.page.get_by_text("More settings", exact=True).click()
    tab.page.locator(".st-key-search-neighbours-slider").wait_for()
    tab.idle()
    late = "[class*=st-key-search-][class*=-slider], .st-key-search-mode-True, .st-key-profile-pick, .st-key-search-compare"
    late += ", .st-key-tuning-set, .st-key-collection, .st-key-profile-since, .st-key-frame-collection, .st-key-search-chart"
    spare = tab.page.eval_on_selector_all(
        late,
        "parts => parts.map(part => part.getBoundingClientRect().height - parseFloat(getComputedStyle(part).minHeight))",
    )
    assert 14 == len(spare) and all(-0.5 <= height <= 2 for height in spare), spare


def test_folded_settings_are_drawn_when_they_are_opened(visitor: Visit) -> None:
    """Closed, they cost a moved slider nothing; opened, they are there and act; closed again, they go on acting."""
    tab = visitor().go(LINK + "&t=0.10")
    assert 0 == tab.page.locator(".st-key-search-page_from").count()
    tab.page.get_by_text("Filters", exact=True).click()
    tab.page.get_by_label("From page").fill("4")
    tab.page.keyboard.press("Enter")
    tab.page.get_by_text("Filters · 1 in use").click()
    tab.page.locator(".st-key-search-page_from").wait_for(state="detached")
    tab.idle()
    assert "1 filter" in tab.text("search-results")
    tab.page.get_by_role("button", name="Make or import sets").click()
    tab.page.get_by_label("New set").wait_for()
