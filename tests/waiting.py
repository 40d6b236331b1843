"""Waiting for what another thread, process or server is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONGEST_S = 30.0  # only ends a test that would hang: how long something takes is for `bench/`


def until(happened: Callable[[], object]) -> None:
    """Return as soon as it has happened. Wait for the very thing that is asserted next, not for what usually comes with it."""
    end = time.monotonic() + _LONGEST_S
    while not happened():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.002)
