"""What model calls used and cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

UsageStatus = Literal["started", "ok", "failed", "stopped", "cached"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. Input includes cached tokens, output includes reasoning tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Return what both used together."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.estimated or other.estimated,
        )

    @classmethod
    def total(cls, parts: Iterable[Usage]) -> Usage:
        """Return what several calls used together: estimated as soon as one of them is.

        >>> Usage.total([Usage(5, 1), Usage(7, estimated=True)]).input_tokens
        12
        """
        return sum(parts, cls())


@dataclass(frozen=True, slots=True)
class Paid:
    """What one or several calls took together.

    >>> Paid(cost_usd=0.25) + Paid(cost_usd=None, estimated_usd=0.5)
    Paid(usage=Usage(input_tokens=0, output_tokens=0, cache_read_tokens=0, cache_write_tokens=0, reasoning_tokens=0, estimated=False), cost_usd=None, estimated_usd=0.75, calls=0)
    """

    usage: Usage = Usage()
    cost_usd: float | None = 0.0
    """None when that of any call is unknown."""
    estimated_usd: float | None = None
    """About what they cost where that is not known; None when it is, and when one of them has no price."""
    calls: int = 0
    """Requests to providers, failed ones and answers from the cache included."""

    def __add__(self, other: Paid) -> Paid:
        is_known = self.cost_usd is not None and other.cost_usd is not None
        cost = _sum(self.cost_usd, other.cost_usd)
        about = None if is_known else _sum(self._about, other._about)
        return Paid(self.usage + other.usage, cost, about, self.calls + other.calls)

    @property
    def _about(self) -> float | None:
        return self.estimated_usd if self.cost_usd is None else self.cost_usd


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One model call of the ledger. It holds no prompt, no answer and no key."""

    id: int
    at: datetime
    action: str
    """"ingest", "search", "ask", …"""
    provider: str
    model: str
    usage: Usage
    cost_usd: float | None
    """None is unknown, never zero."""
    price_source: str
    """"local", "unknown", …"""
    cached: bool
    status: UsageStatus
    ttft_ms: float | None
    duration_ms: float | None
    items: int = 0
    """Texts embedded, or answers written."""
    estimated_cost_usd: float | None = None
    """From estimated tokens where the provider reported none; never part of `cost_usd`."""
    unit_price: str = ""
    """The price at the time of the call."""
    request_id: str = ""
    error_kind: str = ""
    """`ProviderError.kind` of a failed call; "interrupted" where the process ended before the call did."""
