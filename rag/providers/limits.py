"""Limits that the user sets on this side: calls and tokens per minute, and calls at once; for a provider and for one visitor.

Each limit looks at the last minute as a whole, so that no minute, wherever it begins, holds more than was allowed. Tokens are booked as
estimated when a call begins and corrected when the provider has reported. Everything here runs on the runner's loop: no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = 24

    def __post_init__(self) -> None:
        for value in (self.requests_per_minute, self.tokens_per_minute, self.concurrent):
            if value is not None and value < 1:
                raise ValueError("a limit must be 1 or more, or none")

    def __str__(self) -> str:
        """
        >>> str(Limits(30, 9000, None))
        '30 requests a minute, 9,000 tokens a minute'
        """
        named = (
            (self.requests_per_minute, "requests a minute"),
            (self.tokens_per_minute, "tokens a minute"),
            (self.concurrent, "at once"),
        )
        return ", ".join(f"{value:,} {name}" for value, name in named if value is not None)


@dataclass(slots=True, eq=False)
class _Booking:
    at: float
    tokens: int


@dataclass(slots=True)
class Permit:
    """The right to make one call; give it back with `Limiter.release`."""

    bookings: list[tuple[_Gate, _Booking]] = field(default_factory=list)


class _Gate:
    """One set of limits."""

    def __init__(self, limits: Limits, window_s: float, clock: Callable[[], float]) -> None:
        self.limits = limits
        self._window_s, self._clock = window_s, clock
        self._booked: deque[_Booking] = deque()
        self._tokens = 0
        self.running = 0

    def wait_s(self, tokens: int) -> float | None:
        """Return how long to wait before a call of this size, 0 for not at all; None when another call must end first."""
        now, limits = self._clock(), self.limits
        while self._booked and self._booked[0].at <= now - self._window_s:
            self._tokens -= self._booked.popleft().tokens
        if limits.concurrent is not None and self.running >= limits.concurrent:
            return None
        if limits.requests_per_minute is not None and len(self._booked) >= limits.requests_per_minute:
            return self._booked[0].at + self._window_s - now
        return self._wait_for_tokens(tokens, now)

    def _wait_for_tokens(self, tokens: int, now: float) -> float:
        """Return when enough of the minute's tokens will have left it; a call larger than the limit itself goes alone."""
        limit, wait = self.limits.tokens_per_minute, 0.0
        excess = 0 if limit is None else self._tokens + tokens - limit
        for booking in self._booked:
            if excess <= 0:
                break
            excess -= booking.tokens
            wait = booking.at + self._window_s - now
        return wait

    def book(self, tokens: int) -> _Booking:
        booking = _Booking(self._clock(), tokens)
        self._booked.append(booking)
        self._tokens += tokens
        self.running += 1
        return booking

    def settle(self, booking: _Booking, tokens: int) -> None:
        if booking in self._booked:
            self._tokens += tokens - booking.tokens
        booking.tokens = tokens


class Limiter:
    """Hands out permits in the order in which they were asked for, per provider."""

    def __init__(self, *, window_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s, self._clock = window_s, clock
        self._gates: dict[tuple[str, str], _Gate] = {}
        self._queues: dict[tuple[str, str], asyncio.Lock] = {}
        self._changed = asyncio.Condition()

    async def acquire(self, provider: str, user: str, tokens: int, limits: Limits, per_user: Limits | None) -> Permit:
        """Wait until a call of about `tokens` may be made. Whoever is cancelled while waiting leaves nothing behind."""
        gates = [self._gate((provider, ""), limits)]
        if per_user is not None and user:
            gates.append(self._gate((provider, user), per_user))
        async with self._queues.setdefault((provider, user), asyncio.Lock()):  # first come, first served
            while waits := [w for w in (g.wait_s(tokens) for g in gates) if w != 0.0]:
                await self._wait(None if None in waits else max(w for w in waits if w is not None))
            return Permit([(gate, gate.book(tokens)) for gate in gates])

    async def release(self, permit: Permit, tokens: int) -> None:
        """End a call that took `tokens` in fact."""
        for gate, booking in permit.bookings:
            gate.running -= 1
            gate.settle(booking, tokens)
        permit.bookings = []
        async with self._changed:
            self._changed.notify_all()

    async def _wait(self, seconds: float | None) -> None:
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _gate(self, key: tuple[str, str], limits: Limits) -> _Gate:
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate(limits, self._window_s, self._clock)
        gate.limits = limits
        return gate
