"""Answers of a set are judged by its labels and their checks, kept as they come, and gone on with after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_pools import QUESTIONS

import rag
from rag import Upload, Workbench
from rag.errors import QuestionSetError
from rag.evaluation import QuestionSets, Runs, compare, import_questions, plan_answers, resume_answers, start_answers
from rag.evaluation.answer_costs import after_failure, costs_of
from rag.evaluation.answers import MOST_FAILURES, score_answer
from rag.providers.tokens import estimate
from rag.types import (
    Answer,
    AnswerScore,
    Citation,
    FigureCheck,
    LabelledQuestion,
    QuestionSet,
    Run,
    SearchOptions,
    SentenceCheck,
    Usage,
)
from tests.faultserver import FaultServer
from tests.waiting import until

QUESTION = "Why was turbine 3 out of service and for how long?"
CITED = "The gearbox of turbine 3 failed [1]."


@pytest.fixture
def bench(with_samples: Callable[[Path], Path], tmp_path: Path) -> Iterator[Workbench]:
    """The samples, in a workbench of this test's own."""
    with rag.open_workbench(with_samples(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def asked(bench: Workbench, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> QuestionSet:
    """The samples with six of their questions, four with evidence and two without, and a provider with prices."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    (bench.data_dir / "prices.toml").write_text('["fault/ok"]\ninput = 1.0\noutput = 2.0\n', encoding="utf-8")
    gateway = bench.gateway
    models = ("ok", "401", "slow?s=0.4;ok", "ok;cut;ok", "unpriced")
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=models))
    found = import_questions(bench, "questions.jsonl", QUESTIONS.read_bytes()).questions
    chosen = [q for q in found if q.label == "evidence"][:4] + [q for q in found if q.label == "absent"][:2]
    return QuestionSets(bench.catalog.engine).create("six", chosen)


def answered(bench: Workbench, asked: QuestionSet, model: str, **rest: object) -> Run:
    job = start_answers(bench, asked, model=model, **rest)  # type: ignore[arg-type]
    assert job.wait(60)
    assert job.result is not None, job.error
    return Runs(bench.catalog.engine).get(job.subject)


def verdicts(run: Run) -> list[str]:
    return [score.answer.verdict if score.answer else "" for score in run.questions]


def test_extracts_are_measured_for_free(bench: Workbench, asked: QuestionSet) -> None:
    """They quote the expected places, say of the others that they are not there, and cost nothing; the plan said so."""
    plan = plan_answers(bench, asked)
    assert (6, 4, 0.0, 0) == (plan.questions, plan.to_ask, plan.cost_usd, plan.input_tokens)
    run = answered(bench, asked, "local/extractive")
    assert ["rejected", "rejected"] == verdicts(run)[4:] and verdicts(run)[:4].count("correct") >= 3
    assert 6 == run.info.figures["correct"].questions and 0.0 == run.info.costs["correct_usd"]
    assert ("local/extractive", 0) == (run.info.answered_by, run.info.pending)


def test_a_model_is_measured_with_what_a_correct_answer_costs(
    bench: Workbench, asked: QuestionSet, server: FaultServer
) -> None:
    """Only questions with hits are asked; cost over correct answers is that of all answers that were paid."""
    server.replies["ok"] = [CITED]
    plan = plan_answers(bench, asked, model="fault/ok")
    assert plan.cost_usd is not None and 0 < plan.cost_usd < 0.1 and plan.seconds is None
    run = answered(bench, asked, "fault/ok")
    sent = [message["content"] for e in server.exchanges for message in e.body["messages"]]
    assert plan.input_tokens == pytest.approx(sum(map(estimate, sent)), rel=0.2)
    assert 4 == len(server.exchanges) and 2 == verdicts(run).count("rejected")
    paid = sum(score.answer.cost_usd or 0.0 for score in run.questions if score.answer)
    correct = sum(score.answer.is_correct for score in run.questions if score.answer)
    assert paid > 0 and paid / correct == pytest.approx(run.info.costs["correct_usd"])
    again = answered(bench, asked, "fault/ok")
    assert 4 == len(server.exchanges) and 4 == again.info.costs["cached"]
    assert "correct" in compare(run, again).differences and 0 == compare(run, again).differences["correct"].value
    assert verdicts(run) == verdicts(again)


def test_a_run_is_answered_once_at_a_time(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """A second press, of the start or of going on, gets the job that runs and pays nothing; another model is another run."""
    slow = "slow?s=3600"
    first, second = (start_answers(bench, asked, model=f"fault/{slow}") for _ in range(2))
    other = start_answers(bench, asked)
    assert first is second is not other
    until(lambda: 4 == len(server.of(slow)))
    first.stop()
    assert first.wait(60) and other.wait(60)
    on, more = (resume_answers(bench, first.subject) for _ in range(2))
    assert on is more
    until(lambda: 8 == len(server.of(slow)))
    on.stop()
    assert on.wait(60) and 8 == len(server.of(slow))


def test_the_price_before_counts_neighbouring_chunks(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """They are sent with each hit; where hits lie side by side, fewer are than was said."""
    server.replies["ok"] = [CITED]
    options = rag.SearchOptions(neighbours=1)
    plan = plan_answers(bench, asked, model="fault/ok", options=options)
    answered(bench, asked, "fault/ok", options=options)
    sent = sum(estimate(message["content"]) for e in server.exchanges for message in e.body["messages"])
    assert plan.input_tokens == pytest.approx(sent, rel=0.25)


def test_answers_are_asked_for_in_the_way_of_the_profile(
    bench: Workbench, asked: QuestionSet, server: FaultServer
) -> None:
    """Style, instruction and examples go to the chosen model, which nobody stands in for; a run that goes on asks as it began."""
    server.replies["ok"] = [CITED]
    examples = "Question: How high is the wall?\nExcerpts:\n[1] The wall is two metres high.\nAnswer: Two metres [1]."
    how = rag.GenerateOptions(
        "fault/401", style="brief", instruction="Answer like a harbour pilot.", examples=examples, fallbacks=("fault/401",),
        research=True, max_output_tokens=333,
    )  # fmt: skip
    plain, plan = (plan_answers(bench, asked, model="fault/ok", generate=g) for g in (rag.GenerateOptions(), how))
    assert plan.input_tokens != plain.input_tokens
    run = answered(bench, asked, "fault/ok", generate=how)
    kept = run.info.generate
    assert kept == replace(how, model="fault/ok", fallbacks=(), research=False)
    assert 4 == len(server.exchanges)
    runs = Runs(bench.catalog.engine)
    for began, wanted in ((kept, True), (None, False)):  # None: begun by a version that did not keep it
        left = [replace(s, answer=None) for s in run.questions]
        runs.save(Run(replace(run.info, generate=began, pending=len(left)), tuple(left)))
        del server.exchanges[:]
        assert resume_answers(bench, run.info.id, use_cache=False).wait(60)
        bodies = [str(e.body) for e in server.exchanges]
        assert 4 == len(bodies)
        limit = "'max_tokens': 333,"  # not 333 alone: a random delimiter may hold it
        for words in ("Answer like a harbour pilot.", "The wall is two metres high.", limit):
            assert [wanted] * 4 == [words in body for body in bodies], words
        assert {"ok"} == {e.body["model"] for e in server.exchanges}


def test_an_unknown_price_stays_unknown(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """Without a price there is no cost of a correct answer, not a free one."""
    server.replies["unpriced"] = [CITED]
    assert plan_answers(bench, asked, model="fault/unpriced").cost_usd is None
    costs = answered(bench, asked, "fault/unpriced", use_cache=False).info.costs
    assert 4 == costs["unknown_costs"] and "correct_usd" not in costs


def test_what_failed_was_paid_for_as_well(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """An answer that broke off has an unknown price: it is counted beside the sum, and no price of a correct one is made up."""
    server.replies["cut"] = [CITED]
    # Those that need no model come first: three failures in a row end the run, and some answer has to be there by then.
    absent_first = QuestionSets(bench.catalog.engine).create("absent first", asked.questions[::-1])
    job = start_answers(bench, absent_first, model="fault/cut")
    job.wait(60)
    run = Runs(bench.catalog.engine).get(job.subject)
    assert verdicts(run).count("failed") == run.info.costs["unknown_costs"] > 0
    assert "correct_usd" not in run.info.costs and "answer_ms" in run.info.costs


def test_going_on_counts_what_failed_before(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """A failed answer that is asked again was paid for as well: the run costs what its rows in the ledger do."""
    model = "empty;empty;ok"
    server.replies[model] = [CITED]
    bench.gateway.book.change("fault", prices={model: {"input": 1.0, "output": 2.0}})
    first = answered(bench, asked, f"fault/{model}", use_cache=False)
    assert 2 == verdicts(first).count("failed") and 0 < first.info.pending
    assert resume_answers(bench, first.info.id, use_cache=False).wait(60)
    run = Runs(bench.catalog.engine).get(first.info.id)
    rows = [row for row in bench.ledger.records() if row.provider == "fault"]
    assert 0 == verdicts(run).count("failed") and 6 == len(rows)
    assert run.info.costs["answers_usd"] == pytest.approx(sum(row.cost_usd or 0.0 for row in rows))
    assert sum(s.answer.input_tokens for s in run.questions if s.answer) == sum(r.usage.input_tokens for r in rows)


def test_costs_that_are_known_stay_beside_those_that_are_not() -> None:
    """A failed try of unknown cost hides no known one, and an answer from the cache stays out of the price of an answer."""
    failed = AnswerScore("failed", cost_usd=None)
    bought = AnswerScore("correct", cost_usd=1.0, duration_ms=1000.0)
    kept = AnswerScore("correct", cost_usd=0.0, duration_ms=3.0, cached=True)
    twice = after_failure(failed, bought)
    assert {"answers_usd": 2.0, "unknown_costs": 2.0} == {
        k: costs_of([twice, twice])[k] for k in ("answers_usd", "unknown_costs")
    }
    assert "correct_usd" not in costs_of([twice, twice])
    paid = after_failure(AnswerScore("failed", cost_usd=0.25), kept)
    found = costs_of([paid, bought])
    assert (1.25, 1.0, 1.0, 1000.0, 1.0) == tuple(
        found[name] for name in ("answers_usd", "answer_usd", "correct_usd", "answer_ms", "cached")
    )


def test_a_wrong_key_is_not_tried_for_every_question(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """After some failures in a row the run ends with the provider's sentence, and can go on."""
    found = import_questions(bench, "questions.jsonl", QUESTIONS.read_bytes()).questions
    seven = [q for q in found if q.label == "evidence"][
        :7
    ]  # each is asked: no answer that needs no model comes between
    job = start_answers(bench, QuestionSets(bench.catalog.engine).create("seven", seven), model="fault/401")
    job.wait(60)
    assert "failed" == job.state and "rejected" in job.error and "go on from there" in job.error
    run = Runs(bench.catalog.engine).get(job.subject)
    assert run.info.pending >= 4 and verdicts(run).count("failed") >= MOST_FAILURES


def test_a_stopped_run_goes_on(bench: Workbench, asked: QuestionSet, server: FaultServer) -> None:
    """What was answered before the stop is kept and not asked again."""
    model = (
        "slow?s=3600;ok;slow?s=3600;slow?s=3600;ok"  # by the order in which they come: one is answered, the others hang
    )
    server.replies[model] = [CITED]
    job = start_answers(bench, asked, model=f"fault/{model}", use_cache=False)
    until(lambda: 4 == len(server.of(model)) and "answers" == job.progress.unit and job.progress.done >= 1)
    job.stop()
    assert job.wait(30) and "stopped" == job.state
    before = Runs(bench.catalog.engine).get(job.subject)
    done = [score.question.id for score in before.questions if score.answer and score.answer.verdict != "failed"]
    assert 0 < len(done) and before.info.pending == 6 - len(done)
    cut = [score.answer for score in before.questions if score.answer and score.answer.verdict == "failed"]
    assert cut and {"Stopped before its end."} == {answer.note for answer in cut}, "what they took was paid for as well"
    again = resume_answers(bench, job.subject)
    assert again.wait(60) and again.result is not None, again.error
    after = Runs(bench.catalog.engine).get(job.subject)
    assert 0 == after.info.pending and 6 == sum(score.answer is not None for score in after.questions)
    rows = [row for row in bench.ledger.records() if row.provider == "fault"]
    assert sum(s.answer.input_tokens for s in after.questions if s.answer) == sum(r.usage.input_tokens for r in rows)
    assert after.info.costs["unknown_costs"] >= len(cut)
    kept = {s.question.id: s.answer for s in before.questions if s.question.id in done}
    assert kept == {s.question.id: s.answer for s in after.questions if s.question.id in kept}


def test_a_changed_collection_is_not_gone_on_with(bench: Workbench, asked: QuestionSet) -> None:
    """Answers from before and after a new document would not compare."""
    run = answered(bench, asked, "local/extractive")
    rag.ingest(bench, [Upload("more.txt", b"Another document about something else. " * 20)])
    with pytest.raises(QuestionSetError, match="has changed since this run began"):
        resume_answers(bench, run.info.id)


def test_a_deleted_run_is_gone(bench: Workbench, asked: QuestionSet) -> None:
    """A run that was deleted while it was being answered is not made anew behind the user's back."""
    run = answered(bench, asked, "local/extractive")
    Runs(bench.catalog.engine).delete([run.info.id])
    with pytest.raises(QuestionSetError, match="was deleted"):
        Runs(bench.catalog.engine).save(run)


def answer(bench: Workbench, text: str, *, verdict: str = "supported", finish: str = "complete") -> Answer:
    """Return an answer that cites the best hit, with one figure of that verdict."""
    hit = rag.search(bench, QUESTION, options=SearchOptions(similarity_threshold=0.0)).hits[0]
    citation = Citation(1, hit, hit.chunk.text, hit.chunk.start, hit.chunk.end, hit.chunk.pages)
    check = SentenceCheck(0, len(text), "supported", figures=(FigureCheck(0, 1, "9", "number", verdict),))  # type: ignore[arg-type]
    return Answer(text, (citation,), bool(text), "m/x", finish, Usage(), None, checks=(check,))  # type: ignore[arg-type]


def test_answers_are_judged_by_the_labels(bench: Workbench) -> None:
    """The same answer is right or wrong by what the question expects, what it cites and what its figures say."""
    good = answer(bench, "The gearbox failed [1].")
    hit = good.citations[0].hit
    evidence = rag.evaluation.evidence_of(hit)
    here = LabelledQuestion("q", QUESTION, "evidence", (evidence,))
    there = replace(here, evidence=(replace(evidence, document_id="another"),))
    absent = LabelledQuestion("q", QUESTION, "absent")
    silent = answer(bench, "The documents do not say why the turbine stopped. The gearbox is mentioned [1].")
    wrong = answer(bench, "It was 9 weeks [1].", verdict="contradicted")
    failed = answer(bench, "", finish="failed")
    cases = [
        (here, good),
        (there, good),
        (absent, good),
        (here, silent),
        (absent, silent),
        (here, wrong),
        (here, failed),
    ]
    expected = ["correct", "elsewhere", "made_up", "not_found", "rejected", "contradicted", "failed"]
    assert expected == [score_answer(question, each).verdict for question, each in cases]
