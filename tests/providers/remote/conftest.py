from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faultserver import FaultServer
from tests.providers.remote.kit import Bench, close, make_bench


@pytest.fixture(scope="session", autouse=True)
def sdks_loaded() -> None:
    """Import both SDKs once, so that no test's time limits pay for it."""
    import anthropic.resources.messages
    import genai_prices
    import openai.resources.chat
    import openai.resources.embeddings

    assert anthropic and genai_prices and openai


@pytest.fixture
def bench(server: FaultServer) -> Iterator[Bench]:
    bench = make_bench(server)
    yield bench
    close(bench)
