"""Near misses of a question set: expected evidence that fell just short, and which single knob would bring it in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rag.evaluation.measures import Integers
from rag.evaluation.pool import Place
from rag.evaluation.scoring import ANSWERED, MISSED, Evaluation, Ranking, ranked, rescore
from rag.evaluation.threshold import STEP
from rag.types import LabelledQuestion

Knob = Literal["threshold", "top_k", "weight", "threshold and top_k", "none"]
WEIGHTS = tuple(round(number * 0.05, 2) for number in range(21))


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change of the options that would make the evidence a hit."""

    knob: Knob
    threshold: float | None = None
    top_k: int | None = None
    weight: float | None = None
    wrongly_answered: int = 0
    """Questions not in the documents that the lower threshold would answer as well."""

    def __str__(self) -> str:
        if self.knob == "none":
            return "no candidate is right: another mode, a larger pool or other chunks may find it"
        parts = []
        if self.threshold is not None:
            cost = f", which wrongly answers {self.wrongly_answered} more" if self.wrongly_answered else ""
            parts.append(f"lower the threshold to {self.threshold:g}{cost}")
        if self.top_k is not None:
            parts.append(f"raise top_k to {self.top_k}")
        if self.weight is not None:
            parts.append(f"set the weight to {self.weight:g}")
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A question that was missed, with the right candidate that came closest."""

    question: LabelledQuestion
    place: Place | None
    """None when no candidate is right."""
    score: float
    short_by: float
    """How much the score misses the threshold by; 0 when it passes and better ranked ones keep it out."""
    rank: int
    """Place that it would have if everything down to its score passed; 0 without a right candidate."""
    remedies: tuple[Remedy, ...]
    """Each is enough by itself; the mildest first."""


def near_misses(evaluation: Evaluation) -> list[NearMiss]:
    """Return every missed question of an evaluation, those that take least to be answered first.

    Diversity is set aside: places are those of the ranking.
    """
    pool, options, threshold = evaluation.pool, evaluation.options, evaluation.threshold
    missed = np.flatnonzero(evaluation.outcomes == MISSED)
    if not len(missed):
        return []
    ranking = ranked(pool, options, 0.0)
    weights = _weights_that_answer(evaluation) if options.mode == "hybrid" else {}
    found = [_near_miss(evaluation, ranking, int(q), threshold, weights.get(int(q))) for q in missed]
    return sorted(found, key=lambda near: (near.place is None, near.short_by, near.rank))


def _near_miss(evaluation: Evaluation, ranking: Ranking, q: int, threshold: float, weight: float | None) -> NearMiss:
    pool = evaluation.pool
    order = ranking.order[q, : int(ranking.passing[q].sum())]
    scores = ranking.score[q, order]
    right = np.flatnonzero(pool.right[q, order].any(axis=1))
    if not len(right):
        return NearMiss(pool.questions[q], None, 0.0, math.inf, 0, (Remedy("none"),))
    ranks = {int(at): 1 + int((scores[:at] >= min(threshold, scores[at])).sum()) for at in right}
    best = min(ranks, key=lambda at: (max(0.0, threshold - scores[at]), ranks[at]))
    remedies = [_remedy(evaluation, scores, int(at), threshold) for at in right]
    remedies.sort(key=lambda remedy: (remedy.knob != "top_k", -(remedy.threshold or 0.0), remedy.top_k or 0))
    mildest = {remedy.knob: remedy for remedy in reversed(remedies)}
    if weight is not None:
        mildest["weight"] = Remedy("weight", weight=weight)
    if len(mildest) > 1:
        mildest.pop("threshold and top_k", None)
    return NearMiss(
        question=pool.questions[q],
        place=pool.places[q][int(order[best])],
        score=float(scores[best]),
        short_by=max(0.0, threshold - float(scores[best])),
        rank=ranks[best],
        remedies=tuple(
            sorted(mildest.values(), key=lambda remedy: remedies.index(remedy) if remedy in remedies else -1)
        ),
    )


def _remedy(evaluation: Evaluation, scores: Integers, at: int, threshold: float) -> Remedy:
    """Return what makes the candidate at place `at` of the full ranking a hit."""
    score, top_k = float(scores[at]), evaluation.options.top_k
    lowered = None if score >= threshold else max(0.0, math.floor(score / STEP + 1e-9) * STEP)
    if lowered is not None and lowered > score:
        lowered -= STEP
    reach = threshold if lowered is None else round(lowered, 3)
    rank = 1 + int((scores[:at] >= reach).sum())
    wrong = 0
    if lowered is not None:
        best = evaluation.best[~evaluation.pool.answerable]
        wrong = int(((best >= reach) & (best < threshold)).sum())
    knob: Knob = "top_k" if lowered is None else "threshold" if rank <= top_k else "threshold and top_k"
    return Remedy(
        knob, threshold=None if lowered is None else reach, top_k=rank if rank > top_k else None, wrongly_answered=wrong
    )


def _weights_that_answer(evaluation: Evaluation) -> dict[int, float]:
    """Return for each question the weight closest to the present one that answers it, where there is one."""
    found: dict[int, float] = {}
    for weight in sorted(WEIGHTS, key=lambda weight: abs(weight - evaluation.options.weight)):
        outcomes = rescore(evaluation.pool, replace(evaluation.options, weight=weight)).outcomes
        for q in np.flatnonzero((outcomes == ANSWERED) & (evaluation.outcomes == MISSED)):
            found.setdefault(int(q), weight)
    return found
