"""What only a browser can tell: streaming, dragging, reloading, looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.harness import Visitor

Visit = Callable[..., Visitor]
PAGES = ("documents", "collections", "search", "experiments", "ask", "usage", "settings")
QUESTION = "Why was turbine 3 out of service and for how long?"
LINK = "search?q=" + QUESTION.replace(" ", "+")
REDRAWN = """async ([slider, results, step]) => {
  const root = (key) => document.querySelector(`.st-key-${key} [data-testid=stBidiComponentIsolated]`).shadowRoot;
  const input = root(slider).querySelector("input");
  const begun = performance.now();
  const redrawn = new Promise((resolve) => {
    const watch = new MutationObserver(() => { watch.disconnect(); resolve(performance.now() - begun); });
    watch.observe(root(results), { childList: true, subtree: true, characterData: true, attributes: true });
    setTimeout(() => resolve(-1), 10000);
  });
  input.value = Number(input.value) + step;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  return await redrawn;
}"""


def move(tab: Visitor, drawn: str, step: float, times: int = 6) -> None:
    """Move the threshold to and fro: every move has to redraw what has that key. How long it takes is for `bench/`."""
    tab.idle(400)
    for place in range(times):
        step = -step
        assert -1 != tab.page.evaluate(REDRAWN, [threshold_key(tab), drawn, step]), f"move {place + 1} drew nothing"
        tab.page.wait_for_timeout(120)


def threshold_key(visitor: Visitor) -> str:
    return str(
        visitor.page.evaluate("""[...document.querySelector("[class*=st-key-search-threshold]").classList]
        .find((name) => name.startsWith("st-key-")).slice("st-key-".length)""")
    )


def test_a_question_that_is_not_sent_stays_in_its_field(visitor: Visit) -> None:
    """Through other pages and a reload, until it is sent; then the field is empty, here and after the next page, too."""
    from playwright.sync_api import expect

    tab = visitor().go("ask")
    field = tab.page.get_by_test_id("stChatInputTextArea")
    field.fill("Why was turbine 3")
    for page in ("Search", "Usage"):
        tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name=page).click()
        field.wait_for(state="detached")
        tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Ask").click()
        expect(field).to_have_value("Why was turbine 3")
    tab.page.reload()
    expect(field).to_have_value("Why was turbine 3")
    field.press_sequentially(" out of service?")
    field.press("Enter")
    tab.page.get_by_text("Why was turbine 3 out of service?").first.wait_for()
    expect(field).to_have_value("")
    tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Search").click()
    field.wait_for(state="detached")
    tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Ask").click()
    tab.idle()
    expect(field).to_have_value("")


@pytest.mark.parametrize("path", [*PAGES, LINK])
def test_a_deep_link_brings_the_frame_and_all_fits(visitor: Visit, path: str) -> None:
    """Whatever address comes first, the page has its frame and asks no other machine for anything.

    At both widths, in both palettes, nothing runs out of the window, and the palette is the visitor's.
    """
    tab = visitor().go(path)
    assert tab.page.get_by_test_id("stSidebarNav").is_visible()
    assert 1 == tab.page.locator("[data-testid=stMainBlockContainer] h1").count()
    assert 0 == tab.page.get_by_text("Page not found").count()
    for scheme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=scheme)
        for width in (1280, 1920):
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.idle(150)
            assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (scheme, width)
            shade = tab.page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
            assert (sum(int(v) for v in shade[4:-1].split(",")[:3]) > 380) == (scheme == "light"), (scheme, width)


def test_a_slider_moves_the_results_while_it_is_dragged(visitor: Visit) -> None:
    """Results follow the threshold before the mouse is let go."""
    tab = visitor().go(LINK)
    before = tab.text("search-results")
    box = tab.page.locator(f".st-key-{threshold_key(tab)} input").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + box["width"] * 0.42, middle)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=6)
    tab.idle()
    assert before != tab.text("search-results")
    tab.page.mouse.up()


def test_a_slider_obeys_the_arrow_keys(visitor: Visit) -> None:
    """Without a mouse: one arrow key is one step, and the results follow."""
    tab = visitor().go(LINK)
    tab.page.locator(f".st-key-{threshold_key(tab)} input").focus()
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    tab.idle()
    assert "threshold 0.45" in tab.text("search-results")


def test_every_slider_move_is_redrawn(visitor: Visit) -> None:
    """None is lost, although they come faster than a page is drawn."""
    move(visitor().go(LINK), "search-results", 0.03)


def test_a_slider_keeps_its_place_on_another_page_and_back(visitor: Visit) -> None:
    """Tuning is not lost by looking elsewhere."""
    tab = visitor().go(LINK)
    tab.page.locator(".st-key-search-top_k-slider input").focus()
    tab.page.keyboard.press("ArrowRight")
    tab.idle()
    tab.page.get_by_test_id("stSidebarNavLink").filter(has_text="Usage").click()
    tab.idle()
    tab.page.get_by_test_id("stSidebarNavLink").filter(has_text="Search").click()
    tab.idle()
    assert "7" == tab.page.locator(".st-key-search-top_k-slider output").inner_text()
    assert "top 7" in tab.text("search-results")


def test_a_marker_opens_the_page_beside_the_chat(visitor: Visit) -> None:
    """Hovering a marker shows its quote; pressing it opens the page image with the passage."""
    tab = visitor().go("ask").ask(QUESTION)
    marker = tab.page.locator("button.marker").first
    marker.hover()
    assert tab.page.locator(".tip").first.is_visible()
    marker.click()
    tab.page.locator(".st-key-evidence img").first.wait_for(timeout=15_000)
    assert tab.page.get_by_text("Page 3 of").is_visible()


def test_an_answer_survives_a_reload(visitor: Visit) -> None:
    """F5 is a new session; the address brings the conversation back."""
    tab = visitor().go("ask").ask(QUESTION)
    said = tab.text("ask-last")
    tab.page.reload()
    assert said == tab.idle().text("ask-last")


def test_a_hit_opens_in_a_drawer(visitor: Visit) -> None:
    """The page of a hit is shown beside the results, and closing leaves them as they were."""
    tab = visitor().go(LINK)
    tab.page.locator(".card").first.wait_for()
    before = tab.page.locator(".card").all_inner_texts()
    tab.page.get_by_role("button", name="Open in document").first.click()
    tab.page.get_by_role("dialog").locator("img").first.wait_for(timeout=15_000)
    tab.page.keyboard.press("Escape")
    tab.idle()
    assert before == tab.page.locator(".card").all_inner_texts()


def test_responses_carry_the_second_wall(visitor: Visit) -> None:
    """Every response forbids other hosts, and the interface for programs is off."""
    tab = visitor()
    answer = tab.page.request.get(tab.server.address())
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe-eval" not in answer.headers["content-security-policy"].replace("wasm-unsafe-eval", "")
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert 403 == tab.page.request.post(tab.server.address("_stcore/agent/interact"), data={}).status
