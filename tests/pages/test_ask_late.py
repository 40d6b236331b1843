"""Ask: what becomes known of an answer after it was drawn: what it cost, and what a second model says of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

import rag
from rag.types import GenerateOptions
from tests.faultserver import FaultServer
from tests.waiting import until

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"
SLOW = "slow?s=20"


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("ask")
    gateway, models = page.bench.gateway, ("ok", SLOW)
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=models))
    gateway.book.change("fault", prices={SLOW: {"input": 1.0, "output": 2.0}})
    return page


def asked(page: Any, model: str) -> Any:
    return rag.ask(page.bench, QUESTION, generate_options=GenerateOptions(model=f"fault/{model}"))


def test_what_a_stopped_answer_cost_is_shown_when_it_is_known(page: Any, server: FaultServer) -> None:
    """Stop does not wait for the account of the call; the next look at the page says what came of it."""
    stream = asked(page, SLOW)
    until(lambda: bool(server.of(SLOW)))
    keep, is_known = stream._on_paid[0], threading.Event()
    stream._on_paid[0] = lambda *ended: (is_known.wait(30), keep(*ended))[1]  # on a slow disk
    stream.stop()
    stream.wait(5)
    said = page.go("ask", c=stream.conversation_id).drawn("ask.last")
    assert "Stopped" in said and "cost unknown" in said
    is_known.set()
    assert stream.settle(5)
    said = page.run().drawn("ask.last")
    assert "Stopped" in said and "about $" in said and "cost unknown" not in said


def test_a_second_check_outlives_its_job(page: Any, server: FaultServer) -> None:
    """It was paid for and is stored: however many jobs end after it, it stands under its answer, and a newer one in its place."""
    first, second = (
        {"statement": 1, "verdict": "not_found", "reason": why} for why in ("Not told.", "Not told at all.")
    )
    server.replies["ok"] = [
        "The gearbox of turbine 3 failed and it stood for 47 days [1].",
        *(json.dumps({"checks": [verdict]}) for verdict in (first, second)),
    ]
    stream = asked(page, "ok")
    stream.wait(30)
    assert "Second check:" not in page.go("ask", c=stream.conversation_id).drawn("ask.last")
    for reason in ("Not told.", "Not told at all."):
        assert rag.generation.start_second_check(page.bench, stream.id, "fault/ok").wait(30)
        assert reason in page.run().drawn("ask.last")
        for _ in range(60):
            assert page.bench.jobs.start("other", "Other work", lambda job: None).wait(30)
        assert [] == page.bench.jobs.recent("check")
        said = page.run().drawn("ask.last")
        assert "Second check: 0 of 1 statement stand" in said and reason in said
