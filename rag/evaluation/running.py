"""Keep an evaluation as a run, with all that it rests on, so that it can be opened again and compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rag.evaluation.scoring import Evaluation
from rag.store.runs import Runs
from rag.types import Fingerprint, QuestionSet, Run, RunInfo

if TYPE_CHECKING:
    from rag.workbench import Workbench


def as_run(
    evaluation: Evaluation,
    question_set: QuestionSet,
    searched: Fingerprint,
    *,
    title: str = "",
    sweep_id: str = "",
    costs: Mapping[str, float] | None = None,
    profile: str = "",
) -> Run:
    """Return an evaluation as a run that is not kept yet, and so has no id."""
    info = RunInfo(
        id="",
        set_id=question_set.id,
        set_name=question_set.name,
        title=title or f"{question_set.name} on {searched.collection}",
        at=datetime.now(UTC),
        fingerprint=searched,
        options=evaluation.options,
        figures=evaluation.figures,
        sweep_id=sweep_id,
        costs={"context_characters": evaluation.context_characters, "chunks": searched.chunks, **(costs or {})},
        profile=profile,
    )
    return Run(info, evaluation.questions)


def keep_run(
    bench: Workbench, evaluation: Evaluation, question_set: QuestionSet, *, title: str = "", profile: str = ""
) -> Run:
    """Keep how a search did on a question set; the run that is returned has an id to open it by.

    `profile` names the profile that the options are of.
    """
    searched = bench.fingerprints.of(evaluation.pool.collection)
    return Runs(bench.catalog.engine).add(as_run(evaluation, question_set, searched, title=title, profile=profile))
