"""Browser fixtures. Without a browser these tests skip with a sentence; with REQUIRE_BROWSER=1 they fail instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.harness import Server, Visitor, launched, missing, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    lack = missing()
    if lack and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(lack)
    if lack:
        pytest.skip(lack)
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory, samples: list[Any]) -> Iterator[Server]:
    """A server over the sample documents, shared by the tests that only look."""
    import rag

    data = tmp_path_factory.mktemp("served") / "data"
    with rag.open_workbench(data) as bench:
        rag.ingest(bench, samples)
    with served(data) as server:
        yield server


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Callable[..., Visitor]]:
    """Open tabs on the shared server; at the end each must have stayed on this machine and reported no error."""
    opened: list[Visitor] = []

    def visit(**options: Any) -> Visitor:
        opened.append(Visitor(browser, server, **options))
        return opened[-1]

    yield visit
    for tab in opened:
        tab.page.close()
        assert [] == tab.strangers
        assert [] == tab.errors
