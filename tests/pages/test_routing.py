"""Small models for simple tasks, large ones for hard ones: as the settings say, seen where it acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faultserver import FaultServer

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"
TRUE = "The gearbox of turbine 3 failed [1]."


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        for model in ("ok", "ok?size=small", "ok?size=large"):
            server.replies[model] = [TRUE]
        yield server


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A provider with a small, an answering and a large model."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("ask")
    gateway = page.bench.gateway
    small, large = "ok?size=small", "ok?size=large"
    gateway.book.add(
        gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=("ok", small, large), small=small, large=large)
    )  # fmt: skip
    return page


def ask(page: Any, question: str = QUESTION) -> str:
    page.test.session_state["ask.model"] = "fault/ok"
    page.test.chat_input[0].set_value(question)
    page.run()
    for stream in page.bench.answers.values():
        stream.wait(30)
    return str(page.run().drawn("ask.last"))


def test_much_to_read_goes_to_the_large_model_and_says_why(page: Any, server: FaultServer) -> None:
    """The answer names the model that gave it, and the reason stands with it."""
    page.bench.catalog.set_setting("routing", {"long_tokens": 100})
    said = ask(page)
    assert "fault/ok?size=large" in said and "The prompt is long" in said and "failed, so" not in said
    assert [1, 0] == [len(server.of("ok?size=large")), len(server.of("ok"))]


def test_an_ordinary_question_goes_to_the_chosen_model(page: Any, server: FaultServer) -> None:
    """Nothing is said where the rule changes nothing."""
    assert "so it goes to" not in ask(page)
    assert [0, 1] == [len(server.of("ok?size=large")), len(server.of("ok"))]


def test_a_follow_up_is_rewritten_by_the_small_model(page: Any, server: FaultServer) -> None:
    """A simple task does not need the model that answers."""
    server.replies["ok?size=small"] = ["What did the gearbox of turbine 3 cost?"]
    ask(page)
    ask(page, "And what did it cost?")
    assert ["rewrite"] == [r.action for r in page.bench.ledger.records() if r.model == "ok?size=small"]


def test_the_large_model_that_fails_is_followed_by_the_chosen_one(page: Any, server: FaultServer) -> None:
    """More to read is no reason for no answer."""
    page.bench.gateway.book.change("fault", models=("ok", "401"), large="401")
    page.bench.catalog.set_setting("routing", {"long_tokens": 100})
    assert "fault/401 failed, so fault/ok answered." in ask(page)


def test_the_rule_is_shown_and_can_be_changed(page: Any, server: FaultServer) -> None:
    """For the model that answers; switched off, everything goes to that one."""
    page = page.go("settings")
    said = page.drawn("settings.routing")
    assert "searched for fault/ok?size=small" in said and "30,000 tokens of excerpts on fault/ok?size=large" in said
    page.test.selectbox("routing.small").set_value("the model that was chosen")
    page.test.number_input("routing.long_tokens").set_value(100)
    said = page.run().drawn("settings.routing")
    assert "searched for fault/ok " in said and "100 tokens of excerpts on fault/ok?size=large" in said
    page.test.toggle("routing.is_on").set_value(False)
    assert "size=" not in page.run().drawn("settings.routing")
    ask(page.go("ask"))
    assert 1 == len(server.of("ok"))


def test_an_evaluation_measures_the_model_that_it_was_asked_to(page: Any, server: FaultServer) -> None:
    """`generate` takes the options as they are: only questions of a conversation are routed."""
    import rag

    page.bench.catalog.set_setting("routing", {"long_tokens": 100})
    result = rag.search(page.bench, QUESTION)
    rag.generate(page.bench, result, options=rag.GenerateOptions(model="fault/ok")).wait(30)
    assert [0, 1] == [len(server.of("ok?size=large")), len(server.of("ok"))]
