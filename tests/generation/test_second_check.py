"""A second model's check: priced before, run in the background, kept with the turn, and never more than a verdict and a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rag
from rag.errors import RagError
from rag.types import GenerateOptions, SecondCheck, Upload
from tests.faultserver import FaultServer
from tests.waiting import until

WIRES = ("open", "claude")
QUESTION = "When was the harbour dredged?"
TEXT = b"The harbour was dredged in 1931 by the town. It took eleven weeks and cost 4,200 pounds."
ANSWER = "The harbour was dredged in 1931 [1]. It cost 9,900 pounds [1]. Whales were seen."


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[rag.Workbench]:
    """A workbench with an answer by a model, and providers that have a small model."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    server.replies["ok?answer"] = [ANSWER]
    with rag.open_workbench(tmp_path / "data") as opened:
        rag.ingest(opened, [Upload("harbour.txt", TEXT)])
        for name, kind, url in (("open", "openai", server.openai_url), ("claude", "anthropic", server.anthropic_url)):
            models = ("ok?answer", "ok?small")
            opened.gateway.book.add(
                opened.gateway.configure(name, kind, base_url=url, key_env="FAULT_KEY", models=models, small="ok?small")
            )
        opened.catalog.set_setting("routing", {"titles": False})  # the small model has one thing to do here
        (opened.data_dir / "prices.toml").write_text('["open/ok?small"]\ninput = 1\noutput = 2\n')
        yield opened


def answered(bench: rag.Workbench, wire: str) -> str:
    """Answer and return the turn's id."""
    stream = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model=f"{wire}/ok?answer"))
    assert ANSWER == stream.wait(30).text
    return stream.id


def checked(bench: rag.Workbench, server: FaultServer, wire: str, *replies: str, model: str = "ok?small") -> Any:
    """Return the job of a second check whose model replies so."""
    server.replies[model] = list(replies)
    server._counts.clear()
    turn_id = answered(bench, wire)
    job = rag.generation.start_second_check(bench, turn_id, f"{wire}/{model}")
    assert job.wait(30)
    return job


def said(*checks: tuple[int, str, str]) -> str:
    return json.dumps({"checks": [{"statement": n, "verdict": v, "reason": r} for n, v, r in checks]})


def test_it_is_offered_with_model_reason_and_price(bench: rag.Workbench) -> None:
    """The small model does it; what it will likely cost is known before anything is sent."""
    turn_id = answered(bench, "open")
    answer = bench.turns.turn(turn_id).answer
    assert answer
    offer = rag.generation.offer_second_check(bench, answer, "open/ok?answer")
    assert ("open/ok?small", 3) == (offer.model, offer.statements)
    assert offer.likely_usd and 0 < offer.likely_usd < 0.01
    assert offer.reason.endswith(".")
    assert "check" not in {r.action for r in bench.ledger.records()}


@pytest.mark.parametrize("wire", WIRES)
def test_its_verdicts_are_kept_with_the_turn(bench: rag.Workbench, server: FaultServer, wire: str) -> None:
    """Each verdict stands at its statement, with its reason, after a reload too; the call is in the ledger."""
    job = checked(
        bench,
        server,
        wire,
        said((1, "supported", ""), (2, "not_found", "The excerpt says 4,200 pounds."), (3, "not_found", "Not there.")),
    )
    assert "done" == job.state, job.error
    record = bench.turns.record(job.subject)
    assert record and isinstance(record.second, SecondCheck)
    texts = [ANSWER[v.start : v.end] for v in record.second.verdicts]
    assert ["supported", "not_found", "not_found"] == [v.verdict for v in record.second.verdicts]
    assert "1931" in texts[0] and "9,900" in texts[1] and "Whales" in texts[2]
    assert "1 of 3 statements stands" == str(record.second)
    assert ["check"] == [r.action for r in bench.ledger.records() if r.model == "ok?small"]


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_sent_is_fenced_and_nothing_more(bench: rag.Workbench, server: FaultServer, wire: str) -> None:
    """Statements and cited excerpts stand between delimiters; the question, other documents and earlier turns are not sent."""
    checked(bench, server, wire, said((1, "supported", "")))
    sent = json.dumps(server.exchanges[-1].body)
    assert "9,900 pounds" in sent and "eleven weeks" in sent and "<<<x" in sent
    assert QUESTION not in sent


@pytest.mark.parametrize(
    "reply",
    [
        said(
            (0, "supported", ""),
            (99, "supported", ""),
            (-1, "not_found", ""),
            (1, "partly", "x\u202ey\u200b" + "z" * 900),
            (1, "supported", ""),
        ),
        "```json\n" + said((1, "partly", "[9] ![x](http://evil.example)")) + "\n```",
    ],
)
def test_only_verdicts_on_what_is_there_come_in(bench: rag.Workbench, server: FaultServer, reply: str) -> None:
    """Statements that are not there are passed over, the first verdict counts, a reason is short and hides nothing."""
    record = bench.turns.record(checked(bench, server, "open", reply).subject)
    assert record and record.second
    (verdict,) = record.second.verdicts
    assert "partly" == verdict.verdict
    assert len(verdict.reason) <= 300 and "\u202e" not in verdict.reason and "[9]" not in verdict.reason


@pytest.mark.parametrize(
    "replies", [("no json",), ('{"checks": [{"statement": 1, "verdict": "true", "reason": ""}]}',), ("[]", "{}")]
)
def test_a_reply_out_of_form_is_a_sentence(bench: rag.Workbench, server: FaultServer, replies: tuple[str, ...]) -> None:
    """Mended once, then given up on: the answer keeps what it had."""
    job = checked(bench, server, "open", *replies)
    assert "failed" == job.state and job.error.endswith("ask again or choose another model.")
    assert "JSON" not in job.error
    record = bench.turns.record(job.subject)
    assert record and record.second is None


def test_it_can_be_stopped(bench: rag.Workbench, server: FaultServer) -> None:
    """Stop ends the request, which would hang for an hour; nothing is kept."""
    turn_id = answered(bench, "open")
    job = rag.generation.start_second_check(bench, turn_id, "open/slow?s=3600")
    until(lambda: server.of("slow?s=3600"))
    job.stop()
    assert job.wait(30) and "stopped" == job.state
    record = bench.turns.record(turn_id)
    assert record and record.second is None


def test_extracts_are_not_checked(bench: rag.Workbench) -> None:
    """Without a chat model there is nobody to do it, and a sentence says so."""
    stream = rag.ask(bench, QUESTION)
    with pytest.raises(RagError, match="chat model"):
        rag.generation.offer_second_check(bench, stream.wait(30), "local/extractive")


def test_the_report_has_it(bench: rag.Workbench, server: FaultServer) -> None:
    """A stakeholder reads which model checked, and what does not stand."""
    job = checked(bench, server, "open", said((1, "supported", ""), (2, "not_found", "The excerpt says 4,200 pounds.")))
    conversation_id = bench.answers.get(job.subject).conversation_id
    text = rag.reporting.report(bench, rag.conversation(bench, conversation_id)).decode()
    assert "Second check by open/ok?small" in text and "The excerpt says 4,200 pounds." in text
