"""The table of a sweep: which settings are best within noise, and which of those is the cheapest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag.errors import QuestionSetError
from rag.evaluation.comparing import values_of
from rag.evaluation.intervals import difference
from rag.evaluation.measures import MEASURES, Floats
from rag.store.runs import Runs
from rag.types import QuestionScore, Run, RunInfo

if TYPE_CHECKING:
    import pandas as pd

    from rag.workbench import Workbench

_COSTS = ("context_characters", "chunks", "embedded_tokens", "latency_ms", "cost_usd")


def sweep_table(bench: Workbench, sweep_id: str, *, measure: str = "ndcg@10") -> pd.DataFrame:
    """Return one row a setting of a sweep, the best by `measure` first, under the id of its run.

    `behind` is how much the setting is behind the best one on the same questions, `behind_low` and `behind_high` its 95 % interval;
    `is_tied` tells that the interval holds 0, so that the questions cannot tell the two apart; `is_cheapest` marks the one of those
    that costs least: money first, then characters that a chat model is given to read, then chunks. Raises `QuestionSetError`.
    """
    import pandas as pd

    runs = Runs(bench.catalog.engine)
    found = [runs.get(info.id) for info in runs.list(sweep_id=sweep_id)]
    if not found:
        raise QuestionSetError("No setting of this sweep is done yet; wait for the first, or start the sweep again.")
    rows = _rows(found, measure)
    made = pd.DataFrame(rows, index=pd.Index([run.info.id for run in found], name="run"))
    tied = made[made["is_tied"]].sort_values(["cost_usd", "context_characters", "chunks"], kind="stable")
    made["is_cheapest"] = made.index == tied.index[0]
    return made.sort_values(
        [measure, "is_cheapest", "context_characters"], ascending=[False, False, True], kind="stable"
    )


def _rows(runs: Sequence[Run], measure: str) -> list[dict[str, Any]]:
    best = max(runs, key=lambda run: (_value(run.info, measure), -run.info.costs["context_characters"]))
    rows = []
    for run in runs:
        behind = difference(_aligned(best, run, measure), values_of(list(run.questions), measure))
        is_tied = run is best or (behind.low <= 0 <= behind.high)
        rows.append(
            {
                **_setting(run.info),
                **{name: figure.value for name, figure in run.info.figures.items()},
                "low": run.info.figures[measure].low,
                "high": run.info.figures[measure].high,
                "behind": behind.value,
                "behind_low": behind.low,
                "behind_high": behind.high,
                "is_tied": is_tied,
                **{cost: run.info.costs.get(cost, float("nan")) for cost in _COSTS},
            }
        )
    return rows


def _setting(info: RunInfo) -> dict[str, Any]:
    return {
        "setting": info.title,
        "chunk_size_tokens": info.fingerprint.options.chunk_size_tokens,
        "overlap_tokens": info.fingerprint.options.overlap_tokens,
        "embedding_model": info.fingerprint.embedding_model,
        "mode": info.options.mode,
        "weight": info.options.weight if info.options.mode == "hybrid" else float("nan"),
        "top_k": info.options.top_k,
        "threshold": info.options.similarity_threshold,
        "threshold_note": info.threshold_note,
    }


def _value(info: RunInfo, measure: str) -> float:
    if measure not in MEASURES or measure == "auroc":
        raise ValueError(f"{measure!r} is no measure of single questions")
    value = info.figures[measure].value
    return value if value == value else -1.0


def _aligned(best: Run, run: Run, measure: str) -> Floats:
    by_id: dict[str, QuestionScore] = {score.question.id: score for score in best.questions}
    return values_of([by_id[score.question.id] for score in run.questions], measure)
