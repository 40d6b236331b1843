"""Every distance of an index means one cosine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.store.distances import SPACES, Space, cosine

vectors = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(vectors, vectors)
def test_the_cosine_is_the_same_in_every_space(first: list[float], second: list[float]) -> None:
    """Squared Euclidean distance, inner product and cosine distance of unit vectors tell the same."""
    a, b = (np.array(v) / np.linalg.norm(v) for v in (first, second))
    distances: dict[Space, float] = {"cosine": 1 - a @ b, "ip": 1 - a @ b, "l2": float(((a - b) ** 2).sum())}
    for space, distance in distances.items():
        assert cosine(distance, space) == pytest.approx(float(a @ b), abs=1e-9)


@given(st.sampled_from(SPACES), st.floats(0, 10), st.floats(0, 10))
def test_farther_is_never_more_alike(space: Space, one: float, other: float) -> None:
    """The cosine falls as the distance grows, and stays within -1 to 1 whatever rounding does."""
    near, far = sorted((one, other))
    assert 1 >= cosine(near, space) >= cosine(far, space) >= -1
