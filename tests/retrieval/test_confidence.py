"""The match score is absolute, monotone in its parts and stays within 0 to 1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.question import inverse_document_frequency, term_weights
from rag.retrieval.confidence import coverage, match_score
from rag.types import Mode, Parts

MODES: tuple[Mode, ...] = ("hybrid", "semantic", "keyword")
cosines = st.floats(-1, 1)
keywords = st.floats(0, 100)
shares = st.floats(0, 1)


def test_hybrid_score_is_cosine_and_half_the_coverage() -> None:
    """The score is (cosine + 0.5 * coverage) / 1.5, whatever BM25 says."""
    assert match_score(Parts(0.6, 12.0, 0.9)) == pytest.approx((0.6 + 0.45) / 1.5)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_in_common_scores_zero(mode: Mode) -> None:
    """A chunk that has nothing of the question scores 0, also when its vector points the other way."""
    assert match_score(Parts(-0.2, 0.0, 0.0), mode) == 0.0


@pytest.mark.parametrize("mode", MODES)
def test_a_perfect_match_scores_one(mode: Mode) -> None:
    """A chunk that matches in every part scores 1 in every mode, also when rounding lifts its cosine above 1."""
    assert match_score(Parts(1.0000001, 30.0, 1.0), mode) == 1.0


@given(st.sampled_from(MODES), cosines, cosines, keywords, keywords, shares, shares)
def test_score_never_falls_when_a_part_rises(
    mode: Mode, cosine: float, cosine2: float, keyword: float, keyword2: float, share: float, share2: float
) -> None:
    """Raising any part never lowers the score, and it always lies in 0 to 1."""
    low = Parts(min(cosine, cosine2), min(keyword, keyword2), min(share, share2))
    high = Parts(max(cosine, cosine2), max(keyword, keyword2), max(share, share2))
    assert 0 <= match_score(low, mode) <= match_score(high, mode) <= 1


def test_unknown_words_weigh_most() -> None:
    """A word that no chunk has counts in full: a question about something else can not be covered by its common words."""
    weights = term_weights(("budget", "zyzzyva"), {"budget": 90}, 100)
    assert weights["zyzzyva"] == inverse_document_frequency(0, 100) == pytest.approx(math.log(1 + 100.5 / 0.5))
    assert coverage(weights, {"budget"}) < 0.05


def test_coverage_is_the_share_of_weight_present() -> None:
    """Coverage weighs words by how rare they are, counts only the question's words, and is 0 without any."""
    weights = {"rare": 3.0, "common": 1.0}
    assert coverage(weights, {"rare"}) == 0.75
    assert coverage(weights, {"rare", "common", "other"}) == 1.0
    assert coverage({}, {"rare"}) == 0.0


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_rarer_words_weigh_more(first: int, second: int) -> None:
    """The weight falls with the number of chunks that have the word and stays above 0."""
    few, many = sorted((first, second))
    assert inverse_document_frequency(few, 1000) >= inverse_document_frequency(many, 1000) > 0
