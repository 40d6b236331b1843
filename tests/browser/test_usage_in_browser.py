"""Days and times on Usage in a browser west of Greenwich: a bar stands at the day that the totals name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.harness import Server, Visitor, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WEST = "America/Los_Angeles"


@pytest.fixture
def server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server on the west coast, where all that was done was done on the evening of 19 January, the 20th in UTC."""
    import rag

    data = tmp_path_factory.mktemp("western") / "data"
    with rag.open_workbench(data) as bench:
        rag.ingest(bench, [rag.Upload("tides.txt", b"High water comes twice a day. " * 20)])
        with bench.catalog.engine.execution_options(writes=True).begin() as connection:
            for table, column in (("usage", "at"), ("documents", "added_at")):
                connection.exec_driver_sql(f"UPDATE {table} SET {column} = '2026-01-20T03:00:00+00:00'")
    monkeypatch.setenv("TZ", WEST)
    with served(data) as server:
        yield server


def test_a_bar_stands_at_its_local_day(browser: Browser, server: Server) -> None:
    """Axis and tip name the 19th, as the totals by day do."""
    tab = Visitor(browser, server, page=browser.new_page(timezone_id=WEST, viewport={"width": 1280, "height": 900}))
    tab.go("usage").idle(1500)
    chart = tab.page.get_by_test_id("stVegaLiteChart")
    days = [text for text in chart.locator("svg text").all_text_contents() if not text.isdecimal()]
    assert ["19 Jan"] == days
    chart.locator(".mark-rect.role-mark path").first.hover()
    assert "19 Jan 2026" in tab.page.locator("#vg-tooltip-element").inner_text()
    tab.page.close()
