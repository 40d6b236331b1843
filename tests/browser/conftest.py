"""Browser fixtures. Without a browser these tests skip with a sentence; with REQUIRE_BROWSER=1 they fail instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.harness import Server, Visitor, launched, missing, served, state_of_tabs

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a failure show what stood on the page and what the server said: most are seen once, on a machine that is gone by then."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("browser")
    if report.failed and browser is not None:
        report.sections.append(("what the tabs showed", state_of_tabs(browser)))
    return report


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
def server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]
) -> Iterator[Server]:
    """A server over the sample documents, shared by the tests that only look."""
    data = tmp_path_factory.mktemp("served") / "data"
    with_samples(data)
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
