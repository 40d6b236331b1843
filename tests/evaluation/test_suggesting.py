"""A model suggests questions as drafts: priced before, looked up in their documents, never labels by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rag
from rag import Workbench
from rag.errors import QuestionSetError
from rag.evaluation import QuestionSets, evaluate, plan_suggestions, start_suggestions
from rag.types import QuestionSet
from tests.faultserver import FaultServer


@pytest.fixture
def bench(with_samples: Callable[[Path], Path], tmp_path: Path) -> Iterator[Workbench]:
    """The samples, in a workbench of this test's own."""
    with rag.open_workbench(with_samples(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def empty(bench: Workbench, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> QuestionSet:
    """The samples, a provider with a price, and a set without questions."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    (bench.data_dir / "prices.toml").write_text('["fault/ok"]\ninput = 1.0\noutput = 2.0\n', encoding="utf-8")
    gateway = bench.gateway
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=("ok", "401")))
    return QuestionSets(bench.catalog.engine).create("new")


def said(*items: tuple[int, str, str]) -> str:
    return json.dumps({"questions": [{"excerpt": n, "question": q, "quote": quote} for n, q, quote in items]})


def test_suggestions_are_drafts_with_their_place(bench: Workbench, empty: QuestionSet, server: FaultServer) -> None:
    """A quote that stands in the excerpt gives the place; one that does not is said; nothing is measured by either."""
    plan = plan_suggestions(bench, "fault/ok", 5)
    assert (5, 1) == (len(plan.chunk_ids), plan.calls) and plan.cost_usd is not None and 0 < plan.cost_usd < 0.05
    assert [] == server.exchanges
    chunk = bench.catalog.chunks(plan.chunk_ids)[plan.chunk_ids[1]]
    server.replies["ok"] = [
        said(
            (2, "What does it say?", chunk.text[10:90].upper()),
            (3, "Who made it up?", "no such words anywhere"),
            (9, "Where?", "x"),
        )
    ]
    job = start_suggestions(bench, empty.id, plan)
    assert job.wait(30) and job.result is not None, job.error
    assert (1, 0) == (job.result.without_place, job.result.known)
    (row,) = [r for r in bench.ledger.records() if r.action == "suggest"]
    assert (1, row.cost_usd, row.usage) == (job.result.paid.calls, job.result.paid.cost_usd, job.result.paid.usage)
    good, bad = QuestionSets(bench.catalog.engine).get("new").questions
    assert ("draft", "draft") == (good.label, bad.label) and () == bad.evidence and "does not stand there" in bad.note
    (piece,) = good.evidence
    assert chunk.start <= piece.start < piece.end <= chunk.end
    assert chunk.text[10:90].strip().casefold() == piece.quote.strip().casefold()
    with pytest.raises(QuestionSetError, match="no labelled question yet"):
        evaluate(bench, "new")


def test_an_excerpt_cannot_end_itself(bench: Workbench, empty: QuestionSet, server: FaultServer) -> None:
    """What marks the excerpts in the prompt is different for each, and no document can know it."""
    server.replies["ok"] = [said()]
    for seed in (1, 2):
        start_suggestions(bench, empty.id, plan_suggestions(bench, "fault/ok", 5, seed=seed)).wait(30)
    prompts = [json.dumps(exchange.body) for exchange in server.exchanges]
    marks = [prompt.split("<excerpt-")[1].split(" ")[0] for prompt in prompts]
    assert 2 == len(set(marks)) and all(12 == len(mark) for mark in marks)
    assert all(5 == prompt.count("</excerpt-") for prompt in prompts)


def test_known_questions_are_left_out(bench: Workbench, empty: QuestionSet, server: FaultServer) -> None:
    """The same suggestion twice is one draft."""
    server.replies["ok"] = [said((1, "What does it say?", ""), (2, "what does it SAY?", ""))]
    plan = plan_suggestions(bench, "fault/ok", 5)
    results = []
    for _ in range(2):
        job = start_suggestions(bench, empty.id, plan)
        job.wait(30)
        results.append(job.result.known if job.result else None)
    assert [1, 2] == results and 1 == len(QuestionSets(bench.catalog.engine).get("new").questions)


def test_what_fails_is_one_sentence(bench: Workbench, empty: QuestionSet, server: FaultServer) -> None:
    """A wrong key, an answer that is no JSON, a collection without text."""
    job = start_suggestions(bench, empty.id, plan_suggestions(bench, "fault/401", 5))
    assert job.wait(30) and "failed" == job.state and "rejected" in job.error
    server.replies["ok"] = ["I would rather not."]
    job = start_suggestions(bench, empty.id, plan_suggestions(bench, "fault/ok", 5))
    assert job.wait(30) and "did not keep to the form" in job.error
    bench.create_collection("bare")
    with pytest.raises(QuestionSetError, match="holds no text to ask about"):
        plan_suggestions(bench, "fault/ok", 5, collection="bare")
