"""The report in a browser: it loads nothing, runs nothing and fits the window and the paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rag
from rag.types import GenerateOptions, Upload
from tests.faultserver import FaultServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = (
    "The harbour was dredged in 1931 [1]. ![x](http://127.0.0.1:9/a.png) <img src=http://127.0.0.1:9/b onerror=\"document.title='run'\"> "
    "<script>document.title='run'</script> [go](javascript:document.title='run')"
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, samples: list[Upload]) -> Path:
    """The report of an answer by a model that tries to load and run, and of extracts with a page picture."""
    folder = tmp_path_factory.mktemp("report")
    with FaultServer() as server, rag.open_workbench(folder / "data") as bench:
        rag.ingest(bench, [*samples, Upload("<script>document.title='run'</script>.txt", HOSTILE.encode())])
        bench.gateway.book.add(bench.gateway.configure("fault", base_url=server.openai_url, models=("ok",)))
        server.replies["ok"] = [HOSTILE]
        first = rag.ask(bench, "When was the harbour dredged?", generate_options=GenerateOptions(model="fault/ok"))
        first.wait(60)
        rag.ask(bench, "Why was turbine 3 out of service?", conversation_id=first.conversation_id).wait(60)
        data = rag.reporting.report(bench, rag.conversation(bench, str(first.conversation_id)))
    path = folder / "report.html"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_stays_by_itself(browser: Browser, report: Path, scheme: str) -> None:
    """The file asks nobody for anything, nothing in it runs, its pictures are drawn and its palette is the reader's."""
    page = browser.new_page(viewport={"width": 900, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.wait_for_timeout(300)
    assert [report.as_uri()] == [url for url in asked if not url.startswith("data:")]
    assert "run" != page.title()
    assert page.evaluate(
        "[...document.images].length > 0 && [...document.images].every((image) => image.naturalWidth > 100)"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shade = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(int(v) for v in shade[4:-1].split(",")[:3]) > 380) == (scheme == "light")
    page.close()


def test_a_marker_jumps_to_its_quote(browser: Browser, report: Path) -> None:
    """Pressing a number shows the quote that it stands for."""
    page = browser.new_page(viewport={"width": 900, "height": 500})
    page.goto(report.as_uri())
    marker = page.locator("a.marker").first
    target = page.locator(str(marker.get_attribute("href")))
    marker.click()
    assert target.evaluate("element => element.getBoundingClientRect().top < window.innerHeight")
    page.close()
