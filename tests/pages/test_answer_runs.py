"""Experiments → Answers: a set answered by a model, its price said before, every answer with its verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_tuning import small_set

from tests.faultserver import FaultServer

Visit = Callable[..., Any]


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The view over the samples with three questions, and a provider with a price."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("search")
    small_set(page.bench)
    (page.bench.data_dir / "prices.toml").write_text('["fault/ok"]\ninput = 1.0\noutput = 2.0\n', encoding="utf-8")
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=("ok", "401")))
    return page.go("experiments", view="answers")


def answered(page: Any, model: str = "local/extractive") -> Any:
    page.test.selectbox(key="answers.model").set_value(model)
    return page.run().finish("plan").press("Answer the questions").finish("answers")


def test_extracts_are_free_and_judged(page: Any) -> None:
    """The plan says free, and the run how many answers are correct; the address opens it again."""
    assert "1 answer · free" in page.finish("plan").drawn("answers.plan.drawn")
    answered(page)
    figures = page.drawn("answers.figures")
    assert "Correct answers 100 %" in figures or "Correct answers 100.0 %" in figures
    assert "A correct answer costs free" in figures and "rightly says it is not there: 2" in figures
    assert page.address("answers") and "turbine 3" in page.drawn("answers.detail")


def test_a_model_has_a_price_before_and_after(page: Any, server: FaultServer) -> None:
    """About what it will cost stands beside the button; afterwards what a correct answer cost."""
    server.replies["ok"] = ["The gearbox of turbine 3 failed [1]."]
    page.test.selectbox(key="answers.model").set_value("fault/ok")
    page.run().finish("plan")
    assert "1 answer · about $0.00" in page.drawn("answers.plan.drawn") and [] == server.exchanges
    answered(page, "fault/ok")
    assert "A correct answer costs $0.00" in page.drawn("answers.figures") and 1 == len(server.exchanges)
    assert "The gearbox of turbine 3 failed" in page.drawn("answers.detail")


def test_the_way_of_answering_is_the_chosen_profiles(page: Any, server: FaultServer) -> None:
    """Its instruction is sent, and stands with the run."""
    import rag
    from rag.types import Profile

    server.replies["ok"] = ["The gearbox of turbine 3 failed [1]."]
    how = rag.GenerateOptions(style="brief", instruction="Answer like a harbour pilot.")
    page.bench.profiles.save(Profile("pilot", generate=how))
    page.pick("profile.chosen", "pilot")
    answered(page, "fault/ok")
    assert "Answer like a harbour pilot." in str(server.exchanges[0].body)
    said = page.drawn("answers.figures")
    assert "Profile pilot · " in said and "instruction “Answer like a harbour pilot.”" in said


def test_a_wrong_key_is_one_sentence(page: Any) -> None:
    """The question that failed is shown with the reason, and the page offers to go on."""
    answered(page, "fault/401")
    assert "no answer: 1" in page.drawn("answers.figures") and "rejected" in page.drawn("answers.detail")
    assert [b for b in page.test.button if b.label.startswith("Go on: 1 of 3")]


def test_two_models_are_held_side_by_side(page: Any, server: FaultServer) -> None:
    """The same questions answered by two: Runs shows the difference of correct answers."""
    server.replies["ok"] = ["Bananas are yellow."]
    answered(page)
    answered(page, "fault/ok").press("Compare with the run before")
    figures = page.drawn("runs.figures")
    assert "Correct answers" in figures and "fault/ok" in figures and "local/extractive" in figures


def test_a_run_of_answers_is_deleted_at_the_second_press(page: Any) -> None:
    """Its answers go with it."""
    answered(page).press("Delete").press("Really delete")
    assert page.has("answers.empty")
