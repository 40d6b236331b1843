"""Recommend a threshold from labels: what each threshold answers and what it answers wrongly, and how sure that is.

The point recommended is where answered share minus wrongly answered share (Youden's J) is highest. A single argmax follows
the luck of a few questions, so the questions are drawn again many times and the middle of the best points is taken; their
spread is the interval, and a spread that says nothing, like too few labels, is said instead of a number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rag.evaluation.intervals import REPEATS, ends, other_weights, weights
from rag.evaluation.measures import Flags, Floats
from rag.evaluation.pool import Pool
from rag.evaluation.scoring import ranked
from rag.types import LabelledQuestion, SearchOptions

if TYPE_CHECKING:
    import pandas as pd

STEP = 0.005
GRID: Floats = np.round(np.arange(0, 1 + STEP / 2, STEP), 3)
"""Thresholds that are tried."""
LEAST_LABELS = 10
"""Of each kind. From 10 + 10 labels drawn from one public set, the threshold answered 98 % of another set's questions in the median
and 85 % at worst; from 30 + 30, 98 % and 93 %."""
WIDEST_INTERVAL = 0.2
"""A wider one spans thresholds that nobody would call the same."""


@dataclass(frozen=True)
class Curve:
    """What every threshold of `GRID` does to every question."""

    answerable: tuple[LabelledQuestion, ...] = field(repr=False)
    absent: tuple[LabelledQuestion, ...] = field(repr=False)
    answered: Flags = field(repr=False)
    """A right hit is among the hits: (answerable questions, thresholds)."""
    wrongly_answered: Flags = field(repr=False)
    """There are hits although nothing answers it: (absent questions, thresholds)."""

    def frame(self) -> pd.DataFrame:
        """Return one row a threshold with the shares of answered and wrongly answered questions."""
        import pandas as pd

        shares = {"answered": _share(self.answered), "wrongly_answered": _share(self.wrongly_answered)}
        return pd.DataFrame({"threshold": GRID, **shares})


@dataclass(frozen=True)
class Recommendation:
    """A threshold that the labels speak for, or why they speak for none."""

    curve: Curve = field(repr=False)
    current: float
    threshold: float | None
    """None when the labels cannot carry a recommendation."""
    low: float
    high: float
    """95 % interval of the threshold; NaN without labels of both kinds."""
    sentence: str
    """What was found, for the user."""
    gained: tuple[LabelledQuestion, ...] = ()
    """Questions answered at the recommended threshold and not at the current one."""
    lost: tuple[LabelledQuestion, ...] = ()
    """The other way round."""
    newly_rejected: tuple[LabelledQuestion, ...] = ()
    """Questions that are not in the documents, rejected at the recommended threshold and not at the current one."""
    newly_wrong: tuple[LabelledQuestion, ...] = ()

    def shares(self, threshold: float) -> tuple[float, float]:
        """Return the shares of answered and wrongly answered questions at a threshold; NaN for a kind without questions."""
        at = grid_place(threshold)
        return float(_share(self.curve.answered)[at]), float(_share(self.curve.wrongly_answered)[at])


def grid_place(threshold: float) -> int:
    """Return the place in `GRID` of the threshold next to this one."""
    return int(np.clip(np.rint(threshold / STEP), 0, len(GRID) - 1))


def curve(pool: Pool, options: SearchOptions) -> Curve:
    """Return what every threshold does under otherwise equal options.

    The threshold of `options` is not looked at, and its diversity is set aside: that chooses among those that pass.
    """
    ranking = ranked(pool, options, 0.0)
    answerable = pool.answerable
    best = np.where(ranking.eligible, ranking.score, -1.0).max(axis=1, initial=-1.0)
    answered = np.zeros((int(answerable.sum()), len(GRID)), np.bool_)
    for row, q in enumerate(np.flatnonzero(answerable)):
        order = ranking.order[q, : int(ranking.passing[q].sum())]
        scores, right = ranking.score[q, order], pool.right[q, order].any(axis=1)
        for place in np.flatnonzero(right):
            answered[row] |= (GRID <= scores[place]) & (GRID > _crowded_out(scores[:place], options.top_k))
    return Curve(
        answerable=tuple(q for q, yes in zip(pool.questions, answerable, strict=True) if yes),
        absent=tuple(q for q, yes in zip(pool.questions, answerable, strict=True) if not yes),
        answered=answered,
        wrongly_answered=best[~answerable][:, None] >= GRID,
    )


def _crowded_out(better: Floats, top_k: int) -> float:
    """Return the threshold up to which `top_k` better ranked candidates pass and keep the next one out; -1 when fewer rank better."""
    if len(better) < top_k:
        return -1.0
    return float(np.partition(better, len(better) - top_k)[len(better) - top_k])


def recommend(pool: Pool, options: SearchOptions) -> Recommendation:
    """Return the threshold that the labels of `pool` speak for under otherwise equal options.

    With fewer than `LEAST_LABELS` questions of either kind, or when the labels leave it open over more than
    `WIDEST_INTERVAL`, nothing is recommended and the sentence says why.
    """
    current = options.similarity_threshold
    if current is None:
        current = pool.collection.similarity_threshold
    found = curve(pool, options)
    inside, outside = len(found.answerable), len(found.absent)
    if not inside or not outside:
        return Recommendation(found, current, None, np.nan, np.nan, _too_few(inside, outside))
    repeats = _best_points(found)
    low, high = ends(repeats)
    threshold = float(np.round(np.median(repeats), 2))
    if min(inside, outside) < LEAST_LABELS:
        return Recommendation(found, current, None, low, high, _too_few(inside, outside))
    if high - low > WIDEST_INTERVAL:
        sentence = (
            f"The labels leave the threshold open between {low:.2f} and {high:.2f}: too few to recommend one, or the scores of the two "
            "kinds of questions overlap; label more questions of both kinds."
        )
        return Recommendation(found, current, None, low, high, sentence)
    return _recommended(found, current, threshold, low, high)


def _best_points(found: Curve) -> Floats:
    """Return the best threshold of each repeat: the middle of the best stretch, shape (repeats,)."""
    answered = weights(len(found.answerable)) @ found.answered.astype(np.float32) / len(found.answerable)
    wrong = other_weights(len(found.absent)) @ found.wrongly_answered.astype(np.float32) / len(found.absent)
    gain = answered - wrong
    is_best = gain >= gain.max(axis=1, keepdims=True) - 1e-6
    first = is_best.argmax(axis=1)
    run = np.where(np.arange(len(GRID)) >= first[:, None], ~is_best, False)  # where the first best stretch ends
    last = np.where(run.any(axis=1), run.argmax(axis=1), len(GRID)) - 1
    points: Floats = (GRID[first] + GRID[last]) / 2
    assert len(points) == REPEATS
    return points


def _recommended(found: Curve, current: float, threshold: float, low: float, high: float) -> Recommendation:
    now, then = grid_place(current), grid_place(threshold)
    answered, wrong = found.answered, found.wrongly_answered

    def chosen(questions: tuple[LabelledQuestion, ...], flags: Flags) -> tuple[LabelledQuestion, ...]:
        return tuple(question for question, flag in zip(questions, flags, strict=True) if flag)

    sentence = (
        f"At {threshold:.2f} ({low:.2f} to {high:.2f}) search answers {answered[:, then].sum()} of {len(found.answerable)} questions and "
        f"rejects {(~wrong[:, then]).sum()} of {len(found.absent)} that are not in the documents; at {current:.2f} it is "
        f"{answered[:, now].sum()} and {(~wrong[:, now]).sum()}."
    )
    return Recommendation(
        curve=found,
        current=current,
        threshold=threshold,
        low=low,
        high=high,
        sentence=sentence,
        gained=chosen(found.answerable, answered[:, then] & ~answered[:, now]),
        lost=chosen(found.answerable, ~answered[:, then] & answered[:, now]),
        newly_rejected=chosen(found.absent, wrong[:, now] & ~wrong[:, then]),
        newly_wrong=chosen(found.absent, ~wrong[:, now] & wrong[:, then]),
    )


def _too_few(inside: int, outside: int) -> str:
    return (
        f"Too few labels to recommend a threshold: {inside} question{'' if inside == 1 else 's'} with evidence and {outside} not in the documents; "
        f"at least {LEAST_LABELS} of each are needed."
    )


def _share(flags: Flags) -> Floats:
    return np.asarray(flags.mean(axis=0)) if len(flags) else np.full(len(GRID), np.nan)
