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

    @classmethod
    def total(cls, parts: Iterable[Usage]) -> Usage:
        """Return what several calls used together: estimated as soon as one of them is.

        >>> Usage.total([Usage(5, 1), Usage(7, estimated=True)]).input_tokens
        12
        """
        kept = list(parts)
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
        sums = {name: sum(getattr(part, name) for part in kept) for name in names}
        return cls(**sums, estimated=any(part.estimated for part in kept))


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
    """`ProviderError.kind` of a failed call."""
