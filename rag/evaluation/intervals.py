"""How sure a figure is: bootstrap over the questions (Efron 1979), vectorised, the same at every call."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.measures import Floats, wins
from rag.types import Figure

REPEATS = 1000
LEVEL = 0.95
_SEED = 20_260_101
_Z = 1.959964  # normal quantile of LEVEL


@lru_cache(maxsize=32)
def weights(questions: int) -> NDArray[np.float32]:
    """Return how often each question is drawn in each repeat, shape (REPEATS, questions)."""
    drawn = np.random.default_rng(_SEED).multinomial(questions, np.full(questions, 1 / questions), size=REPEATS)
    made = drawn.astype(np.float32)
    made.flags.writeable = False
    return made


def mean_figure(values: Floats) -> Figure:
    """Return the mean of the values that are not NaN with its interval."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Figure(math.nan, math.nan, math.nan, 0)
    mean = float(values.mean())
    if (values == values[0]).all() and mean in (0.0, 1.0):
        return Figure(mean, *_wilson(mean, len(values)), len(values))
    low, high = ends(weights(len(values)) @ values.astype(np.float32) / len(values))
    return Figure(mean, low, high, len(values))


def auroc_figure(inside: Floats, outside: Floats) -> Figure:
    """Return the area under the ROC curve with its interval; both kinds of questions are drawn anew."""
    if not len(inside) or not len(outside):
        return Figure(math.nan, math.nan, math.nan, 0)
    pairs = wins(inside, outside)
    value, questions = float(pairs.mean()), len(inside) + len(outside)
    if value in (0.0, 1.0):
        return Figure(value, *_wilson(value, min(len(inside), len(outside))), questions)
    drawn = ((weights(len(inside)) @ pairs.astype(np.float32)) * other_weights(len(outside))).sum(axis=1)
    low, high = ends(drawn / (len(inside) * len(outside)))
    return Figure(value, low, high, questions)


def difference(first: Floats, second: Floats) -> Figure:
    """Return the mean of `first - second` over the questions that both have, paired: what one setting gains over another."""
    values = (first - second)[~np.isnan(first - second)]
    if not len(values):
        return Figure(math.nan, math.nan, math.nan, 0)
    low, high = ends(weights(len(values)) @ values.astype(np.float32) / len(values))
    return Figure(float(values.mean()), low, high, len(values))


def ends(repeats: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return the ends of the interval that holds the middle `LEVEL` of the repeats."""
    low, high = np.quantile(repeats, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's interval: where every question says the same, drawing again would call it certain, even a single one."""
    spread = _Z * _Z / n
    return (0.0, spread / (1 + spread)) if share == 0 else (1 / (1 + spread), 1.0)


@lru_cache(maxsize=32)
def other_weights(questions: int) -> NDArray[np.float32]:
    """Return weights that are independent of those of another group of questions."""
    order = np.random.default_rng(_SEED + 1).permutation(REPEATS)
    return weights(questions)[order]
