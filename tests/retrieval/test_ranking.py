"""Ranking mixes both sides, the threshold alone decides what is a hit, and near misses are exactly that."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from builders import candidates, hit
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.retrieval.ranking import NEAR_MISS_LIMIT, rank
from rag.types import Candidates, Hit, SearchOptions, SearchResult


def names(hits: tuple[Hit, ...]) -> list[str]:
    return [h.chunk.id for h in hits]


def test_rank_mixes_both_sides_relative_to_their_best() -> None:
    """The rank score is w * cos / max(cos) + (1 - w) * bm25 / max(bm25)."""
    result = rank(
        candidates(hit("a", 0.8, 2.0), hit("b", 0.4, 8.0)), SearchOptions(similarity_threshold=0, weight=0.25)
    )
    assert names(result.hits) == ["b", "a"]
    assert [h.rank_score for h in result.hits] == pytest.approx([0.25 * 0.5 + 0.75, 0.25 + 0.75 * 0.25])


@pytest.mark.parametrize(("mode", "first"), [("semantic", "meaning"), ("keyword", "words"), ("hybrid", "both")])
def test_mode_decides_which_side_counts(mode: str, first: str) -> None:
    """Semantic ranks by cosine alone, keyword by BM25 alone, hybrid by both."""
    pool = candidates(hit("meaning", 0.9, 1.0, 0.5), hit("words", 0.2, 9.0, 0.9), hit("both", 0.8, 8.0, 0.8))
    assert rank(pool, SearchOptions(mode=mode, similarity_threshold=0)).hits[0].chunk.id == first  # type: ignore[arg-type]


def test_keyword_mode_has_no_candidates_without_a_word_in_common() -> None:
    """A chunk that shares no word with the question is no result of keyword search, not even at threshold 0."""
    result = rank(
        candidates(hit("near", 0.9), hit("word", 0.1, 2.0, 0.5)), SearchOptions(mode="keyword", similarity_threshold=0)
    )
    assert names(result.candidates) == ["word"]


def test_a_pool_without_vectors_is_ranked_by_keywords() -> None:
    """Without an embedding model every mode means keyword search, and the result's options say so."""
    result = rank(candidates(hit("a", 0, 2.0, 0.7), used_index="none", threshold=0.5), SearchOptions(mode="hybrid"))
    assert result.options.mode == "keyword"
    assert result.hits[0].score == 0.7


def test_threshold_defaults_to_the_collections_own() -> None:
    """No threshold in the options means the collection's, and the result carries the number."""
    result = rank(candidates(hit("a", 0.9, 1, 0.9), threshold=0.61), SearchOptions())
    assert result.threshold == result.options.similarity_threshold == 0.61


def test_a_score_on_the_threshold_is_a_hit() -> None:
    """The threshold keeps score >= threshold."""
    score = rank(candidates(hit("a", 0.5, 1, 0.3)), SearchOptions(similarity_threshold=0)).hits[0].score
    assert rank(candidates(hit("a", 0.5, 1, 0.3)), SearchOptions(similarity_threshold=score)).hits


def test_near_misses_say_how_much_they_fall_short_by() -> None:
    """A near miss carries threshold - score; a hit carries 0; ranks go on counting."""
    result = rank(candidates(hit("in", 0.9, 1, 1), hit("out", 0.3, 0, 0)), SearchOptions(similarity_threshold=0.5))
    near = result.near_misses[0]
    assert (near.chunk.id, near.rank, near.short_by) == ("out", 2, pytest.approx(0.5 - 0.2))
    assert result.hits[0].short_by == 0


def test_a_candidate_that_better_ones_keep_out_is_no_near_miss() -> None:
    """What top_k better ranked candidates would keep out at any threshold is not shown as a near miss."""
    result = rank(
        candidates(hit("in", 0.9, 9, 1), hit("low", 0.2, 1, 0)), SearchOptions(top_k=1, similarity_threshold=0.5)
    )
    assert (names(result.hits), result.near_misses) == (["in"], ())


def test_documents_can_be_chosen_after_the_fetch() -> None:
    """A document filter narrows the candidates that are there."""
    pool = candidates(hit("a", 0.9, document="d1"), hit("b", 0.8, document="d2"))
    assert names(rank(pool, SearchOptions(similarity_threshold=0, document_ids=("d2",))).candidates) == ["b"]


def test_no_candidates_is_a_result() -> None:
    """An empty pool gives an empty result, not an error."""
    result = rank(candidates(), SearchOptions())
    assert (result.hits, result.near_misses, result.candidates) == ((), (), ())


def test_ranking_a_full_pool_is_fast_enough_for_a_slider() -> None:
    """100 candidates rank in under 5 ms, the best of several runs."""
    pool = candidates(*(hit(f"h{i}", i / 120, i % 17, i / 100) for i in range(100)))
    durations = []
    for _ in range(20):
        began = time.perf_counter()
        rank(pool, SearchOptions())
        durations.append(time.perf_counter() - began)
    assert min(durations) < 0.005


# Scores on a grid, as ties are where orderings go wrong.
grid = st.integers(0, 10).map(lambda n: n / 10)
pools = st.lists(st.tuples(grid, grid, grid), max_size=25).map(
    lambda rows: candidates(*(hit(f"h{i}", *row) for i, row in enumerate(rows)))
)
options = st.builds(
    SearchOptions,
    mode=st.sampled_from(["hybrid", "semantic", "keyword"]),
    top_k=st.integers(1, 12),
    similarity_threshold=grid,
    weight=grid,
)


@settings(max_examples=200)
@given(pools, options)
def test_every_candidate_has_one_place(pool: Candidates, chosen: SearchOptions) -> None:
    """Ranks count 1, 2, … over all candidates, hits come first and pass the threshold, and none is lost or doubled."""
    result = rank(pool, chosen)
    assert [h.rank for h in result.candidates] == list(range(1, len(result.candidates) + 1))
    assert result.hits == result.candidates[: len(result.hits)]
    assert len(result.hits) <= chosen.top_k
    assert all(h.score >= result.threshold and h.short_by == 0 for h in result.hits)
    assert len({h.chunk.id for h in result.candidates}) == len(result.candidates)
    assert len(result.near_misses) <= NEAR_MISS_LIMIT
    assert all(0 < h.short_by == pytest.approx(result.threshold - h.score) for h in result.near_misses)


@settings(max_examples=200)
@given(pools, options)
def test_near_misses_become_hits_when_the_threshold_comes_down_to_them(pool: Candidates, chosen: SearchOptions) -> None:
    """Lowering the threshold to a near miss's score makes it a hit."""
    for near in rank(pool, chosen).near_misses:
        lowered = rank(pool, replace(chosen, similarity_threshold=near.score))
        assert _stands_among(near, lowered)


def _stands_among(near: Hit, result: SearchResult) -> bool:
    """Whether the chunk is a hit, or lost its place only to one of exactly equal rank."""
    last = result.hits[-1]
    return near.chunk.id in names(result.hits) or near.rank_score == last.rank_score


@settings(max_examples=100)
@given(pools, options, grid)
def test_lowering_the_threshold_only_adds(pool: Candidates, chosen: SearchOptions, other: float) -> None:
    """With room for all, the hits at a high threshold are among the hits at a low one, in the same order."""
    low, high = sorted((other, chosen.similarity_threshold or 0.0))
    few = names(rank(pool, replace(chosen, top_k=200, similarity_threshold=high)).hits)
    many = names(rank(pool, replace(chosen, top_k=200, similarity_threshold=low)).hits)
    assert few == [name for name in many if name in set(few)]


def test_diversity_pushes_back_what_was_said_already() -> None:
    """With mmr a hit that repeats a better one comes after one that adds something; the rest follow by rank."""
    pool = with_vectors(candidates(hit("a", 0.9), hit("twin", 0.88), hit("other", 0.6)), [[1, 0], [1, 0], [0, 1]])
    plain = SearchOptions("semantic", similarity_threshold=0)
    assert names(rank(pool, plain).hits) == ["a", "twin", "other"]
    diverse = rank(pool, replace(plain, mmr=0.5))
    assert names(diverse.hits) == ["a", "other", "twin"]
    assert [h.rank for h in diverse.hits] == [1, 2, 3]
    assert names(rank(pool, replace(plain, mmr=0.5, top_k=2)).candidates) == ["a", "other", "twin"]


def test_diversity_is_the_greedy_choice_of_its_formula() -> None:
    """Each hit has the highest (1 - mmr) * rank score - mmr * likeness of those left, as counted one by one."""
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((20, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pool = with_vectors(
        candidates(*(hit(f"h{i}", c) for i, c in enumerate(rng.uniform(0.2, 0.9, 20)))), vectors.tolist()
    )
    options = SearchOptions("semantic", similarity_threshold=0, mmr=0.3, top_k=8)
    left = {h.chunk.id: (h.rank_score, vectors[int(h.chunk.id[1:])]) for h in rank(pool, options).candidates}
    chosen: list[str] = []
    while len(chosen) < 8:
        worth = {
            name: 0.7 * score - 0.3 * max((float(v @ vectors[int(c[1:])]) for c in chosen), default=0.0)
            for name, (score, v) in left.items()
            if name not in chosen
        }
        chosen.append(max(worth, key=lambda name: worth[name]))
    assert names(rank(pool, options).hits) == chosen


def test_diversity_compares_no_meanings_in_keyword_mode() -> None:
    """A search by words alone has no vectors, and a pool that has them is ranked like it: the page shows what Ask sends."""
    pool = with_vectors(
        candidates(hit("a", 0.9, 3), hit("twin", 0.88, 2), hit("other", 0.6, 1)), [[1, 0], [1, 0], [0, 1]]
    )
    options = SearchOptions("keyword", similarity_threshold=0, mmr=0.9)
    assert (
        names(rank(pool, options).hits)
        == ["a", "twin", "other"]
        == names(rank(replace(pool, vectors=None), options).hits)
    )


def test_diversity_changes_neither_scores_nor_what_passes() -> None:
    """Threshold, match scores and near misses are what they are without it; without vectors it does nothing."""
    pool = candidates(*(hit(f"h{i}", i / 20, i % 3, i / 20) for i in range(20)))
    vectors = np.eye(20).tolist()
    for options in (SearchOptions(similarity_threshold=0.4), SearchOptions("keyword", similarity_threshold=0.4)):
        plain, diverse = rank(pool, options), rank(with_vectors(pool, vectors), replace(options, mmr=0.9))
        assert {h.chunk.id: h.score for h in plain.candidates} == {h.chunk.id: h.score for h in diverse.candidates}
        assert names(plain.near_misses) == names(diverse.near_misses)
        assert names(rank(pool, replace(options, mmr=0.9)).candidates) == names(plain.candidates)


def with_vectors(pool: Candidates, vectors: list[list[float]]) -> Candidates:
    return replace(pool, vectors=np.array(vectors, np.float32))
