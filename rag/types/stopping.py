"""How long work hears that it should stop."""

from __future__ import annotations

from collections.abc import Callable

Stop = Callable[[], bool]
"""Asked between batches and between words; True means stop as soon as you can."""


def never() -> bool:
    """The `Stop` of work that nobody can stop."""
    return False
