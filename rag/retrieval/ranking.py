"""Rank the candidates of one question: pure and fast, because every move of a slider calls it.

The rank mixes both sides after dividing each by its best value among the candidates:
`weight * cosine / max(cosine) + (1 - weight) * bm25 / max(bm25)`. What passes is decided by the match score alone
(`rag.retrieval.confidence`), so lowering the threshold only ever adds hits.
"""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import replace

from rag.retrieval.confidence import match_score
from rag.types import Candidates, Hit, Mode, Parts, SearchOptions, SearchResult

NEAR_MISS_LIMIT = 5
"""More would no longer be near: the rest is in `SearchResult.candidates`."""


def rank(candidates: Candidates, options: SearchOptions) -> SearchResult:
    """Return the hits of a question under `options`, without asking the store or a model again.

    Candidates that pass the threshold are numbered first, in rank order, so `hits[n - 1].rank == n`; those below it go
    on counting, the highest score first. Options that reach beyond what was fetched (a larger pool, other documents)
    take effect only on the candidates that are there. A pool without vectors is ranked in keyword mode, and the
    result's options say so.
    """
    began = time.perf_counter()
    mode = effective_mode(candidates, options.mode)
    threshold = options.similarity_threshold
    if threshold is None:
        threshold = candidates.collection.similarity_threshold
    scored = _scored(_eligible(candidates.hits, mode, options), mode, options.weight)
    passing = sorted((hit for hit in scored if hit.score >= threshold), key=_rank_key)
    below = sorted((hit for hit in scored if hit.score < threshold), key=_score_key)
    ranked = tuple(
        replace(hit, rank=number, short_by=max(0.0, threshold - hit.score))
        for number, hit in enumerate(passing + below, start=1)
    )
    return SearchResult(
        question=candidates.question,
        collection=candidates.collection,
        hits=ranked[: min(options.top_k, len(passing))],
        near_misses=_near_misses(ranked[: len(passing)], ranked[len(passing) :], options.top_k),
        candidates=ranked,
        options=replace(options, mode=mode, similarity_threshold=threshold),
        threshold=threshold,
        terms=candidates.terms,
        timings={**candidates.timings, "rank": (time.perf_counter() - began) * 1000},
        used_index=candidates.used_index,
    )


def effective_mode(candidates: Candidates, mode: Mode) -> Mode:
    """Return the mode that the candidates allow: without vectors everything is keyword search."""
    return "keyword" if candidates.used_index == "none" else mode


def _eligible(hits: Iterable[Hit], mode: Mode, options: SearchOptions) -> list[Hit]:
    """Return the candidates that may be ranked at all: of the wanted documents, and in keyword mode with a word in common."""
    wanted = frozenset(options.document_ids)
    return [
        hit
        for hit in hits
        if (not wanted or hit.chunk.document_id in wanted) and (mode != "keyword" or hit.parts.keyword > 0)
    ]


def _scored(hits: list[Hit], mode: Mode, weight: float) -> list[Hit]:
    share = {"semantic": 1.0, "keyword": 0.0}.get(mode, weight)
    best_cosine = max((hit.parts.cosine for hit in hits), default=0.0)
    best_keyword = max((hit.parts.keyword for hit in hits), default=0.0)
    return [
        replace(
            hit,
            score=match_score(hit.parts, mode),
            rank_score=_rank_score(hit.parts, share, best_cosine, best_keyword),
        )
        for hit in hits
    ]


def _rank_score(parts: Parts, share: float, best_cosine: float, best_keyword: float) -> float:
    """Mix both sides, each relative to the best candidate; a side that found nothing adds nothing."""
    cosine = parts.cosine / best_cosine if best_cosine > 0 else 0.0
    keyword = parts.keyword / best_keyword if best_keyword > 0 else 0.0
    return share * cosine + (1 - share) * keyword


def _rank_key(hit: Hit) -> tuple[float, float, str, int]:
    return (-hit.rank_score, -hit.score, hit.chunk.document_id, hit.chunk.start)


def _score_key(hit: Hit) -> tuple[float, float, str, int]:
    return (-hit.score, -hit.rank_score, hit.chunk.document_id, hit.chunk.start)


def _near_misses(passing: tuple[Hit, ...], below: tuple[Hit, ...], top_k: int) -> tuple[Hit, ...]:
    """Return the first few of `below` that a threshold lowered to their own score would make hits.

    A candidate that `top_k` better ranked ones would still keep out is not a near miss: no threshold shows it.
    """
    places = sorted(-hit.rank_score for hit in passing)
    found: list[Hit] = []
    for hit in below:
        if len(found) == NEAR_MISS_LIMIT:
            break
        if bisect_left(places, -hit.rank_score) < top_k and hit.score > 0:
            found.append(hit)
        insort(places, -hit.rank_score)
    return tuple(found)
