"""The measures are those of the literature: equal to an independent implementation, and to counting by hand."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, Success, nDCG

from rag.evaluation import measures
from rag.evaluation.intervals import auroc_figure, difference, mean_figure
from rag.evaluation.measures import MEASURES, hit_at, ndcg_at, recall_at, reciprocal_rank


def rankings(seed: int, *, most_at_once: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `found` and `pieces` of 60 random rankings; a hit finds at most `most_at_once` pieces, and none twice if that is 1."""
    rng = np.random.default_rng(seed)
    found = np.zeros((60, 15, 4), np.bool_)
    pieces = rng.integers(1, 5, 60)
    for row in range(60):
        for piece in range(pieces[row]):
            for hit in rng.permutation(15)[: rng.integers(0, 3 if most_at_once > 1 else 2)]:
                if found[row, hit].sum() < most_at_once:
                    found[row, hit, piece] = True
    return found, pieces


def judged(found: np.ndarray, pieces: np.ndarray) -> tuple[dict, dict]:  # type: ignore[type-arg]
    """Return the rankings as judgements and runs: a hit's grade is the number of pieces that it is the first to find."""
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for row in range(len(found)):
        seen = np.zeros(found.shape[2], np.bool_)
        grades, scores = qrels.setdefault(str(row), {}), run.setdefault(str(row), {})
        for hit in range(found.shape[1]):
            scores[f"hit {hit}"] = 100.0 - hit
            if (found[row, hit] & ~seen).any():
                grades[f"hit {hit}"] = int((found[row, hit] & ~seen).sum())
            seen |= found[row, hit]
        grades |= {f"piece {n}": 1 for n in range(int(pieces[row] - seen.sum()))}
    return qrels, run


def independent(measure: object, found: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    values = {each.query_id: each.value for each in ir_measures.iter_calc([measure], *judged(found, pieces))}
    return np.array([values[str(row)] for row in range(len(found))])


@pytest.mark.parametrize("most_at_once", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda f, p: hit_at(f, 1), Success @ 1),
        (lambda f, p: hit_at(f, 5), Success @ 5),
        (lambda f, p: ndcg_at(f, p, 10), nDCG @ 10),
        (lambda f, p: ndcg_at(f, p, 3), nDCG @ 3),
    ],
    ids=["hit@1", "hit@5", "ndcg@10", "ndcg@3"],
)
def test_equal_to_an_independent_implementation(ours, theirs, most_at_once: int) -> None:  # type: ignore[no-untyped-def]
    """hit@k and nDCG@k are those of ir-measures for every question, also where one hit finds several pieces."""
    found, pieces = rankings(3, most_at_once=most_at_once)
    assert independent(theirs, found, pieces) == pytest.approx(ours(found, pieces), abs=1e-9)


def test_recall_and_reciprocal_rank_are_equal_too() -> None:
    """recall@k is that of ir-measures where a hit finds one piece (its unit is the hit, ours the piece), MRR always."""
    found, pieces = rankings(4, most_at_once=1)
    assert independent(R @ 5, found, pieces) == pytest.approx(recall_at(found, pieces, 5), abs=1e-9)
    assert independent(R @ 10, found, pieces) == pytest.approx(recall_at(found, pieces, 10), abs=1e-9)
    found, pieces = rankings(5, most_at_once=3)
    assert independent(RR, found, pieces) == pytest.approx(reciprocal_rank(found), abs=1e-9)


def test_recall_counts_pieces() -> None:
    """A hit that holds both pieces of evidence has found all of it, and finding a piece twice adds nothing."""
    found = np.array([[[1, 1], [0, 0]], [[1, 0], [1, 0]]], np.bool_)
    assert [1.0, 0.5] == recall_at(found, np.array([2, 2]), 5).tolist()
    assert [1.0, pytest.approx(1 / (1 + 1 / np.log2(3)))] == ndcg_at(found, np.array([2, 2]), 10).tolist()


def test_no_hits_at_all() -> None:
    """Questions without hits have zeros, not errors."""
    found = np.zeros((2, 0, 1), np.bool_)
    for values in (hit_at(found, 1), recall_at(found, np.array([1, 1]), 5), reciprocal_rank(found)):
        assert [0, 0] == values.tolist()
    assert [0, 0] == ndcg_at(found, np.array([1, 1]), 10).tolist()


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    """AUROC counts every pair of scores, ties half; without one of the kinds there is none."""
    rng = np.random.default_rng(0)
    inside, outside = np.round(rng.random(40) + 0.3, 1), np.round(rng.random(25), 1)
    counted = np.mean([(i > o) + 0.5 * (i == o) for i in inside for o in outside])
    assert counted == pytest.approx(measures.auroc(inside, outside))
    assert np.isnan(measures.auroc(inside, outside[:0]))


# --- intervals ---


def test_an_interval_is_that_of_a_plain_bootstrap() -> None:
    """The vectorised bootstrap gives the ends that drawing questions one by one gives."""
    values = np.random.default_rng(1).random(80)
    rng = np.random.default_rng(2)
    means = [rng.choice(values, 80).mean() for _ in range(4000)]
    figure = mean_figure(values)
    assert figure.value == pytest.approx(values.mean())
    assert (figure.low, figure.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.01)
    assert mean_figure(values) == figure


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Over many small samples of a known share, 95 % intervals hold it in nine cases of ten or more."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        figure = mean_figure((rng.random(50) < 0.7).astype(float))
        held += figure.low <= 0.7 <= figure.high
    assert held >= 0.9 * 200


@pytest.mark.parametrize(
    ("values", "low", "high"), [([1.0], 0.2, 1.0), ([0.0, 0.0], 0.0, 0.66), ([1.0] * 20, 0.83, 1.0)]
)
def test_few_questions_that_agree_prove_little(values: list[float], low: float, high: float) -> None:
    """When all questions came out alike the interval is Wilson's, wide for few: drawing them again would show no doubt."""
    figure = mean_figure(np.array(values))
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=0.01)


def test_a_measure_without_questions_is_not_a_number() -> None:
    """No question that a measure applies to: NaN, and 0 questions."""
    for figure in (mean_figure(np.array([np.nan])), auroc_figure(np.array([0.5]), np.array([]))):
        assert 0 == figure.questions
        assert np.isnan([figure.value, figure.low, figure.high]).all()


def test_a_paired_difference_is_surer_than_two_means() -> None:
    """Two settings that differ a little on every question are told apart although their own intervals overlap."""
    first = np.random.default_rng(5).random(60)
    second = first - 0.03
    assert mean_figure(first).low < mean_figure(second).high
    assert difference(first, second).low > 0
    assert (0, 0) == (difference(first, first).low, difference(first, first).high)


def test_every_measure_says_what_it_is() -> None:
    """Every figure on the screen has a title and a sentence."""
    assert all(each.title and each.about.endswith(".") for each in MEASURES.values())
