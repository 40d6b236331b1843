"""Experiments → Drafts: suggestions with their price before, and drafts that are accepted, refused or removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faultserver import FaultServer

Visit = Callable[..., Any]


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The view over the samples with an empty set and a provider."""
    import rag

    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("search")
    rag.evaluation.QuestionSets(page.bench.catalog.engine).create("new")
    (page.bench.data_dir / "prices.toml").write_text('["fault/ok"]\ninput = 1.0\noutput = 2.0\n', encoding="utf-8")
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=("ok",)))
    return page.go("experiments", view="drafts")


def suggested(page: Any, server: FaultServer) -> Any:
    """Have two questions suggested, each with the beginning of its excerpt as quote."""
    import rag

    plan = rag.evaluation.plan_suggestions(page.bench, "fault/ok", 10, seed=1)
    chunks = page.bench.catalog.chunks(plan.chunk_ids)
    texts = [chunks[plan.chunk_ids[at]].text[:60] for at in (0, 1)]
    items = [{"excerpt": n, "question": f"What about number {n}?", "quote": text} for n, text in enumerate(texts, 1)]
    server.replies["ok"] = [json.dumps({"questions": items}), json.dumps({"questions": []})]
    return page.press("Suggest them").finish("suggest")


def questions(page: Any) -> Any:
    import rag

    return rag.evaluation.QuestionSets(page.bench.catalog.engine).get("new").questions


def test_the_price_is_said_before(page: Any, server: FaultServer) -> None:
    """Calls, price and tokens stand above the button, and nobody was contacted."""
    assert "2 calls · about $0.00" in page.drawn("drafts.plan") and "10 excerpts of main are sent" in page.drawn(
        "drafts.plan"
    )
    assert [] == server.exchanges and "No drafts in this set" in page.drawn("drafts.empty")


def test_suggestions_wait_for_a_person(page: Any, server: FaultServer) -> None:
    """They are drafts with their quote; accepted at once they are labels."""
    suggested(page, server)
    drawn = page.drawn("drafts.drawn")
    assert "2 drafts of new" in drawn and "What about number 1?" in drawn and "Accept" in drawn
    assert ["draft", "draft"] == [q.label for q in questions(page)]
    page.press("Accept all 2")
    assert ["evidence", "evidence"] == [q.label for q in questions(page)] and page.has("drafts.empty")


@pytest.mark.parametrize(
    ("verb", "labels"), [("accept", ["evidence", "draft"]), ("absent", ["absent", "draft"]), ("remove", ["draft"])]
)
def test_a_draft_is_decided_about(page: Any, server: FaultServer, verb: str, labels: list[str]) -> None:
    """Each is accepted, said not to be in the documents, or removed, and the other stays as it is."""
    import rag
    from pages.parts import draft_list

    suggested(page, server)
    chosen = rag.evaluation.QuestionSets(page.bench.catalog.engine).get("new")
    draft_list._act(page.bench, chosen, f"{verb}:{chosen.questions[0].id}")
    assert labels == [q.label for q in questions(page)]


def test_search_offers_to_accept_a_suggestion(page: Any, server: FaultServer) -> None:
    """On Search a suggested question shows its quote, and nothing is expected of the hits until it is accepted."""
    suggested(page, server)
    import rag

    chosen = rag.evaluation.QuestionSets(page.bench.catalog.engine).get("new")
    page.go("search").pick("tuning.set", chosen.id).pick("search.next", "What about number 1?")
    results = page.drawn("search.results")
    assert "Suggested for new" in results and "Accept" in results and "expected" not in results


def test_without_a_model_the_page_says_where_to_get_one(visit_with_samples: Visit) -> None:
    """Extracts cannot write questions."""
    import rag

    page = visit_with_samples("search")
    rag.evaluation.QuestionSets(page.bench.catalog.engine).create("new")
    page.go("experiments", view="drafts")
    assert "set one up in Settings" in page.markdown()
