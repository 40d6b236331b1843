"""Answer a question set through a chat model: what is correct and supported, and what a correct answer costs.

An answer is judged without another model: by whether it cites the evidence that the labels expect, by the checks of its sentences and
figures, and by whether it says so when the documents do not answer. What is answered is kept as it comes, so that a run that was
stopped, or that a provider broke off, goes on where it was.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import QuestionSetError, StoppedError
from rag.evaluation.answer_costs import after_failure, answered_info
from rag.evaluation.gathering import OnProgress, gather
from rag.evaluation.measures import ANSWER_MEASURES
from rag.evaluation.pool import Place, is_right
from rag.evaluation.running import as_run
from rag.evaluation.scoring import Evaluation, rescore
from rag.jobs import Job
from rag.store.question_sets import QuestionSets
from rag.store.runs import Runs
from rag.text import says_not_there, sentences
from rag.types import (
    Answer,
    AnswerScore,
    AnswerVerdict,
    CheckSummary,
    Collection,
    GenerateOptions,
    LabelledQuestion,
    QuestionScore,
    QuestionSet,
    Run,
    SearchOptions,
    SearchResult,
    Stop,
    never,
)

if TYPE_CHECKING:
    from rag.workbench import Workbench

AT_ONCE = 4
"""Answers that a remote model is asked for at the same time; its limits are kept below this, where the calls are made."""
MOST_FAILURES = 3
"""Failures in a row that end a run: a wrong key fails for every question alike."""
_SAVE_S = 2.0
_SETTLE_S = 2.0
_QUESTION_TOKENS, _ANSWER_TOKENS, _CHARACTERS_A_TOKEN = 100, 250, 4
"""Of a question and what parts the excerpts; of a likely answer; and what excerpts are counted by."""


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What answering a set would take, said before it starts."""

    questions: int
    to_ask: int
    """Those with hits: of the others no model is asked."""
    input_tokens: int
    """About, of all prompts together."""
    cost_usd: float | None
    """About; None is unknown, never zero. Answers that are in the cache cost nothing and are not known before."""
    seconds: float | None
    """About; None when this model has not answered here yet."""


def plan_answers(
    bench: Workbench,
    question_set: QuestionSet | str,
    *,
    model: str = GenerateOptions().model,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    generate: GenerateOptions = GenerateOptions(),  # noqa: B008 - frozen
    user: str = "",
    on_progress: OnProgress | None = None,
    stop: Stop = never,
) -> AnswerPlan:
    """Search the questions and tell what answering them takes; no chat model is asked. Raises what `gather` does, and `ProviderError`.

    `generate` says how to answer, as in `start_answers`.
    """
    import rag

    found = rescore(
        gather(bench, question_set, collection=collection, options=options, on_progress=on_progress, stop=stop), options
    )
    asked = len(found.pool.questions) + len(_adversarial(found))
    with_hits = int((found.valid.sum(axis=1) > 0).sum()) + len(_adversarial(found))
    rules = bench.likely_tokens([rag.generation.system_text(rag.generation.style_of(generate))])
    read = found.context_characters * (1 + 2 * options.neighbours)  # each hit goes with the chunks around it
    excerpts = round(read * asked / max(with_hits, 1) / _CHARACTERS_A_TOKEN)
    per_question = rules + _QUESTION_TOKENS + excerpts
    usd = bench.likely_usd(model, per_question, _ANSWER_TOKENS, user=user)
    took = _seconds_an_answer(bench, model)
    return AnswerPlan(
        questions=asked,
        to_ask=with_hits,
        input_tokens=0 if model.startswith("local/") else with_hits * per_question,
        cost_usd=None if usd is None else usd * with_hits,
        seconds=None if took is None else took * with_hits / _at_once(model),
    )


def start_answers(
    bench: Workbench,
    question_set: QuestionSet | str,
    *,
    model: str = GenerateOptions().model,
    collection: Collection | str | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    generate: GenerateOptions = GenerateOptions(),  # noqa: B008 - frozen
    use_cache: bool = True,
    user: str = "",
    profile: str = "",
) -> Job[Run]:
    """Answer the set in the background and keep a run of it; the job's `subject` is the id that the run has from the first answer on.

    `generate` says how to answer: style, instruction, examples, schema and length. Its own model does not count, no other stands in
    where `model` fails, because that is the one that is measured, and nothing is researched: an answer is one call, as the plan says.
    While the same is being answered already, that job is returned. Raises `QuestionSetError` and `CollectionNotFoundError` at once.
    """
    how = replace(generate, model=model, fallbacks=(), use_cache=use_cache, research=False)
    if isinstance(question_set, str):
        question_set = QuestionSets(bench.catalog.engine).get(question_set)
    chosen = collection if isinstance(collection, Collection) else bench.collection(collection)
    run_id, questions = uuid.uuid4().hex, question_set

    def work(job: Job[Run]) -> Run:
        found = _searched(bench, questions, chosen, options, job)
        run = as_run(
            found, questions, bench.fingerprints.of(chosen), title=f"{questions.name}: {model}", profile=profile
        )
        extra = [QuestionScore(question, "missed", (), 0.0) for question in _adversarial(found)]
        scores = (*run.questions, *extra)
        info = replace(run.info, id=run_id, answered_by=model, generate=how, pending=len(scores))
        Runs(bench.catalog.engine).add(Run(info, scores))
        return _Answering(bench, Run(info, scores), chosen, how, user, job).do()

    same = repr((questions.id, chosen.id, options, how))
    return bench.jobs.start("answers", f"Answering {questions.name} by {model}", work, subject=run_id, once=same)


def resume_answers(bench: Workbench, run_id: str, *, use_cache: bool = True, user: str = "") -> Job[Run]:
    """Ask what a stopped run has not asked yet, and again what failed, in the way that it began.

    While it goes on already, that job is returned. Raises `QuestionSetError` when its documents have changed.
    """
    run = Runs(bench.catalog.engine).get(run_id)
    chosen = bench.catalog.collection(run.info.fingerprint.collection)
    if bench.fingerprints.of(chosen).digest != run.info.fingerprint.digest:
        raise QuestionSetError(
            "The collection has changed since this run began, so its answers would not compare; start a new one."
        )
    began = run.info.generate or GenerateOptions(run.info.answered_by, fallbacks=())
    options = replace(began, use_cache=use_cache)

    def work(job: Job[Run]) -> Run:
        now = Runs(bench.catalog.engine).get(run_id)  # another job may have gone on with it since
        return _Answering(bench, now, chosen, options, user, job).do()

    return bench.jobs.start("answers", f"Going on with {run.info.title}", work, subject=run_id, once=run_id)


def _searched(
    bench: Workbench, question_set: QuestionSet, collection: Collection, options: SearchOptions, job: Job[Run]
) -> Evaluation:
    job.begin(len(question_set.questions), "questions", "Searching")
    pool = gather(
        bench, question_set, collection=collection, options=options, stop=job.stopping,
        on_progress=lambda done, total: job.advance(done - job.progress.done),
    )  # fmt: skip
    return rescore(pool, options)


def _adversarial(found: Evaluation) -> list[LabelledQuestion]:
    """Return the questions that only answers can be judged by: the documents are about them and do not answer them."""
    return [question for question, _ in found.pool.left_out if question.label == "adversarial"]


def _at_once(model: str) -> int:
    return 1 if model.startswith("local/") else AT_ONCE


def _seconds_an_answer(bench: Workbench, model: str) -> float | None:
    calls = [
        record.duration_ms
        for record in bench.ledger.records(limit=1000)
        if record.action == "ask"
        and f"{record.provider}/{record.model}" == model
        and record.status == "ok"
        and record.duration_ms
    ]
    return float(np.mean(calls)) / 1000 if calls else None


# --- the work -------------------------------------------------------------------------------------------------------


class _Answering:
    """One run while it is being answered. Only the job's own thread writes to it."""

    def __init__(
        self, bench: Workbench, run: Run, collection: Collection, options: GenerateOptions, user: str, job: Job[Run]
    ) -> None:
        self._bench, self._collection, self._options, self._user, self._job = bench, collection, options, user, job
        self._info = run.info
        self._scores = {score.question.id: score for score in run.questions}
        self._giving_up = threading.Event()
        self._saved_at = time.monotonic()

    def do(self) -> Run:
        """Answer what is left. Raises `StoppedError`, and `QuestionSetError` after too many failures in a row; the answers are kept."""
        left = [score.question for score in self._scores.values() if _is_open(score)]
        self._job.begin(len(left), "answers", f"Answering by {self._info.answered_by}")
        failures: list[str] = []
        with ThreadPoolExecutor(_at_once(self._info.answered_by)) as workers:
            try:
                for question, made in self._each(workers, left):
                    self._take(question, *made)
                    failed = made[0].verdict == "failed" and not self._job.stopping()
                    failures = [*failures, made[0].note] if failed else []
                    if len(failures) >= MOST_FAILURES:
                        break
            finally:
                self._giving_up.set()
                workers.shutdown(cancel_futures=True)
                self._save()
        if len(failures) >= MOST_FAILURES:
            raise QuestionSetError(
                f"{failures[-1]} {MOST_FAILURES} answers in a row failed, so the others were not asked; go on from there once it is put right."
            )
        if self._job.stopping():
            raise StoppedError("Stopped; what was answered is kept, and the run can go on from there.")
        return Run(self._info, tuple(self._scores.values()))

    def _each(
        self, workers: ThreadPoolExecutor, left: Sequence[LabelledQuestion]
    ) -> Iterator[tuple[LabelledQuestion, tuple[AnswerScore, SearchResult]]]:
        """Yield every question with its answer as they come; those that a stop cut short before anything was called are left out."""
        waiting: dict[Future[tuple[AnswerScore, SearchResult] | None], LabelledQuestion] = {
            workers.submit(self._answer, question): question for question in left
        }
        while waiting:
            done, _ = wait(waiting, timeout=0.2, return_when="FIRST_COMPLETED")
            for future in done:
                question, made = waiting.pop(future), future.result()
                if made is not None:
                    yield question, made

    def _answer(self, question: LabelledQuestion) -> tuple[AnswerScore, SearchResult] | None:
        from rag import generate, search  # other verbs, so through the facade

        if self._stopping():
            return None
        result = search(self._bench, question.text, collection=self._collection, options=self._info.options)
        stream = generate(self._bench, result, options=self._options, user=self._user)
        while not stream.done:
            if self._stopping():
                stream.stop()
            try:
                stream.wait(0.1)
            except TimeoutError:
                continue
        answer = stream.wait()
        if answer.finish != "stopped":
            return score_answer(question, answer), result
        stream.settle(_SETTLE_S)
        answer = stream.wait()
        if not answer.calls:
            return None
        return replace(score_answer(question, answer), verdict="failed", note="Stopped before its end."), result

    def _stopping(self) -> bool:
        return self._job.stopping() or self._giving_up.is_set()

    def _take(self, question: LabelledQuestion, answer: AnswerScore, result: SearchResult) -> None:
        """Keep an answer with its question; now and then keep the run, in case the process is killed."""
        score = self._scores[question.id]
        if score.answer is not None:
            answer = after_failure(score.answer, answer)
        if question.label == "adversarial":
            score = replace(
                score,
                outcome="wrongly_answered" if result.hits else "rejected",
                best_score=max((h.score for h in result.hits), default=0.0),
            )
        values = {name: value for name, value in score.values.items() if name not in ANSWER_MEASURES}
        if answer.verdict != "failed":
            values["correct"] = float(answer.is_correct)
            if answer.sentences:
                values["supported"] = answer.sentences_supported / answer.sentences
        self._scores[question.id] = replace(score, answer=answer, values=values)
        self._job.advance(1)
        if time.monotonic() - self._saved_at >= _SAVE_S:
            self._save()

    def _save(self) -> None:
        self._info = answered_info(self._info, tuple(self._scores.values()))
        Runs(self._bench.catalog.engine).save(Run(self._info, tuple(self._scores.values())))
        self._saved_at = time.monotonic()


def _is_open(score: QuestionScore) -> bool:
    return score.answer is None or score.answer.verdict == "failed"


# --- judging --------------------------------------------------------------------------------------------------------


def score_answer(question: LabelledQuestion, answer: Answer) -> AnswerScore:
    """Return what an answer is worth, by the question's labels and the checks of its sentences and figures."""
    cited = [
        Place(c.id, c.document_id, c.start, c.end, c.pages)
        for c in (citation.hit.chunk for citation in answer.citations)
    ]
    right = sum(any(is_right(place, piece) for piece in question.evidence) for place in cited)
    counts = CheckSummary.of(answer.checks)
    return AnswerScore(
        verdict=_verdict(question, answer, bool(right)),
        text=answer.text,
        sentences=counts.sentences,
        sentences_supported=counts.sentences_supported,
        figures=counts.figures,
        figures_supported=counts.figures_supported,
        citations=len(answer.citations),
        citations_right=right,
        cost_usd=answer.cost_usd,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        duration_ms=answer.duration_ms,
        cached=answer.cached,
        note=answer.error or answer.note,
    )


def _verdict(question: LabelledQuestion, answer: Answer, is_right_source: bool) -> AnswerVerdict:
    if answer.finish == "failed":
        return "failed"
    if question.label != "evidence":
        return "rejected" if _says_nothing(answer) else "made_up"
    if _says_nothing(answer):
        return "not_found"
    if any(figure.verdict == "contradicted" for check in answer.checks for figure in check.figures):
        return "contradicted"
    return "correct" if is_right_source else "elsewhere"


def _says_nothing(answer: Answer) -> bool:
    """Tell whether the answer is that the documents do not say it; what comes nearest may follow."""
    if not answer.found:
        return True
    first = next(iter(sentences(answer.text)), (0, 0))
    return says_not_there(answer.text[slice(*first)])
