"""Hold two runs side by side: what became of each question, and which of its hits entered, left or moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from rag.evaluation.intervals import difference
from rag.evaluation.measures import ANSWER_MEASURES, MEASURES, Floats, auroc
from rag.types import Figure, LabelledQuestion, Outcome, QuestionScore, Run, ScoredHit

if TYPE_CHECKING:
    import pandas as pd

Change = Literal["entered", "left", "moved", "stayed"]
GOOD: frozenset[Outcome] = frozenset({"answered", "rejected"})


@dataclass(frozen=True, slots=True)
class HitChange:
    change: Change
    before: ScoredHit | None
    after: ScoredHit | None


@dataclass(frozen=True, slots=True)
class QuestionChange:
    question: LabelledQuestion
    before: Outcome
    after: Outcome
    hits: tuple[HitChange, ...]
    """In the order of the second run, then those that left."""

    @property
    def verdict(self) -> Literal["gained", "lost", "same"]:
        """What the second run did to the question."""
        return "same" if (self.before in GOOD) == (self.after in GOOD) else "gained" if self.after in GOOD else "lost"


@dataclass(frozen=True)
class Comparison:
    first: Run = field(repr=False)
    second: Run = field(repr=False)
    questions: tuple[QuestionChange, ...] = field(repr=False)
    """Those that both runs measured, in the order of the second."""
    differences: dict[str, Figure]
    """By measure: second minus first over the questions that both have, with the interval of that difference."""
    only_in_one: int
    """Questions that only one of the runs measured, and that are left out here."""
    same_chunks: bool
    """Both searched the same chunks."""

    def frame(self) -> pd.DataFrame:
        """Return one row a question: outcomes, verdict, rank of the first right hit before and after, and hits that changed."""
        import pandas as pd

        rows = [
            {
                "question": each.question.text,
                "before": each.before,
                "after": each.after,
                "verdict": each.verdict,
                "right_rank_before": _right_rank(each, "before"),
                "right_rank_after": _right_rank(each, "after"),
                **{kind: sum(hit.change == kind for hit in each.hits) for kind in ("entered", "left", "moved")},
            }
            for each in self.questions
        ]
        return pd.DataFrame(rows, index=pd.Index([each.question.id for each in self.questions], name="id"))


def compare(first: Run, second: Run) -> Comparison:
    """Return what the second run changed against the first, question by question.

    Hits of different chunk options are the same hit when either holds half of the other.
    """
    before = {score.question.id: score for score in first.questions}
    pairs = [(before[s.question.id], s) for s in second.questions if s.question.id in before]
    return Comparison(
        first=first,
        second=second,
        questions=tuple(
            QuestionChange(new.question, old.outcome, new.outcome, _changes(old.hits, new.hits)) for old, new in pairs
        ),
        differences=_differences(pairs),
        only_in_one=len(first.questions) + len(second.questions) - 2 * len(pairs),
        same_chunks=first.info.fingerprint.digest == second.info.fingerprint.digest,
    )


def values_of(scores: list[QuestionScore], measure: str) -> Floats:
    """Return a measure of each question; NaN where it does not apply."""
    return np.array([score.values.get(measure, np.nan) for score in scores], np.float64)


def _differences(pairs: list[tuple[QuestionScore, QuestionScore]]) -> dict[str, Figure]:
    old, new = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    names = [*ANSWER_MEASURES, *(name for name in MEASURES if name != "auroc")]
    made = {name: difference(values_of(new, name), values_of(old, name)) for name in names}
    return made | {"auroc": _auroc_difference(old, new)}


def _auroc_difference(old: list[QuestionScore], new: list[QuestionScore]) -> Figure:
    """Return the difference without an interval: the two are of pairs of questions, not of questions."""
    values = []
    for scores in (old, new):
        scores = [score for score in scores if score.question.label != "adversarial"]
        best = np.array([score.best_score for score in scores], np.float64)
        inside = np.array([score.question.label == "evidence" for score in scores], np.bool_)
        values.append(auroc(best[inside], best[~inside]))
    return Figure(values[1] - values[0], np.nan, np.nan, len(new))


def _changes(before: tuple[ScoredHit, ...], after: tuple[ScoredHit, ...]) -> tuple[HitChange, ...]:
    left = list(before)
    changes = []
    for hit in after:
        old = next((each for each in left if _place(each) == _place(hit)), None)
        old = old or next((each for each in left if _overlap(each, hit)), None)
        if old is None:
            changes.append(HitChange("entered", None, hit))
            continue
        left.remove(old)
        changes.append(HitChange("stayed" if old.rank == hit.rank else "moved", old, hit))
    return (*changes, *(HitChange("left", old, None) for old in left))


def _place(hit: ScoredHit) -> tuple[str, int, int]:
    return hit.document_id, hit.start, hit.end


def _overlap(one: ScoredHit, other: ScoredHit) -> bool:
    if one.document_id != other.document_id:
        return False
    shared = min(one.end, other.end) - max(one.start, other.start)
    return 2 * shared >= min(one.end - one.start, other.end - other.start)


def _right_rank(change: QuestionChange, side: Literal["before", "after"]) -> int | None:
    hits = (hit.before if side == "before" else hit.after for hit in change.hits)
    return min((hit.rank for hit in hits if hit is not None and hit.is_right), default=None)
