"""Ask through a provider in a real browser: waits and words as they come, faults that leave a page to work with, answers that call nobody."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.browser.harness import Visitor, served
from tests.faultserver import FaultServer
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUESTION = "Why was turbine 3 out of service and for how long?"
USABLE_S = 2.0
FAULTS = {
    "401": "rejected the key", "quota": "used up", "missing": "choose another one in Settings", "html": "web page",
    "context": "fewer or shorter excerpts", "500": "had an error (500)", "close": "was lost", "garbage": "unreadable",
    "early_end": "broke off before its end", "cut": "Incomplete", "gzip": "broke off",
}  # fmt: skip
"""What a provider can do, and what then stands on the page."""
MODELS = ("ok", "ok?hostile", "429?retry=2;ok?x", "slow?delay=20", *FAULTS)


@dataclass
class Stage:
    tab: Visitor
    provider: FaultServer

    def open(self, model: str, question: str = QUESTION) -> None:
        """Ask by a link, which takes less time, without waiting for what comes of it."""
        self.tab.page.goto(self.tab.server.address(f"ask?m=fault/{quote(model)}&q={quote(question)}"))

    def ask(self, model: str, question: str = QUESTION) -> None:
        """Type a question without waiting for what comes of it."""
        self.tab.go(f"ask?m=fault/{quote(model)}")
        box = self.tab.page.get_by_test_id("stChatInputTextArea")
        box.fill(question)
        box.press("Enter")


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def address(
    provider: FaultServer, with_samples: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    import rag

    data: Path = tmp_path_factory.mktemp("remote") / "data"
    with rag.open_workbench(with_samples(data)) as bench:
        gateway = bench.gateway
        gateway.book.add(gateway.configure("fault", base_url=provider.openai_url, key_env="FAULT_KEY", models=MODELS))
        gateway.book.change("fault", prices={"slow?delay=20": {"input": 5.0, "output": 10.0}})
    os.environ["FAULT_KEY"] = "sk-test-0123456789abcd"
    with served(data) as server:
        yield server
    del os.environ["FAULT_KEY"]


@pytest.fixture
def stage(browser: Browser, address: Any, provider: FaultServer) -> Iterator[Stage]:
    tab = Visitor(browser, address)
    yield Stage(tab, provider)
    tab.page.close()
    assert [] == tab.strangers
    assert [] == tab.errors


def test_a_rate_limit_is_told_and_then_the_answer_comes(stage: Stage) -> None:
    """The wait is counted down with the number of tries; the answer then stands with its model."""
    stage.provider.replies["429?retry=2;ok?x"] = ["The gearbox of turbine 3 failed [1]."]
    stage.ask("429?retry=2;ok?x")
    stage.tab.page.get_by_text("Rate limited by the provider; trying again in").wait_for(timeout=15_000)
    stage.tab.page.locator("section.turn .meta", has_text="tokens in").wait_for(timeout=30_000)
    assert "gearbox" in stage.tab.idle().text("ask-last")


@pytest.mark.parametrize(("model", "words"), FAULTS.items(), ids=FAULTS)
def test_a_fault_is_a_sentence_and_the_page_stays_usable(stage: Stage, model: str, words: str) -> None:
    """Within two seconds of the sentence the next question can be typed, asked again, and another model chosen."""
    stage.open(model)
    page = stage.tab.page
    page.locator("section.turn .notice", has_text=words).wait_for(timeout=30_000)
    began = time.monotonic()
    page.get_by_role("button", name="Retry").last.wait_for(timeout=10_000)
    stage.tab.idle(0)
    assert page.get_by_test_id("stChatInputTextArea").is_enabled()
    assert time.monotonic() - began < USABLE_S
    assert 0 == page.get_by_text("Traceback").count()


def test_stop_before_the_first_byte(stage: Stage) -> None:
    """While nothing has come there is a sentence and Stop, and stopping is felt at once."""
    page, before = stage.tab.page, len(stage.provider.of("slow?delay=20"))
    stage.ask("slow?delay=20")
    page.get_by_text("Waiting for fault/slow").wait_for(timeout=15_000)
    until(lambda: len(stage.provider.of("slow?delay=20")) > before)  # unsent, it would cost nothing
    began = time.monotonic()
    page.locator("[class*=st-key-ask-stop] button").click()
    page.locator("section.turn .notice", has_text="Stopped").wait_for(timeout=10_000)
    assert time.monotonic() - began < USABLE_S
    assert "about $0.00" in page.locator("section.turn .meta").last.inner_text()


def test_stop_stays_where_it_is(stage: Stage) -> None:
    """The sentence of what is waited for comes beside the button, not above it: a press at that moment would miss."""
    stage.ask("slow?delay=20")
    page = stage.tab.page
    stop = page.locator("[class*=st-key-ask-stop] button")
    stop.wait_for(timeout=15_000)
    before = stop.bounding_box()
    page.get_by_text("Waiting for fault/slow").wait_for(timeout=15_000)
    assert before == pytest.approx(stop.bounding_box(), abs=2)  # a line settles by a pixel while fonts arrive
    stop.click()
    page.locator("section.turn .notice", has_text="Stopped").wait_for(timeout=10_000)


def test_a_hostile_answer_calls_nobody(stage: Stage) -> None:
    """Images, links and HTML, while they stream and afterwards: a listening server hears nothing, and there is nothing to click."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        leak = f"http://127.0.0.1:{listener.getsockname()[1]}/leak"
        stage.provider.replies["ok?hostile"] = [
            f'Turbine 3 [1]. ![x]({leak}) <img src="{leak}"> [more]({leak}) [r]: {leak}\n\n![r] <{leak}> '
            f"[1]({leak}) `![y]({leak})`\n\n| ![z]({leak}) |\n|---|\n| [1] |\n"
        ]
        stage.ask("ok?hostile")
        stage.tab.page.locator("section.turn .meta", has_text="tokens in").wait_for(timeout=30_000)
        stage.tab.idle(400)
        with pytest.raises(TimeoutError):
            listener.accept()
    turn = stage.tab.page.locator("section.turn").last
    assert "image blocked: 127.0.0.1" in turn.inner_text()
    assert 0 == turn.locator("img, a, iframe").count()


def test_marks_and_markers_are_drawn(stage: Stage) -> None:
    """A figure that its source contradicts is underlined, hovering a marker shows its quote, and pressing it opens the page."""
    stage.provider.replies["ok"] = ["The gearbox of turbine 3 failed on 9 March [1]. Whales swam by the **old** wall."]
    stage.ask("ok")
    page = stage.tab.page
    page.locator("section.turn .checks").wait_for(timeout=30_000)
    stage.tab.idle()
    assert "9 March" in page.locator(".said .mark.figure").first.inner_text()
    assert "Whales" in page.locator(".said .mark.no_citation").first.inner_text()
    page.locator(".said button.marker").first.hover()
    assert page.locator(".said button.marker .tip").first.is_visible()
    page.locator(".said button.marker").first.click()
    page.locator(".st-key-evidence img").first.wait_for(timeout=20_000)


def test_a_question_comes_into_view(stage: Stage) -> None:
    """Asked with the page at its top, its turn is seen at once, and the page of the answer before is gone; reruns scroll nothing."""
    stage.provider.replies["ok"] = ["The gearbox of turbine 3 failed [1].\n\n" + "It took long.\n\n" * 40] * 4
    stage.ask("ok")
    page = stage.tab.page
    page.locator("section.turn .meta").wait_for(timeout=30_000)
    page.locator(".st-key-evidence img").first.wait_for(timeout=20_000)
    stage.tab.idle()
    page.get_by_role("button", name="fault/ok").click()
    page.locator("button.choice", has_text="slow").click()
    stage.tab.idle()
    page.get_by_role("heading", name="Ask").evaluate("node => node.scrollIntoView()")
    page.wait_for_timeout(600)
    again = "What was wrong with the gearbox of turbine 3 in February, and what did the crane do in March?"
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(again)
    box.press("Enter")
    turn = page.locator("section.turn", has_text=again)
    turn.wait_for(timeout=15_000)
    page.wait_for_timeout(900)
    place = turn.bounding_box()
    assert place and 0 <= place["y"] < 800
    assert page.locator("[class*=st-key-ask-stop] button").is_visible()
    assert 0 == page.locator(".st-key-evidence img").count()
    page.locator("[class*=st-key-ask-stop] button").click()
    turn.locator(".notice", has_text="Stopped").wait_for(timeout=10_000)
    stage.tab.idle()
    page.get_by_role("heading", name="Ask").evaluate("node => node.scrollIntoView()")
    page.wait_for_timeout(600)
    page.get_by_role("button", name="fault/slow").click()
    stage.tab.idle(500)
    assert page.get_by_role("heading", name="Ask").is_visible()
    seen = page.get_by_role("heading", name="Ask").bounding_box()
    assert seen and seen["y"] >= 0


def test_nothing_else_can_be_asked_under_an_answer_that_comes(stage: Stage) -> None:
    """The questions offered to begin with are gone as soon as one is asked."""
    stage.tab.go("ask")
    page = stage.tab.page
    page.locator(".st-key-ask-suggested button.choice").first.wait_for(timeout=20_000)
    stage.ask("slow?delay=20")
    page.get_by_text("Waiting for fault/slow").wait_for(timeout=15_000)
    assert 0 == page.locator(".st-key-ask-suggested button.choice").count()
    page.locator("[class*=st-key-ask-stop] button").click()
    stage.tab.idle()


def test_a_follow_up_that_is_being_rewritten_is_said(stage: Stage) -> None:
    """While a model puts a follow-up in a form to search for, that is what is waited for."""
    stage.provider.replies["ok"] = ["The gearbox of turbine 3 failed [1]."]
    stage.ask("ok")
    page = stage.tab.page
    page.locator("section.turn .meta").wait_for(timeout=30_000)
    stage.tab.idle()
    page.get_by_role("button", name="fault/ok").click()
    page.locator("button.choice", has_text="slow").click()
    stage.tab.idle()
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill("And for how long was it out?")
    box.press("Enter")
    page.get_by_text("Putting the question in a form to search for").wait_for(timeout=15_000)
    page.locator("[class*=st-key-ask-stop] button").click()
    page.locator("section.turn .notice", has_text="Stopped").wait_for(timeout=10_000)
