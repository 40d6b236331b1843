"""The recommended threshold is the labels' own, holds on other documents, and is refused when the labels are too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_pools import COLLECTION, made

from rag import Workbench
from rag.evaluation import evaluate, gather, near_misses, recommend, rescore
from rag.evaluation.nearly import Remedy
from rag.evaluation.pool import Place, Pool, Scored, make_pool
from rag.evaluation.threshold import GRID, LEAST_LABELS, curve, grid_place
from rag.types import Evidence, LabelledQuestion, QuestionSet, SearchOptions


def pool_of(inside: list[float], outside: list[float]) -> Pool:
    """Return questions with one candidate each, of the given cosine and as much coverage; those `inside` have it as evidence."""
    questions, scored = [], []
    for number, score in enumerate([*inside, *outside]):
        evidence = (Evidence("d", "d.txt", 0, 10),) if number < len(inside) else ()
        questions.append(LabelledQuestion(str(number), f"Q{number}?", "evidence" if evidence else "absent", evidence))
        value = np.array([score])
        scored.append(Scored((Place(str(number), "d", 0, 10, ()),), value, value, value))
    return make_pool(questions, scored, COLLECTION)


@pytest.mark.parametrize("top_k", [1, 3, 30])
@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_the_curve_is_what_every_threshold_gives(mode: str, top_k: int) -> None:
    """At each threshold the curve says what scoring at that threshold says, also where top_k keeps right hits out."""
    _, pool = made(40, 25, 8, decimals=3)
    options = SearchOptions(mode=mode, top_k=top_k)  # type: ignore[arg-type]
    found = curve(pool, options)
    for at in range(0, len(GRID), 10):
        evaluation = rescore(pool, replace(options, similarity_threshold=float(GRID[at])))
        assert found.answered[:, at].tolist() == evaluation.values["answered"][pool.answerable].astype(bool).tolist()
        assert found.wrongly_answered[:, at].tolist() == (evaluation.values["rejected"][~pool.answerable] == 0).tolist()


def test_the_point_between_two_clear_kinds() -> None:
    """Where the scores of both kinds do not meet, the point lies between them, and the interval holds it."""
    rng = np.random.default_rng(0)
    found = recommend(
        pool_of((0.6 + 0.2 * rng.random(40)).tolist(), (0.1 + 0.2 * rng.random(30)).tolist()), SearchOptions()
    )
    assert found.threshold is not None and 0.28 < found.threshold < 0.62
    assert found.low <= found.threshold <= found.high
    assert (1.0, 0.0) == found.shares(found.threshold)
    assert "answers 40 of 40 questions and rejects 30 of 30" in found.sentence


def test_gained_and_lost_questions_are_named() -> None:
    """The questions that the recommended threshold answers, loses, rejects and lets through against the current one."""
    pool = pool_of([0.5, 0.7, 0.8] + [0.75] * 12, [0.2] * 12 + [0.9])
    found = recommend(pool, SearchOptions(similarity_threshold=0.6))
    assert found.threshold is not None and found.threshold <= 0.5
    assert ["Q0?"] == [question.text for question in found.gained]
    assert ((), (), ()) == (found.lost, found.newly_rejected, found.newly_wrong)
    found = recommend(pool, SearchOptions(similarity_threshold=0.1))
    assert 12 == len(found.newly_rejected)


@pytest.mark.parametrize(
    ("inside", "outside"), [(4, 4), (8, 0), (0, 8), (LEAST_LABELS - 1, 50), (50, LEAST_LABELS - 1), (1, 0)]
)
def test_too_few_labels(inside: int, outside: int) -> None:
    """With 8 labels, with one kind only, or with too few of either, nothing is recommended and the sentence says so."""
    found = recommend(pool_of([0.8] * inside, [0.2] * outside), SearchOptions())
    assert None is found.threshold
    assert found.sentence.startswith(
        f"Too few labels to recommend a threshold: {inside} question{'' if inside == 1 else 's'} with evidence and {outside}"
    )


def test_scores_that_overlap_everywhere() -> None:
    """Enough labels that say nothing, because both kinds have the same scores, recommend nothing either."""
    rng = np.random.default_rng(4)
    found = recommend(pool_of(rng.random(20).tolist(), rng.random(20).tolist()), SearchOptions())
    assert None is found.threshold
    assert "leave the threshold open between" in found.sentence


def test_scores_on_the_grid_are_found_again() -> None:
    """The grid reaches from 0 to 1 and every threshold has its place."""
    assert (0.0, 1.0, 201) == (GRID[0], GRID[-1], len(GRID))
    assert all(GRID[grid_place(float(value))] == value for value in GRID)


def test_recommendation_as_a_table(library: Workbench, question_set: QuestionSet) -> None:
    """The curve comes as a data frame for the chart, and falls on both sides."""
    found = recommend(gather(library, question_set), SearchOptions())
    frame = found.curve.frame()
    assert len(GRID) == len(frame)
    assert frame["wrongly_answered"].is_monotonic_decreasing
    assert found.threshold is not None
    assert found.shares(found.threshold)[1] <= 0.1


# --- near misses of the set ---


def test_every_remedy_brings_the_evidence_in() -> None:
    """Whatever is proposed for a missed question answers it when it is done; questions without a remedy are told so."""
    _, pool = made(60, 25, 9)
    evaluation = rescore(pool, SearchOptions(top_k=2, similarity_threshold=0.55))
    found = near_misses(evaluation)
    assert {near.question.id for near in found} == {
        s.question.id for s in evaluation.questions if s.outcome == "missed"
    }
    knobs = set()
    for near in found:
        for remedy in near.remedies:
            knobs.add(remedy.knob)
            if remedy.knob != "none":
                assert answered(evaluation, near.question, remedy), (near, remedy)
    assert {"threshold", "top_k", "weight", "none"} <= knobs


def answered(evaluation, question: LabelledQuestion, remedy: Remedy) -> bool:  # type: ignore[no-untyped-def]
    given = {
        "similarity_threshold": remedy.threshold, "top_k": remedy.top_k, "weight": remedy.weight
    }  # fmt: skip
    options = replace(evaluation.options, **{key: value for key, value in given.items() if value is not None})
    scores = rescore(evaluation.pool, options).questions
    return next(s.outcome for s in scores if s.question.id == question.id) == "answered"


def test_a_remedy_says_what_it_costs() -> None:
    """A lower threshold names the questions not in the documents that it would answer as well."""
    pool = pool_of([0.5, 0.9], [0.55, 0.52, 0.2])
    near = near_misses(rescore(pool, SearchOptions(similarity_threshold=0.6)))[0]
    assert (pytest.approx(0.1), 1) == (near.short_by, near.rank)
    assert "lower the threshold to 0.5, which wrongly answers 2 more" == str(near.remedies[0])


def test_nothing_is_near_when_nothing_is_missed(library: Workbench, question_set: QuestionSet) -> None:
    """A set that is answered has no near misses."""
    options = SearchOptions(top_k=200, similarity_threshold=0)
    evaluation = evaluate(library, question_set, options=options)
    assert 0 == evaluation.counts["missed"] == len(near_misses(evaluation))
