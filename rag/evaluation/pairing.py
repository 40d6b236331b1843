"""Two results of one question side by side: which hits entered, left or moved, each beside its counterpart.

The two may be of different settings or of different collections. Chunks of different collections are taken for the same place when
they are of one document and overlap by at least half of the shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.types import Chunk, Hit, SearchResult

PairChange = Literal["stayed", "moved", "left", "entered"]
_SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """A hit of either result and what the other one makes of the same place."""

    change: PairChange
    left: Hit | None
    """A hit of the left result; for one that entered, the candidate there that is no hit, None when it is not even that."""
    right: Hit | None

    @property
    def risen(self) -> int:
        """How many places higher it stands on the right; negative is lower, 0 for one that is a hit on one side only."""
        both = self.change in ("stayed", "moved") and self.left and self.right
        return self.left.rank - self.right.rank if both and self.left and self.right else 0


def pairs(left: SearchResult, right: SearchResult) -> tuple[Pair, ...]:
    """Return every hit of both results once, in the order of its better rank, the left one first where that is equal."""
    taken: set[str] = set()
    found: list[Pair] = []
    for hit in left.hits:
        other = _counterpart(hit.chunk, right.hits, taken)
        if other is None:
            found.append(Pair("left", hit, _counterpart(hit.chunk, right.candidates[len(right.hits) :])))
        else:
            taken.add(other.chunk.id)
            found.append(Pair("stayed" if hit.rank == other.rank else "moved", hit, other))
    for hit in right.hits:
        if hit.chunk.id not in taken:
            found.append(Pair("entered", _counterpart(hit.chunk, left.candidates[len(left.hits) :]), hit))
    return tuple(sorted(found, key=_order))


def changes(found: Iterable[Pair]) -> dict[PairChange, int]:
    """Return how many hits stayed, moved, left and entered."""
    counted = Counter(pair.change for pair in found)
    kinds: tuple[PairChange, ...] = ("stayed", "moved", "left", "entered")
    return {kind: counted[kind] for kind in kinds}


def _order(pair: Pair) -> tuple[int, bool]:
    ranks = []
    if pair.left is not None and pair.change != "entered":
        ranks.append(pair.left.rank)
    if pair.right is not None and pair.change != "left":
        ranks.append(pair.right.rank)
    return min(ranks), pair.change == "entered"


def _counterpart(chunk: Chunk, among: Sequence[Hit], taken: Iterable[str] = ()) -> Hit | None:
    """Return the hit of the same chunk, else the one of the same place that shares most text; the best ranked of equals."""
    best, most = None, 0.0
    for hit in among:
        if hit.chunk.id in taken:
            continue
        if hit.chunk.id == chunk.id:
            return hit
        share = _overlap(chunk, hit.chunk)
        if share >= _SAME_PLACE and share > most:
            best, most = hit, share
    return best


def _overlap(one: Chunk, other: Chunk) -> float:
    """Return the share of the shorter chunk that both cover; 0 for different documents."""
    if one.document_id != other.document_id:
        return 0.0
    both = min(one.end, other.end) - max(one.start, other.start)
    return both / max(1, min(one.end - one.start, other.end - other.start))
