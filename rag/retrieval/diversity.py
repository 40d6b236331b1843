"""Maximal marginal relevance (Carbonell and Goldstein, 1998): hits that each add something to those before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from rag.providers.base import Vectors


class Ranked(Protocol):
    @property
    def at(self) -> int:
        """Row of its vector."""
        ...

    @property
    def rank_score(self) -> float: ...


R = TypeVar("R", bound=Ranked)


def diversified(ranked: Sequence[R], vectors: Vectors, k: int, strength: float) -> list[R]:
    """Return `ranked`, best first, with the best `k` chosen anew: each has the highest of what is left of

    `(1 - strength) * rank_score - strength * (highest cosine with one chosen before)`.

    The others follow in their order. Equal ones stay in theirs; strength 0 changes nothing.
    """
    if not ranked:
        return []
    own = vectors[[one.at for one in ranked]]
    relevance = (1 - strength) * np.array([one.rank_score for one in ranked])
    likeness = np.zeros(len(ranked))
    left = np.ones(len(ranked), np.bool_)
    chosen: list[int] = []
    for _ in range(min(k, len(ranked))):
        best = int(np.argmax(np.where(left, relevance - strength * likeness, -np.inf)))
        chosen.append(best)
        left[best] = False
        similar = own @ own[best]
        likeness = similar if len(chosen) == 1 else np.maximum(likeness, similar)
    return [ranked[at] for at in chosen] + [one for one, is_left in zip(ranked, left, strict=True) if is_left]
