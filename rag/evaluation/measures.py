"""Measures of a ranking against known evidence: pure functions over many questions at once.

`found` says which hit found which piece of evidence: booleans of shape (questions, hits in rank order, pieces); where a
question has fewer hits or pieces than others, the rest is False. `pieces` is how many pieces each question has, at least 1.
Each function returns one value a question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Flags = NDArray[np.bool_]

BUDGET_CHARACTERS = 4000
"""About 1,000 tokens, what a short prompt has room for: the fair figure between chunk sizes."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a figure is called and what it says."""

    title: str
    about: str
    asked: Literal["answerable", "absent", "both"] = "answerable"
    """Which questions it is measured on."""


MEASURES: dict[str, Measure] = {
    "answered": Measure("Answered", "Questions with evidence that have a right hit among their hits."),
    "rejected": Measure("Rejected", "Questions that are not in the documents and have no hits.", "absent"),
    "auroc": Measure("AUROC", "Chance that the best score of a question with evidence is above that of one without.", "both"),
    "hit@1": Measure("Hit@1", "Questions whose first hit is right."),
    "hit@3": Measure("Hit@3", "Questions with a right hit among the first three."),
    "hit@5": Measure("Hit@5", "Questions with a right hit among the first five."),
    "hit@10": Measure("Hit@10", "Questions with a right hit among the first ten."),
    "recall@5": Measure("Recall@5", "Pieces of evidence found by the first five hits."),
    "recall@10": Measure("Recall@10", "Pieces of evidence found by the first ten hits."),
    "mrr": Measure("MRR", "Mean of 1 / rank of the first right hit."),
    "ndcg@10": Measure("nDCG@10", "Evidence found by the first ten hits, the earlier the better, relative to the best order."),
    "token_recall": Measure("Token recall", "Characters of the evidence that the hits hold."),
    "token_precision": Measure("Token precision", "Characters of the hits that are evidence."),
    "token_iou": Measure("Token IoU", "Characters that hits and evidence share, of all that either has."),
    "evidence@4k": Measure("Evidence in 4,000", f"Characters of the evidence within the first {BUDGET_CHARACTERS:,} retrieved."),
}  # fmt: skip
"""By the key that figures are kept under; the character measures ignore evidence that is a page."""


ANSWER_MEASURES: dict[str, Measure] = {
    "correct": Measure(
        "Correct answers",
        "Answers that cite the expected evidence and contradict no figure of it, or say that the documents do not answer where they do not.",
        "both",
    ),
    "supported": Measure("Supported", "Sentences of an answer that its citations support.", "both"),
}
"""Of runs in which a model answered."""


def hit_at(found: Flags, k: int) -> Floats:
    """Return 1 where any of the first `k` hits is right."""
    return np.asarray(found[:, :k].any(axis=(1, 2)), np.float64)


def recall_at(found: Flags, pieces: Integers, k: int) -> Floats:
    """Return the share of the pieces of evidence that the first `k` hits find."""
    held: Integers = found[:, :k].any(axis=1).sum(axis=1, dtype=np.intp)
    return np.asarray(held / pieces, np.float64)


def reciprocal_rank(found: Flags) -> Floats:
    """Return 1 / rank of the first right hit; 0 where there is none."""
    right = np.asarray(found.any(axis=2))
    if not right.shape[1]:
        return np.zeros(len(found))
    return np.where(right.any(axis=1), 1.0 / (right.argmax(axis=1) + 1), 0.0)


def ndcg_at(found: Flags, pieces: Integers, k: int) -> Floats:
    """Return the normalised discounted cumulative gain (Järvelin and Kekäläinen 2002, linear gain) of the first `k` hits.

    A hit's grade is the number of pieces that it is the first to find: finding again gains nothing, and a hit that holds
    two pieces is worth two. Every piece that no hit found could have been found by a hit of grade 1.
    """
    seen: Flags = np.logical_or.accumulate(found, axis=1)
    new = found.copy()
    new[:, 1:] &= ~seen[:, :-1]
    grades = new.sum(axis=2)
    missing = (pieces - grades.sum(axis=1))[:, None] > np.arange(max(int(pieces.max(initial=0)), 1))
    ideal = -np.sort(-np.concatenate([grades, missing], axis=1), axis=1)
    gained: Floats = _discounted(grades, k) / _discounted(ideal, k)
    return gained


def auroc(inside: Floats, outside: Floats) -> float:
    """Return the chance that a score of `inside` is above one of `outside`, ties counted half; NaN when either is empty."""
    if not len(inside) or not len(outside):
        return float("nan")
    return float(wins(inside, outside).mean())


def wins(inside: Floats, outside: Floats) -> Floats:
    """Return 1, ½ or 0 for each pair, shape (inside, outside): which of the two scores is higher."""
    above: Floats = (inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)
    return above


def _discounted(grades: Integers, k: int) -> Floats:
    grades = grades[:, :k]
    total: Floats = grades @ (1 / np.log2(np.arange(grades.shape[1]) + 2))
    return total
