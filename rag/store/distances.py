"""What the distances of an index say about unit vectors: one cosine, whatever the index measures in."""

from __future__ import annotations

from typing import Final, Literal

Space = Literal["cosine", "l2", "ip"]
"""As hnswlib and Chroma name them: 1 - cosine, the *squared* Euclidean distance, 1 - inner product."""
SPACES: Final[tuple[Space, ...]] = ("cosine", "l2", "ip")


def cosine(distance: float, space: Space) -> float:
    """Return the cosine of two unit vectors from their distance: it falls as the distance grows, and lies in -1 to 1."""
    value = 1 - distance / 2 if space == "l2" else 1 - distance
    return min(1.0, max(-1.0, value))
