"""What the answers of a question set took, those that failed and were asked again included: a run costs what was paid for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rag.evaluation.intervals import mean_figure
from rag.evaluation.measures import ANSWER_MEASURES
from rag.types import AnswerScore, QuestionScore, RunInfo


def answered_info(info: RunInfo, scores: Sequence[QuestionScore]) -> RunInfo:
    """Return the run's head with the figures and costs of the answers that it has."""
    done = [score.answer for score in scores if score.answer is not None and score.answer.verdict != "failed"]
    figures = {name: mean_figure(np.array([s.values.get(name, np.nan) for s in scores])) for name in ANSWER_MEASURES}
    given = [score.answer for score in scores if score.answer is not None]
    costs = {name: value for name, value in info.costs.items() if name not in _ANSWER_COSTS} | costs_of(given)
    return replace(info, figures={**info.figures, **figures}, costs=costs, pending=len(scores) - len(done))


_ANSWER_COSTS = ("answers_usd", "answer_usd", "correct_usd", "unknown_costs", "cached", "answer_ms")


def after_failure(failed: AnswerScore, answer: AnswerScore) -> AnswerScore:
    """Return an answer with what the tries before it took that failed; what it took itself stays as it is."""
    return replace(
        answer,
        failed_usd=failed.failed_usd + (failed.cost_usd or 0.0),
        failed_unknown=failed.failed_unknown + (failed.cost_usd is None),
        input_tokens=failed.input_tokens + answer.input_tokens,
        output_tokens=failed.output_tokens + answer.output_tokens,
    )


def costs_of(given: Sequence[AnswerScore]) -> dict[str, float]:
    """Return what the answers cost, those that failed included: their price has to be borne by the correct ones.

    One from the cache was paid before: it says nothing of the price of an answer, and only what its failed tries took is counted.
    """
    asked = [answer for answer in given if not answer.cached]
    known = [answer.cost_usd for answer in asked if answer.cost_usd is not None]
    unknown = len(asked) - len(known) + sum(answer.failed_unknown for answer in given)
    made = {"unknown_costs": float(unknown), "cached": float(len(given) - len(asked))}
    took = [answer.duration_ms for answer in asked if answer.verdict != "failed" and answer.duration_ms is not None]
    if took:
        made["answer_ms"] = float(np.mean(took))
    in_vain = sum(answer.failed_usd for answer in given)
    if known or in_vain:
        made["answers_usd"] = sum(known) + in_vain
    if known:
        made["answer_usd"] = sum(known) / len(known)
    correct = sum(answer.is_correct for answer in asked)
    if correct and not unknown:
        made["correct_usd"] = (sum(known) + sum(answer.failed_usd for answer in asked)) / correct
    return made
