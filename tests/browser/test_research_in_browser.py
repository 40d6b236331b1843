"""Research in a browser: its steps show while it runs, and leaving the page or reloading it loses nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rag
from tests.browser.harness import Server, Visitor, served
from tests.faultserver import FaultServer
from tests.faultserver.wire import calls

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUESTION = "Why was turbine 3 out of service and for how long?"
MODEL = "ok?delay=0.12"
SAID = "The gearbox of turbine 3 failed [1]. It took a while until a crane arrived, as the report says on its third page [1]."


@pytest.fixture
def researching(
    browser: Browser, tmp_path: Path, with_samples: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server with a model that searches, reads, and then writes slowly."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    with FaultServer() as provider:
        provider.replies[MODEL] = [
            calls("search", "First I look it up.", query="gearbox of turbine 3"),
            calls("read_pages", document="brackwater-annual-report-2025.pdf", first=3),
            SAID,
        ]
        with rag.open_workbench(with_samples(tmp_path / "data")) as bench:
            gateway = bench.gateway
            gateway.book.add(
                gateway.configure("fault", base_url=provider.openai_url, key_env="FAULT_KEY", models=(MODEL,))
            )
            bench.catalog.set_setting("ask_model", f"fault/{MODEL}")
        with served(tmp_path / "data") as server:
            yield server
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def test_it_goes_on_without_its_page(browser: Browser, researching: Server) -> None:
    """The first step is on the screen while the model still works; another page and a reload later all steps and the whole answer stand."""
    tab = Visitor(browser, researching).go("ask")
    tab.page.locator(".st-key-ask-research label").first.click()
    tab.idle()
    box = tab.page.get_by_test_id("stChatInputTextArea")
    box.fill(QUESTION)
    box.press("Enter")
    tab.page.locator("ol.steps li").first.wait_for(timeout=30_000)
    assert tab.page.get_by_role("button", name="Stop").is_visible()
    address = tab.page.url
    tab.go("usage")
    tab.page.goto(address)
    tab.page.locator("section.turn .meta").wait_for(timeout=60_000)
    tab.idle()
    stands = tab.page.locator("section.turn").inner_text()
    if "Research: 2 steps" not in stands:  # a busy machine may show the page while its last run is on its way
        tab.page.reload()
        tab.page.locator("section.turn .meta").wait_for(timeout=60_000)
        stands = tab.idle(1500).page.locator("section.turn").inner_text()
    assert "Research: 2 steps" in stands, stands
    tab.page.locator("details summary", has_text="Research: 2 steps").click()
    shown = tab.page.locator("section.turn").inner_text()
    assert "gearbox of turbine 3" in shown and "from 3" in shown
    assert "until a crane arrived" in shown
    assert [] == tab.strangers and [] == tab.errors
    tab.page.close()
