"""Scoring a whole set at once gives what `rag.rank` and counting one by one give, and is quick enough for a slider."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_pools import made

import rag
from rag.errors import QuestionSetError
from rag.evaluation.measures import BUDGET_CHARACTERS
from rag.evaluation.pool import Place, is_right
from rag.evaluation.scoring import COVERAGE_SHARE, rescore
from rag.retrieval import confidence
from rag.types import Evidence, Hit, LabelledQuestion, SearchOptions

OPTIONS = st.builds(
    SearchOptions,
    mode=st.sampled_from(["hybrid", "semantic", "keyword"]),
    top_k=st.sampled_from([1, 2, 6, 10, 60]),
    similarity_threshold=st.sampled_from([None, 0.0, 0.2, 0.3, 0.5, 0.9, 1.0]),
    weight=st.sampled_from([0.0, 0.3, 0.5, 0.75, 1.0]),
    mmr=st.sampled_from([0.0, 0.0, 0.3, 0.8, 1.0]),
    document_ids=st.sampled_from([(), ("d1",), ("d1", "d3"), ("gone",)]),
)


def place(hit: Hit) -> Place:
    c = hit.chunk
    return Place(c.id, c.document_id, c.start, c.end, c.pages)


def by_hand(question: LabelledQuestion, hits: tuple[Hit, ...]) -> dict[str, float]:
    """Return the measures of one question, counted character by character and hit by hit."""
    found = [[is_right(place(hit), piece) for piece in question.evidence] for hit in hits]
    if not question.evidence:
        return {"rejected": float(not hits)}
    pieces = len(question.evidence)
    seen: set[int] = set()
    gains = []
    for row in found:
        gains.append(len({n for n, yes in enumerate(row) if yes} - seen))
        seen |= {n for n, yes in enumerate(row) if yes}
    ideal = sorted([*gains, *[1] * (pieces - sum(gains))], reverse=True)
    values = {f"hit@{k}": float(any(any(row) for row in found[:k])) for k in (1, 3, 5, 10)}
    values |= {f"recall@{k}": sum(any(row[n] for row in found[:k]) for n in range(pieces)) / pieces for k in (5, 10)}
    values["answered"] = float(any(any(row) for row in found))
    values["mrr"] = next((1 / rank for rank, row in enumerate(found, 1) if any(row)), 0.0)
    dcg = [sum(g / math.log2(n + 2) for n, g in enumerate(each[:10])) for each in (gains, ideal)]
    values["ndcg@10"] = dcg[0] / dcg[1]
    if not any(piece.page for piece in question.evidence):
        values |= characters(question, hits)
    return values


def characters(question: LabelledQuestion, hits: tuple[Hit, ...]) -> dict[str, float]:
    wanted = {(e.document_id, at) for e in question.evidence for at in range(e.start, e.end)}
    spans = [(hit.chunk.document_id, hit.chunk.start, hit.chunk.end) for hit in hits]
    got = {(document, at) for document, start, end in spans for at in range(start, end)}
    left, first = BUDGET_CHARACTERS, set()
    for document, start, end in spans:
        first |= {(document, at) for at in range(start, min(end, start + left))}
        left = max(0, left - (end - start))
    return {
        "token_recall": len(wanted & got) / len(wanted),
        "token_precision": len(wanted & got) / len(got) if got else 0.0,
        "token_iou": len(wanted & got) / len(wanted | got),
        "evidence@4k": len(wanted & first) / len(wanted),
    }


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), options=OPTIONS)
@example(
    seed=4, options=SearchOptions(weight=0.5, top_k=60, similarity_threshold=0)
)  # a quotient too few or too many swaps two here
def test_equal_to_rank_and_counting(seed: int, options: SearchOptions) -> None:
    """For any candidates and options the hits are exactly those of `rag.rank`, and every measure is what counting gives."""
    fetched, pool = made(6, 25, seed)
    scores = rescore(pool, options).questions
    for candidates, score in zip(fetched, scores, strict=True):
        result = rag.rank(candidates, options)
        assert [hit.chunk.id for hit in result.hits] == [hit.chunk_id for hit in score.hits]
        assert [hit.score for hit in result.hits] == [hit.score for hit in score.hits]
        assert [hit.rank for hit in result.hits] == [hit.rank for hit in score.hits]
        assert max((hit.score for hit in result.candidates), default=0.0) == score.best_score
        assert by_hand(score.question, result.hits) == pytest.approx(score.values, abs=1e-12)


def test_other_filters_need_other_candidates() -> None:
    """A filter that the candidates were not fetched for gives a sentence, not a wrong figure."""
    _, pool = made(3, 5, 1)
    with pytest.raises(QuestionSetError, match="measure the set again"):
        rescore(pool, SearchOptions(tags=("x",)))


@pytest.mark.parametrize("has_evidence", [True, False])
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_outcomes(has_evidence: bool, threshold: float) -> None:
    """A question with evidence is answered by a right hit, else missed; one without is rejected by no hits, else wrongly answered."""
    _, pool = made(40, 20, 1)
    for score in rescore(pool, SearchOptions(similarity_threshold=threshold)).questions:
        if score.question.evidence:
            assert score.outcome == ("answered" if score.right_rank else "missed")
        else:
            assert score.outcome == ("wrongly_answered" if score.hits else "rejected")


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [
        (0, 100, True),
        (50, 200, True),
        (51, 200, False),
        (0, 10, True),
        (10, 30, True),
        (90, 500, False),
        (95, 105, True),
    ],
)
def test_when_a_hit_is_right(start: int, end: int, right: bool) -> None:
    """A chunk is right when it covers half of the evidence or lies half inside it; touching it is not enough."""
    evidence = Evidence("d", "d.txt", 0, 100)
    assert right == is_right(Place("c", "d", start, end, (1,)), evidence)
    assert not is_right(Place("c", "other", start, end, (1,)), evidence)


def test_a_page_is_found_by_any_chunk_that_touches_it() -> None:
    """Evidence that is a page says nothing of where on it."""
    evidence = Evidence("d", "d.pdf", page=3)
    assert is_right(Place("c", "d", 0, 9, (2, 3)), evidence)
    assert not is_right(Place("c", "d", 0, 9, (4,)), evidence)


def test_the_match_score_is_that_of_search() -> None:
    """The share of coverage is known in two places, because verbs do not import each other; it is the same."""
    assert confidence.COVERAGE_SHARE == COVERAGE_SHARE


def test_threshold_none_is_the_collections_own() -> None:
    """Without a threshold in the options, the pool's collection tells it, also after it was set anew."""
    _, pool = made(20, 20, 2)
    own = replace(pool, collection=replace(pool.collection, similarity_threshold=0.77))
    assert rescore(own, SearchOptions()).threshold == 0.77
    assert rescore(own, SearchOptions()).counts == rescore(pool, SearchOptions(similarity_threshold=0.77)).counts


def test_quick_enough_for_a_slider() -> None:
    """300 questions with 100 candidates are scored anew, intervals included, in well under 100 ms of CPU time."""
    _, pool = made(300, 190, 7, absent=0.3)
    assert pool.here.sum() > 300 * 85
    spent = []
    for step in range(9):
        began = time.thread_time()
        evaluation = rescore(pool, SearchOptions(similarity_threshold=0.3 + step / 100))
        assert evaluation.figures["ndcg@10"].questions > 150
        spent.append(time.thread_time() - began)
    assert median(spent) < 0.1


def test_frames() -> None:
    """The evaluation comes as data frames: one row a question, one row a measure."""
    _, pool = made(30, 20, 3)
    evaluation = rescore(pool, SearchOptions())
    frame, table = evaluation.frame(), evaluation.table()
    assert 30 == len(frame) and {"question", "outcome", "mrr", "token_iou"} <= set(frame.columns)
    assert np.isclose(frame["mrr"].mean(), table.loc["mrr", "value"])
    assert sum(evaluation.counts.values()) == 30


def test_a_set_of_one_question_and_one_without_evidence() -> None:
    """A single question, and a set in which nothing is in the documents, have figures where they can and NaN where not."""
    _, pool = made(1, 20, 4, absent=0)
    figures = rescore(pool, SearchOptions(similarity_threshold=0)).figures
    assert 1 == figures["mrr"].questions and np.isnan(figures["rejected"].value)
    _, pool = made(5, 20, 5, absent=1)
    figures = rescore(pool, SearchOptions()).figures
    assert np.isnan(figures["ndcg@10"].value) and 5 == figures["rejected"].questions
    assert np.isnan(figures["auroc"].value)
