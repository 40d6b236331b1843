"""How patient the runner is: time limits, attempts and waits, as values that a test can shrink."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. All are ours: the SDKs' own limits are ten minutes."""

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    """From the start of an attempt to the first piece of the answer; a keep-alive begins it anew."""
    between_chunks_s: float = 60.0
    """Between two pieces of a body; a vendor's keep-alive counts as a piece."""
    silence_s: float = 600.0
    """Between two pieces with content, however often keep-alives come."""
    closing_s: float = 3.0
    """For the rest of a body after the model said that it has finished."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is made again. Waits are exponential with full jitter, never shorter than asked for."""

    attempts: int = 3
    """Per model, the first one included."""
    base_s: float = 0.5
    cap_s: float = 20.0
    longest_wait_s: float = 60.0
    """A provider that asks for more is given up on."""
    restarts: int = 1
    """How often text that a reader has seen may be thrown away."""

    def wait_s(self, failures: int, retry_after_s: float | None) -> float | None:
        """Return how long to wait after the `failures`-th failure in a row; None means give up.

        A provider's own Retry-After is a lower bound; a quarter second of jitter keeps callers from coming back as one.
        """
        if retry_after_s is not None:
            if retry_after_s > self.longest_wait_s:
                return None
            return retry_after_s + random.uniform(0, min(0.25, self.base_s))
        return random.uniform(0, min(self.cap_s, self.base_s * 2 ** (failures - 1)))
