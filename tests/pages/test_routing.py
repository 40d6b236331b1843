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


def settle(page: Any) -> None:
    """Wait for titles that are being written."""
    for job in page.bench.jobs.recent("title"):
        assert job.wait(30)


def titles(page: Any) -> list[str]:
    return [info.title for info in page.bench.turns.list()]


def ask(page: Any, question: str = QUESTION, model: str = "fault/ok") -> str:
    page.test.session_state["ask.model"] = model
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
    settle(page)  # the title is written in the background
    ask(page, "And what did it cost?")
    settle(page)
    assert ["rewrite", "title"] == [r.action for r in page.bench.ledger.records() if r.model == "ok?size=small"]


def test_a_title_is_written_by_the_small_model_once(page: Any, server: FaultServer) -> None:
    """After the first answer of a model, in the background; the ledger shows what it cost, and a second question changes nothing."""
    server.replies["ok?size=small"] = ['"Turbine 3: gearbox failure and repair time in the year of the storm."']
    ask(page)
    ask(page, "What did the board of Brackwater approve for the Saltmarsh battery?")
    settle(page)
    assert ["Turbine 3: gearbox failure and repair time in"] == titles(page)
    assert ["title"] == [r.action for r in page.bench.ledger.records() if r.model == "ok?size=small"]


@pytest.mark.parametrize(
    "rule", [{"titles": False}, {"is_on": False}, {"small": ""}, {"small": "fault/401"}, {"small": "gone/model"}]
)
def test_without_a_title_the_question_stays(page: Any, server: FaultServer, rule: dict[str, Any]) -> None:
    """Switched off, without a small model that can be used, or when that fails."""
    page.bench.gateway.book.change("fault", models=("ok", "ok?size=small", "401"))
    page.bench.catalog.set_setting("routing", rule)
    ask(page)
    settle(page)
    assert [QUESTION] == titles(page)
    assert (1 if rule.get("small") == "fault/401" else 0) == len(
        [r for r in page.bench.ledger.records() if r.action == "title"]
    )


def test_extracts_write_no_title(page: Any, server: FaultServer) -> None:
    """Nothing leaves this machine for somebody who asked for extracts."""
    ask(page, model="local/extractive")
    settle(page)
    assert [QUESTION] == titles(page) and [] == server.exchanges


def test_the_title_of_the_user_stays(page: Any, server: FaultServer) -> None:
    """Who renames a conversation while its title is being written is right."""

    def renamed_meanwhile(body: dict[str, Any]) -> str:
        (info,) = page.bench.turns.list()
        page.bench.rename_conversation(info.id, "My own")
        return "Gearbox"

    server.minds["ok?size=small"] = renamed_meanwhile
    ask(page)
    settle(page)
    assert ["My own"] == titles(page) and 1 == len(server.of("ok?size=small"))


def test_a_model_can_be_named_for_a_task(page: Any, server: FaultServer) -> None:
    """It goes before the rule, is kept, shown, and taken back; nothing else of the rule is lost by it."""
    page.bench.catalog.set_setting("routing", {"large": ""})
    page = page.go("settings")
    page.test.selectbox("routing.check").set_value("fault/ok?size=large")
    said = page.run().drawn("settings.routing")
    assert "when asked to fault/ok?size=large" in said and "searched for fault/ok?size=small" in said
    kept = page.bench.catalog.setting("routing")
    assert ({"check": "fault/ok?size=large"}, "") == (kept["overrides"], kept["large"])
    page.test.selectbox("routing.check").set_value("by the rule")
    assert "when asked to fault/ok?size=small" in page.run().drawn("settings.routing")
    page.test.toggle("routing.titles").set_value(False)
    assert "conversation nobody: the question, cut" in page.run().drawn("settings.routing")


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
