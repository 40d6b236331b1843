"""What a turn cost is the sum of its rows in the ledger, whatever was called for it, and every place says the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import rag
from pages.parts import export
from rag.cli import cli
from rag.errors import QuestionError
from rag.generation import Again, AnswerStream
from rag.types import Answer, GenerateOptions, Paid, RestartEvent, Upload, UsageRecord
from tests.faultserver import FaultServer
from tests.faultserver.wire import calls
from tests.waiting import until

QUESTION = "When was the harbour dredged?"
TEXT = b"The harbour was dredged in 1931 by the town. It took eleven weeks and cost 4,200 pounds."
SAID = "The harbour was dredged in 1931 [1]."
PRICED = ("ok?a", "ok?b", "small", "401", "500", "cut?kind=reset;ok", "ok?usage=none", "length;401", "slow?s=20")


@pytest.fixture
def bench(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[rag.Workbench]:
    """A workbench with one document and a provider whose models have a price, but for `ok?free`."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    with rag.open_workbench(tmp_path / "data") as opened:
        rag.ingest(opened, [Upload("harbour.txt", TEXT)])
        gateway = opened.gateway
        gateway.book.add(gateway.configure("open", base_url=server.openai_url, key_env="FAULT_KEY"))
        gateway.runner.policy = type(gateway.runner.policy)(base_s=0.01, attempts=2)
        gateway.book.change("open", prices={model: {"input": 1.0, "output": 2.0} for model in PRICED})
        yield opened


def asked(
    bench: rag.Workbench, model: str, question: str = QUESTION, talk: str | None = None, **more: object
) -> AnswerStream:
    options = GenerateOptions(model=f"open/{model}", **more)  # type: ignore[arg-type]
    stream = rag.ask(bench, question, conversation_id=talk, generate_options=options)
    stream.wait(30)
    return stream


def since(bench: rag.Workbench, before: int) -> list[UsageRecord]:
    """Return the rows of calls to the provider after that id."""
    return [r for r in bench.ledger.records() if r.id > before and r.provider == "open"]


def last_row(bench: rag.Workbench) -> int:
    return max((r.id for r in bench.ledger.records()), default=0)


def agree(paid: Paid, rows: list[UsageRecord]) -> None:
    """Compare an account with its rows: tokens, cost, what is unknown, what is estimated."""
    known = all(r.cost_usd is not None for r in rows)
    about = [r.cost_usd if r.cost_usd is not None else r.estimated_cost_usd for r in rows]
    assert len(rows) == paid.calls
    assert sum(r.usage.input_tokens for r in rows) == paid.usage.input_tokens
    assert sum(r.usage.output_tokens for r in rows) == paid.usage.output_tokens
    assert any(r.usage.estimated for r in rows) == paid.usage.estimated
    assert paid.cost_usd == (pytest.approx(sum(r.cost_usd or 0.0 for r in rows)) if known else None)
    if known or any(usd is None for usd in about):
        assert paid.estimated_usd is None
    else:
        assert paid.estimated_usd == pytest.approx(sum(usd or 0.0 for usd in about))


def test_a_follow_up_counts_its_rewriting(bench: rag.Workbench, server: FaultServer) -> None:
    """The call that put the question in a form to search for is part of what the turn cost, in the export and the report, too."""
    server.replies |= {"ok?a": [SAID], "small": ["When did the dredging of the harbour end?"]}
    bench.catalog.set_setting("routing", {"small": "open/small", "titles": False})
    talk = str(asked(bench, "ok?a").conversation_id)
    before = last_row(bench)
    answer = asked(bench, "ok?a", "And when did it end?", talk).wait()
    rows = since(bench, before)
    assert {"rewrite", "ask"} == {r.action for r in rows}
    agree(answer.paid, rows)
    found = rag.conversation(bench, talk)
    price, tokens = rag.reporting.price(answer.paid), rag.reporting.tokens(answer.usage)
    assert (
        answer.cost_usd and price in export.conversation(bench, found) and tokens in export.conversation(bench, found)
    )
    both = sum((t.answer.paid for t in found.turns if t.answer), Paid())
    report = rag.reporting.report(bench, found).decode()
    assert price in report and rag.reporting.price(both) in report and rag.reporting.tokens(both.usage) in report


def test_a_paid_rewriting_is_not_free_because_the_answer_is(bench: rag.Workbench, server: FaultServer) -> None:
    """A model of this machine that answers, or an answer that nobody had to be asked for, makes the rewriting no cheaper."""
    bench.gateway.book.add(bench.gateway.configure("mine", "vllm", base_url=server.openai_url))
    server.replies |= {"ok?mine": [SAID], "small": ["How do I renew a British passport?"]}
    bench.catalog.set_setting("routing", {"small": "open/small", "titles": False})
    first = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model="mine/ok?mine"))
    assert 0.0 == first.wait(30).cost_usd
    before = last_row(bench)
    options = GenerateOptions(model="mine/ok?mine")
    answer = rag.ask(bench, "And that?", conversation_id=first.conversation_id, generate_options=options).wait(30)
    assert "not_found" == answer.finish and answer.asked_nobody
    agree(answer.paid, since(bench, before))
    assert answer.cost_usd


@pytest.mark.parametrize(
    ("model", "fallbacks", "status"),
    [
        ("500", ("open/ok?b",), ["failed", "failed", "ok"]),
        ("401", ("open/ok?b",), ["failed", "ok"]),
        ("401", (), ["failed"]),
        ("ok?free", (), ["ok"]),
        ("ok?usage=none", (), ["ok"]),
    ],
)
def test_every_attempt_counts(
    bench: rag.Workbench, server: FaultServer, model: str, fallbacks: tuple[str, ...], status: list[str]
) -> None:
    """A fallback, a refusal, a model without a price, a provider that reports no tokens: the answer says what the rows say."""
    before = last_row(bench)
    answer = asked(bench, model, fallbacks=fallbacks).wait()
    rows = since(bench, before)
    assert status == [r.status for r in reversed(rows)]
    agree(answer.paid, rows)


def test_a_restart_counts_both_halves(bench: rag.Workbench, server: FaultServer) -> None:
    """What was thrown away when the connection broke was paid for as well; its tokens are estimates and say so."""
    before = last_row(bench)
    stream = asked(bench, "cut?kind=reset;ok")
    assert any(isinstance(event, RestartEvent) for event in stream)
    rows = since(bench, before)
    assert 2 == len(rows)
    agree(stream.wait().paid, rows)
    assert "(estimated)" in rag.reporting.price_of(stream.wait())


def test_a_research_counts_every_call(bench: rag.Workbench, server: FaultServer) -> None:
    """Each turn of the loop."""
    server.replies["ok?a"] = [calls("list_documents"), calls("search", query="dredging"), SAID]
    before = last_row(bench)
    answer = asked(bench, "ok?a", research=True).wait()
    rows = since(bench, before)
    assert 3 == len(rows)
    agree(answer.paid, rows)


def test_what_is_gone_on_with_counts_both(bench: rag.Workbench, server: FaultServer) -> None:
    """Also when the second call brought nothing: it is counted with the answer that stays."""
    before = last_row(bench)
    stream = asked(bench, "length;401")
    options = GenerateOptions(model="open/length;401")
    again = Again(stream.id, goes_on=True)
    rag.ask(bench, QUESTION, conversation_id=stream.conversation_id, generate_options=options, again=again).wait(30)
    (turn,) = rag.conversation(bench, str(stream.conversation_id)).turns
    assert turn.answer and "gone on with" in turn.answer.error
    agree(turn.answer.paid, since(bench, before))


def test_what_is_stopped_is_unknown_and_never_nothing(bench: rag.Workbench, server: FaultServer) -> None:
    """Nobody knows yet what a stopped call took."""
    stream = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model="open/slow?s=20"))
    until(lambda: bool(server.of("slow?s=20")))
    keep, looked = stream._on_paid[0], threading.Event()
    stream._on_paid[0] = lambda *ended: (looked.wait(30), keep(*ended))[1]  # known only after it was looked at
    stream.stop()
    assert stream.wait(5).cost_usd is None and "unknown" == rag.reporting.price_of(stream.wait())
    looked.set()
    assert stream.settle(30)


@pytest.mark.parametrize("model", ["slow?s=20", "stall?s=20"])
def test_what_was_stopped_is_known_a_moment_later(bench: rag.Workbench, server: FaultServer, model: str) -> None:
    """Its call is cancelled, its row closed, and the answer says the same as the row: about so much, where the provider said nothing."""
    bench.gateway.book.change("open", prices={model: {"input": 1.0, "output": 2.0}})
    stream = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model=f"open/{model}"))
    until(lambda: bool(server.of(model)))
    stream.stop()
    assert stream.settle(5)
    (turn,) = rag.conversation(bench, str(stream.conversation_id)).turns
    assert turn.answer and turn.answer == stream.wait() and "stopped" == turn.answer.finish
    agree(turn.answer.paid, since(bench, 0))
    assert rag.reporting.price_of(turn.answer).startswith("about $")


def test_a_question_is_asked_again_once_at_a_time(bench: rag.Workbench, server: FaultServer) -> None:
    """A second press of Retry, or one in another tab, pays nothing: the first answer is being written."""
    first = asked(bench, "ok?a")
    talk, options = first.conversation_id, GenerateOptions(model="open/slow?s=3600")
    stream = rag.ask(bench, QUESTION, conversation_id=talk, generate_options=options, again=Again(first.id))
    with pytest.raises(QuestionError, match="being answered already"):
        rag.ask(bench, QUESTION, conversation_id=talk, generate_options=options, again=Again(first.id))
    until(lambda: bool(server.of("slow?s=3600")))
    stream.stop()
    assert stream.settle(5) and 1 == len(server.of("slow?s=3600"))
    assert 2 == len(since(bench, 0))
    rag.ask(
        bench,
        QUESTION,
        conversation_id=talk,
        generate_options=GenerateOptions(model="open/ok?b"),
        again=Again(first.id),
    ).wait(30)


def test_what_was_stopped_before_it_was_sent_cost_nothing(
    bench: rag.Workbench, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while its row was being written, a call never goes out: the row and the answer say $0.00, not about so much."""
    writing, go_on, real = threading.Event(), threading.Event(), bench.ledger.start

    def slowly(action: str, provider: str, *args: Any, **more: Any) -> int:
        if "open" == provider:
            writing.set()
            assert go_on.wait(10)
        return real(action, provider, *args, **more)

    monkeypatch.setattr(bench.ledger, "start", slowly)
    stream = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model="open/slow?s=20"))
    assert writing.wait(10)
    stream.stop()
    assert "stopped" == stream.wait(5).finish
    until(lambda: bool(bench.gateway.runner.books._open_work))  # the call is cancelled, its row still to be closed
    go_on.set()
    assert stream.settle(5)
    (row,) = since(bench, 0)
    assert ("stopped", 0.0) == (row.status, row.cost_usd) and [] == server.of("slow?s=20")
    assert "$0.00" == rag.reporting.price_of(stream.wait())


def test_closing_the_workbench_keeps_what_its_answers_took(bench: rag.Workbench, server: FaultServer) -> None:
    """An answer that is cut short by the end of the program says the same as its row, when the folder is opened again."""
    stream = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model="open/slow?s=20"))
    until(lambda: bool(server.of("slow?s=20")))
    keep = stream._on_paid[0]
    stream._on_paid[0] = lambda *ended: (threading.Event().wait(0.3), keep(*ended))[1]  # on a slow disk
    bench.close()
    with rag.open_workbench(bench.data_dir) as again:
        (turn,) = rag.conversation(again, str(stream.conversation_id)).turns
        assert turn.answer and "stopped" == turn.answer.finish and turn.answer.estimated_usd
        agree(turn.answer.paid, since(again, 0))


def test_stopped_before_any_call_costs_nothing(bench: rag.Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stopped while it still searched has taken nothing, and says so."""
    searching, go_on = threading.Event(), threading.Event()
    real = rag.search

    def slowly(*args: Any, **more: Any) -> Any:
        searching.set()
        assert go_on.wait(10)
        return real(*args, **more)

    monkeypatch.setattr(rag, "search", slowly)
    stream = rag.ask(bench, QUESTION, generate_options=GenerateOptions(model="open/ok?a"))
    assert searching.wait(10)
    stream.stop()
    go_on.set()
    assert stream.settle(10)
    assert [] == since(bench, 0) and 0.0 == stream.wait().cost_usd


def test_going_on_in_vain_counts_what_was_stopped(bench: rag.Workbench, server: FaultServer) -> None:
    """The answer that counts again holds what the stopped attempt took as well."""
    first = asked(bench, "length;401")
    options, again = GenerateOptions(model="open/slow?s=20"), Again(first.id, goes_on=True)
    stream = rag.ask(bench, QUESTION, conversation_id=first.conversation_id, generate_options=options, again=again)
    until(lambda: bool(server.of("slow?s=20")))
    stream.stop()
    assert stream.settle(5)
    (turn,) = rag.conversation(bench, str(first.conversation_id)).turns
    assert turn.answer and "gone on with" in turn.answer.error
    agree(turn.answer.paid, since(bench, 0))


def test_what_is_known_late_overwrites_nothing_newer(
    bench: rag.Workbench, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gone on with twice and stopped both times: the first account that comes late does not take the second attempt away."""
    first = asked(bench, "length;401")
    options, again = GenerateOptions(model="open/slow?s=20"), Again(first.id, goes_on=True)
    late: list[Callable[[], None]] = []

    def stopped() -> AnswerStream:
        calls_before = len(server.of("slow?s=20"))
        talk = first.conversation_id
        stream = rag.ask(bench, QUESTION, conversation_id=talk, generate_options=options, again=again)
        until(lambda: len(server.of("slow?s=20")) > calls_before)
        if not late:
            held, go_on = stream._on_paid[0], threading.Event()
            late.append(go_on.set)
            stream._on_paid[0] = lambda *ended: (go_on.wait(10), held(*ended))[1]
        stream.stop()
        return stream

    one = stopped()
    assert stopped().settle(5)
    (before,) = rag.conversation(bench, str(first.conversation_id)).turns
    late[0]()
    assert one.settle(5)
    (turn,) = rag.conversation(bench, str(first.conversation_id)).turns
    assert before.answer == turn.answer and turn.answer and turn.answer.cost_usd is None


def test_second_checks_are_said_beside_it(bench: rag.Workbench, server: FaultServer) -> None:
    """All of them, one that failed included; the answer's own account stays as it was."""
    server.replies |= {
        "ok?a": [SAID],
        "small": ["no json", "no json", '{"checks": [{"statement": 1, "verdict": "partly", "reason": "x"}]}'],
    }
    stream = asked(bench, "ok?a")
    answer, before = stream.wait(), last_row(bench)
    for state in ("failed", "done"):
        job = rag.generation.start_second_check(bench, stream.id, "open/small")
        assert job.wait(30) and state == job.state
    record = bench.turns.record(stream.id)
    assert record and record.second
    agree(record.checked, since(bench, before))
    found = rag.conversation(bench, str(stream.conversation_id))
    assert found.turns[0].answer and answer.paid == found.turns[0].answer.paid
    price = rag.reporting.price(record.checked)
    report = rag.reporting.report(bench, found).decode()
    assert price in report and rag.reporting.price(record.checked + answer.paid) in report
    assert f"cost {price}" in export.conversation(bench, found)


def test_the_question_of_a_remote_collection_is_part_of_it(bench: rag.Workbench, server: FaultServer) -> None:
    """Embedding the question by a provider is a call of the turn, for extracts as well, in the conversation and on the command line."""
    bench.gateway.book.change(
        "open", embedding_models={"vec": 8}, prices={"vec": {"input": 5.0}, "ok?a": {"input": 1.0, "output": 2.0}}
    )
    bench.create_collection("far", embedding_model="open/vec")
    rag.ingest(bench, [Upload("harbour.txt", TEXT)], collection="far")
    before = last_row(bench)
    anything = rag.SearchOptions(similarity_threshold=0.0)
    answer = rag.ask(bench, QUESTION, collection="far", search_options=anything).wait(30)
    assert answer.found and answer.cost_usd
    agree(answer.paid, since(bench, before))
    before = last_row(bench)
    ran = CliRunner().invoke(
        cli, ["ask", "Who dredged it?", "--collection", "far", "--threshold", "0", "--model", "open/ok?a", "--json", "--data", str(bench.data_dir)]
    )  # fmt: skip
    assert 0 == ran.exit_code, ran.output
    used, rows = json.loads(ran.stdout)["usage"], since(bench, before)
    assert {"embed", "ask"} == {r.action for r in rows}
    assert used["cost_usd"] == pytest.approx(sum(r.cost_usd or 0.0 for r in rows))
    assert used["input_tokens"] == sum(r.usage.input_tokens for r in rows) and used["calls"] == len(rows)


def test_an_answer_from_before_still_reads(bench: rag.Workbench) -> None:
    """Without the newer fields it says what it said: nothing is made up."""
    from rag.types import Usage

    old = Answer("a", (), True, "x/y", "complete", Usage(5, 6), None)
    assert "unknown" == rag.reporting.price_of(old)
    assert Paid(Usage(5, 6), None) == old.paid
