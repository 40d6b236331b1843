"""Research on the Ask page: off by default, only where a model can call tools, its limits said before and its steps shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faultserver import FaultServer
from tests.faultserver.wire import calls

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("ask")
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=("ok",)))
    return page.run()


def toggle(page: Any) -> Any:
    return next(t for t in page.test.toggle if t.key == "ask.research")


def test_it_is_off_and_says_why_it_cannot_be_on(page: Any) -> None:
    """Extracts write nothing and search once: the switch is there, off, and says what it needs."""
    assert (False, True) == (toggle(page).value, toggle(page).disabled)
    assert "cannot call tools" in toggle(page).help


def test_its_limits_are_said_before(page: Any) -> None:
    """With the switch on, the quiet line names calls, tokens and that the price is unknown; the address keeps the choice."""
    page.test.session_state["ask.model"] = "fault/ok"
    page.run()
    assert (False, False) == (toggle(page).value, toggle(page).disabled)
    toggle(page).set_value(True)
    said = page.run().drawn("ask.cost")
    assert "at most 8 calls and 80,000 tokens" in said and "price unknown" in said
    assert "1" == page.address("r")


def test_the_steps_stand_with_the_answer_and_come_back(page: Any, server: FaultServer) -> None:
    """What it did is folded above its answer, cited and checked, and is there again after a reload."""
    server.replies["ok"] = [
        calls("search", query="loss in MWh of turbine 3"),
        calls("read_pages", document="no such document", first=1),
        "The gearbox of turbine 3 failed [1].",
    ]
    page.test.session_state["ask.model"] = "fault/ok"
    page.run()
    toggle(page).set_value(True)
    page.run()
    page.test.chat_input[0].set_value(QUESTION)
    page.run()
    for stream in page.bench.answers.values():
        stream.wait(30)
    page.run()
    for said in (page.drawn("ask.last"), page.go("ask", c=page.address("c")).drawn("ask.last")):
        assert "Research: 2 steps" in said
        assert "Searched for loss in MWh of turbine 3" in said and "not possible" in said
        assert "1 of 1 sentence" in said and "Researched in 3 calls" in said
    page.test.session_state["ask.dialog"] = ("sent", stream.id)
    said = page.run().drawn("ask.sent")
    assert (
        "called 3 times" in said and "Call 3 of 3" in said and "Result of a tool" in said and "Tool read_pages" in said
    )
    assert "search {" in said and "no document is called" in said.lower()


def test_a_second_check_is_offered_and_its_marks_are_shown(page: Any, server: FaultServer) -> None:
    """Who checks and for how much stands in the dialog; what does not stand is listed under the answer, with the reason."""
    verdict = {"statement": 1, "verdict": "partly", "reason": "The days are not told."}
    server.replies["ok"] = [
        "The gearbox of turbine 3 failed and it stood for 47 days [1].",
        json.dumps({"checks": [verdict]}),
    ]
    page.test.session_state["ask.model"] = "fault/ok"
    page.test.chat_input[0].set_value(QUESTION)
    page.run()
    (stream,) = page.bench.answers.values()
    stream.wait(30)
    page.test.session_state["ask.dialog"] = ("second", stream.id)
    page.run()
    offered = page.drawn("ask.second.offer")
    assert "The model that wrote the answer reads each statement" in offered and "choose another model" in offered
    assert "fault/ok" in offered and "price unknown for 1 statement" in offered
    page.press("Check").finish("check")
    said = page.run().drawn("ask.last")
    assert "Second check: 0 of 1 statement stand" in said and "The days are not told." in said


def test_a_second_check_can_be_stopped_where_it_shows(page: Any, server: FaultServer) -> None:
    """While it runs the answer says so, with Stop beside it; stopped, the answer is as it was."""
    import rag
    from pages.parts import turn_bar

    server.replies["ok"] = ["The gearbox of turbine 3 failed [1]."]
    page.test.session_state["ask.model"] = "fault/ok"
    page.test.chat_input[0].set_value(QUESTION)
    page.run()
    (stream,) = page.bench.answers.values()
    stream.wait(30)
    job = rag.generation.start_second_check(page.bench, stream.id, "fault/slow?s=20")
    assert "A model is checking this answer. Stop" in page.run().drawn("ask.last")
    turn_bar.pressed(page.bench, f"do:stop_check:{stream.id}")
    assert job.wait(5) and "stopped" == job.state
    assert "Second check: " not in page.run().drawn("ask.last")


def test_it_stays_on_over_other_pages(page: Any) -> None:
    """Another page clears the address; the session knows."""
    page.test.session_state["ask.model"] = "fault/ok"
    page.run()
    toggle(page).set_value(True)
    page.run().go("documents").go("ask")
    assert toggle(page).value is True
    assert "1" == page.address("r") and "for a research" in page.drawn("ask.cost")
    toggle(page).set_value(False)
    page.run().go("documents").go("ask")
    assert toggle(page).value is False


def test_a_link_that_asks_at_once_researches(visit_with_samples: Visit, page: Any, server: FaultServer) -> None:
    """The link says so, and the switch that is drawn after the question shows it."""
    server.replies["ok"] = [calls("list_documents"), "The gearbox of turbine 3 failed [1]."]
    linked = visit_with_samples("ask", q=QUESTION, m="fault/ok", r="1")
    for stream in linked.bench.answers.values():
        stream.wait(30)
    assert "Research: 1 step" in linked.run().drawn("ask.last")
    assert toggle(linked).value
