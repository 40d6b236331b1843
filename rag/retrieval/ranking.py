"""Rank the candidates of one question: pure and fast, because every move of a slider calls it.

The rank mixes both sides after dividing each by its best value among the candidates:
`weight * cosine / max(cosine) + (1 - weight) * bm25 / max(bm25)`. What passes is decided by the match score alone
(`rag.retrieval.confidence`), so lowering the threshold only ever adds hits.
"""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from rag.retrieval.confidence import match_score
from rag.retrieval.diversity import diversified
from rag.retrieval.filtering import passes
from rag.types import Candidates, Hit, Mode, SearchOptions, SearchResult

NEAR_MISS_LIMIT = 5
"""More would no longer be near: the rest is in `SearchResult.candidates`."""


class _Scored(NamedTuple):
    hit: Hit
    at: int
    """Place among the candidates."""
    score: float
    rank_score: float


def rank(candidates: Candidates, options: SearchOptions) -> SearchResult:
    """Return the hits of a question under `options`, without asking the store or a model again.

    Candidates that pass the threshold are numbered first, in rank order, so `hits[n - 1].rank == n`; those below it go
    on counting, the highest score first. With `mmr` the hits are chosen and ordered by what each adds to those before it, but not in keyword mode,
    which knows no meanings to compare.
    Options that reach beyond what was fetched (a larger pool, another filter) take effect only on the candidates that are
    there; `serves` tells. A pool without vectors is ranked in keyword mode, and the result's options say so.
    """
    began = time.perf_counter()
    mode = effective_mode(candidates, options.mode)
    threshold = options.similarity_threshold
    if threshold is None:
        threshold = candidates.collection.similarity_threshold
    scored = _scored(_eligible(candidates, mode, options), mode, options.weight)
    passing = sorted((one for one in scored if one.score >= threshold), key=_rank_key)
    below = sorted((one for one in scored if one.score < threshold), key=_score_key)
    near = _near_misses(passing, below, options.top_k)
    if options.mmr and mode != "keyword" and candidates.vectors is not None:
        passing = diversified(passing, candidates.vectors, options.top_k, options.mmr)
    ranked = tuple(
        Hit(
            one.hit.chunk, one.hit.document_name, number, one.score, one.hit.parts, one.rank_score,
            max(0.0, threshold - one.score),
        )
        for number, one in enumerate((*passing, *below), start=1)
    )  # fmt: skip
    return SearchResult(
        question=candidates.question,
        collection=candidates.collection,
        hits=ranked[: min(options.top_k, len(passing))],
        near_misses=tuple(ranked[len(passing) + at] for at in near),
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


def _eligible(candidates: Candidates, mode: Mode, options: SearchOptions) -> list[tuple[int, Hit]]:
    """Return the candidates that may be ranked at all: through the filters, and in keyword mode with a word in common."""
    filters = options.filters
    needs_a_look = filters != candidates.options.filters
    return [
        (at, hit)
        for at, hit in enumerate(candidates.hits)
        if (not needs_a_look or passes(hit.chunk, candidates.documents.get(hit.chunk.document_id), filters))
        and (mode != "keyword" or hit.parts.keyword > 0)
    ]


def _scored(hits: Sequence[tuple[int, Hit]], mode: Mode, weight: float) -> list[_Scored]:
    """Return each candidate with both its numbers. The side that a mode does not rank by is not looked at."""
    share = {"semantic": 1.0, "keyword": 0.0}.get(mode, weight)
    best_cosine = max((hit.parts.cosine for _, hit in hits), default=0.0) if mode != "keyword" else 0.0
    best_keyword = max((hit.parts.keyword for _, hit in hits), default=0.0) if mode != "semantic" else 0.0
    made = []
    for at, hit in hits:
        cosine = hit.parts.cosine / best_cosine if best_cosine > 0 else 0.0
        keyword = hit.parts.keyword / best_keyword if best_keyword > 0 else 0.0
        made.append(_Scored(hit, at, match_score(hit.parts, mode), share * cosine + (1 - share) * keyword))
    return made


def _rank_key(one: _Scored) -> tuple[float, float, str, int]:
    return (-one.rank_score, -one.score, one.hit.chunk.document_id, one.hit.chunk.start)


def _score_key(one: _Scored) -> tuple[float, float, str, int]:
    return (-one.score, -one.rank_score, one.hit.chunk.document_id, one.hit.chunk.start)


def _near_misses(passing: Sequence[_Scored], below: Sequence[_Scored], top_k: int) -> list[int]:
    """Return the places in `below` of the first few that a threshold lowered to their own score would make hits.

    A candidate that `top_k` better ranked ones would still keep out is not a near miss: no threshold shows it.
    """
    places = sorted(-one.rank_score for one in passing)
    found: list[int] = []
    for at, one in enumerate(below):
        if len(found) == NEAR_MISS_LIMIT:
            break
        if bisect_left(places, -one.rank_score) < top_k and one.score > 0:
            found.append(at)
        insort(places, -one.rank_score)
    return found
