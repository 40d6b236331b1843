"""Answers of a scripted model over real HTTP, each shown as it should be: right ones, wrong ones, odd ones and hostile ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rag
from rag.types import Profile, SearchOptions
from tests.browser.harness import Server, Visitor, served
from tests.faultserver import FaultServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

QUESTION = "Why was turbine 3 out of service and for how long?"
TRUE = "The gearbox of turbine 3 failed on 9 February [1]."
EVIL = "http://evil.example/x"


@dataclass(frozen=True)
class Case:
    """What a model writes, and what has to be seen of it."""

    name: str
    reply: str
    markers: tuple[str, ...] = ()
    """Texts of the buttons in the answer, in order."""
    shows: tuple[str, ...] = ()
    """What the answer reads."""
    hides: tuple[str, ...] = ()
    marks: dict[str, str] = field(default_factory=dict)
    """Kind of an underline to words under it."""
    has: tuple[str, ...] = ()
    """Elements of the answer."""
    summary: str = ""


CASES = [
    Case("right", TRUE, ("1",), marks={}, summary="1 of 1 sentence and 2 of 2 figures"),
    Case("wrong date", "The gearbox of turbine 3 failed on 9 March [1].", ("1",), marks={"figure": "9 March"}, summary="0 of 1"),
    Case("invented figure", "The new gearbox cost £999,000 [1].", ("1",), marks={"figure": "£999,000"}),
    Case("no source", "Whales were seen by the old harbour wall.", marks={"no_citation": "Whales"}),
    Case("wrong source", "The crane arrived on 12 March and the turbine ran again on 28 March [6].", ("1",), marks={"not_found": "crane"}),
    Case("never sent", "The gearbox failed [99].", shows=("[99: no such source]",)),
    Case("zero and below", "It failed [0] and failed [-1].", shows=("[0: no such source]", "[-1: no such source]")),
    Case("lenticular", "The gearbox failed【1】.", ("1",), hides=("【",)),
    Case("full width", "The gearbox failed ［２］.", ("1",), hides=("［",)),
    Case("a list with a range", "The gearbox failed [1, 3-5].", ("1", "2", "3", "4"), hides=("3-5",)),
    Case("partly sent range", "The gearbox failed [5-9].", ("1", "2"), shows=("no such source",)),
    Case("numbered as they come", "One [4]. Two [2]. One more [4].", ("1", "2", "1")),
    Case("raised", "The gearbox failed in February.¹", ("1",), hides=("¹",)),
    Case("marker as a link", f"It failed [1]({EVIL}).", ("1",), shows=(EVIL,)),
    Case("reference definition", f"It failed [1].\n\n[1]: {EVIL}", ("1", "1"), shows=(EVIL,)),
    Case("image", f"It failed [1]. ![the gearbox]({EVIL}.png)", ("1",), shows=("image blocked: evil.example",)),
    Case("html", f'It <b>failed</b> <img src="{EVIL}" onerror="alert(1)"> <script>alert(1)</script> [1].', ("1",), shows=("<script>alert(1)</script>",)),
    Case("script link", "See [here](javascript:alert(1)) [1].", ("1",), shows=("here",)),
    Case("bare addresses", f"See www.evil.example and <{EVIL}> [1].", ("1",), shows=("www.evil.example",)),
    Case("directives", "It :red[failed] :material/bolt: and $x^2$ [1].", ("1",), shows=(":red[failed]", ":material/bolt:", "$x^2$")),
    Case("table", "| When | What |\n|---|---|\n| 9 February | failed [1] |\n| 28 March | ran again [1] |", ("1", "1"), has=("table", "th", "td"), hides=("|",)),
    Case("nested list", "- one [1]\n  - two [2]\n    1. three [3]\n", ("1", "2", "3"), has=("ul ul", "ol")),
    Case("headings", "# Top\n\n## Sub\n\nIt failed [1].", ("1",), has=("h3",), hides=("#",)),
    Case("code block", "So:\n\n```python\nrow[1] = cell[2]\n```\n\nIt failed [1].", ("1",), shows=("row[1] = cell[2]",), has=("pre",)),
    Case("inline code", "Call `f[1]` now. It failed [2].", ("1",), shows=("f[1]",), has=("code",)),
    Case("quotation", "> The gearbox of turbine 3 failed [1]\n\nSo it is said [1].", ("1", "1"), has=("div.quote",)),
    Case("bold around a marker", "It failed on **9 February [1]**, *they say* [1].", ("1", "1"), has=("strong", "em"), hides=("**",)),
    Case("hidden characters", "It \u202efailed\u202c on\u200b 9 February [1].", ("1",), shows=("⟨202E⟩",)),
    Case("other scripts", "齿轮箱在二月坏了 [1]。 Έσπασε 🎉 [2].", ("1", "2"), shows=("齿轮箱在二月坏了",)),
    Case("one long word", "x" * 4000 + " [1].", ("1",)),
    Case("brackets that are none", "An [a, b] and [] and [1.5] and [1a] \\[1\\].", shows=("[a, b]", "[1a]", "[1]")),
    Case("unclosed everything", "It **failed `on [9 February [1] and ~~then", ("1",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def address(
    provider: FaultServer, with_samples: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("answers") / "data"
    with rag.open_workbench(with_samples(data)) as bench:
        six_excerpts = SearchOptions(
            top_k=6, similarity_threshold=0.0
        )  # whatever the question is, so that [1] to [6] are sent
        bench.profiles.save(Profile("six", six_excerpts, is_default=True))
        gateway = bench.gateway
        gateway.book.add(gateway.configure("fault", base_url=provider.openai_url, key_env="FAULT_KEY", models=("ok",)))
    os.environ["FAULT_KEY"] = "sk-test-0123456789abcd"
    with served(data) as server:
        yield server
    del os.environ["FAULT_KEY"]


@pytest.fixture(scope="module")
def tab(browser: Browser, address: Server) -> Iterator[Visitor]:
    """One tab for all of them: at the end it has asked nobody but the server, and no script of the page failed."""
    tab = Visitor(browser, address).go("ask?m=fault/ok")
    yield tab
    tab.page.close()
    assert [] == tab.strangers
    assert [] == tab.errors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_is_shown_as_it_should_be(tab: Visitor, provider: FaultServer, case: Case) -> None:
    """Markers are buttons where something was cited and nowhere else, structure shows, doubts are marked, nothing is live."""
    provider.replies["ok"] = [case.reply]
    _ask_anew(tab.page, f"{QUESTION} ({case.name})")
    turn = tab.page.locator("section.turn", has_text=f"({case.name})")
    turn.locator(".meta").wait_for(timeout=60_000)
    said = turn.locator(".said")
    assert list(case.markers) == [text.split("\n")[0] for text in said.locator("button.marker").all_inner_texts()]
    _reads(said, case)
    for kind, words in case.marks.items():
        assert any(words in text for text in said.locator(f".mark.{kind}").all_inner_texts())
    for selector in case.has:
        assert said.locator(selector).count()
    assert case.summary in turn.inner_text()
    assert 1 == sum(f"({case.name})" in str(e.body) for e in provider.of("ok")), "asked once, so paid once"
    assert 0 == turn.locator("img, a, iframe, script, style, link, [onerror], [href], [src]").count()
    assert tab.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def _ask_anew(page: Page, question: str) -> None:
    """Ask in a new conversation of the page that is open already: loading it takes longer than all that is looked at."""
    if page.locator("section.turn").count():
        page.get_by_role("button", name="New").first.click()
        page.locator("section.turn").wait_for(state="detached", timeout=30_000)
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")


def _reads(said: Locator, case: Case) -> None:
    text = said.inner_text()
    for words in case.shows:
        assert words in text
    for words in case.hides:
        assert words not in text


def test_a_marker_opens_its_page_with_the_passage(tab: Visitor, provider: FaultServer) -> None:
    """Hovering shows the quote, pressing opens the page beside the chat, and the row of the citation is the open one."""
    provider.replies["ok"] = [f"Nothing here. {TRUE} And [3]."]
    tab.go(f"ask?m=fault/ok&q={QUESTION} (open)")
    page = tab.page
    marker = page.locator(".said button.marker").first
    marker.hover()
    assert "failed on 9 February" in marker.locator(".tip").inner_text()
    marker.click()
    page.locator(".st-key-evidence img").first.wait_for(timeout=20_000)
    tab.idle()
    assert "[1]" in page.locator("button.citation.current").first.inner_text()
