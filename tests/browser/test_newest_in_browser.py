"""A component shows the newest data that it was given, in whatever order the browser gets round to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.parts.newest import script

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AS_STREAMLIT_DOES = """async (source) => {
    const shown = [], ended = [];
    for (let round = 0; round < 40; round++) {
        const url = URL.createObjectURL(new Blob([`${source}\\n// ${round}`], { type: "text/javascript" }));
        const parentElement = document.createElement("div");
        const order = [], calls = [];
        for (let i = 1; i <= 6; i++) {
            const data = new TextEncoder().encode(JSON.stringify(["key", i, [["p", {}, `state ${i}`]]]));
            calls.push(import(url).then((module) => { order.push(i); module.default({ data, parentElement }); }));
            if (i % 2) await new Promise((done) => setTimeout(done, round % 3));
        }
        await Promise.all(calls);
        shown.push(parentElement.innerText || parentElement.textContent);
        ended.push(order.at(-1));
    }
    return [shown, ended];
}"""
LATER = """async (source) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const draw = (await import(url)).default, parentElement = document.createElement("div");
    const show = (...data) => {
        draw({ data: new TextEncoder().encode(JSON.stringify(data)), parentElement });
        return parentElement.textContent;
    };
    return [
        show("key", 200000, [["p", {}, "new"]]),
        show("key", 199000, [["p", {}, "old"]]),
        show("key", 200000, [["p", {}, "new"]]),
        show("other", 5, [["p", {}, "other"]]),
        show("key", 100000, [["p", {}, "clock put right"]]),
    ];
}"""


def test_what_came_last_is_what_stays(browser: Browser) -> None:
    """A browser ends imports of a script that is loading in any order; what is on the screen then is the newest all the same."""
    page = browser.new_page()
    shown, ended = page.evaluate(AS_STREAMLIT_DOES, script("surface.js"))
    page.close()
    assert any(last != 6 for last in ended), "the browser keeps to the order now: this guard is not needed any more"
    assert ["state 6"] * 40 == shown


def test_only_what_is_older_is_passed_over(browser: Browser) -> None:
    """The same again, another element's data and a clock that was put right are drawn; a late older state is not."""
    page = browser.new_page()
    shown = page.evaluate(LATER, script("surface.js"))
    page.close()
    assert ["new", "new", "new", "other", "clock put right"] == shown
