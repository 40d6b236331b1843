"""The ledger: one row a model call, written before the call and closed after it, so that no call goes uncounted.

It holds no prompt, no answer and no key. A cost of None is unknown, never zero. Several processes may write at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from rag.errors import StoppedError
from rag.types import Usage, UsageRecord, UsageStatus

By = Literal["day", "model", "action"]
INTERRUPTED: Final = "interrupted"
"""`UsageRecord.error_kind` of a call whose process ended before it did."""

_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_COLUMNS = (
    "id", "at", "action", "provider", "model", "status", "items", *_TOKENS, "estimated", "cost_usd", "price_source", "cached",
    "ttft_ms", "duration_ms", "estimated_cost_usd", "unit_price", "request_id", "error_kind",
)  # fmt: skip
_usage = sa.table("usage", *(sa.column(name) for name in _COLUMNS))

_CLOSED_WITH = (
    "status", *_TOKENS, "estimated", "cost_usd", "price_source", "ttft_ms", "duration_ms", "cached", "request_id", "error_kind",
    "estimated_cost_usd", "unit_price",
)  # fmt: skip
# Made once: a question writes a row of its own, and making the statements took longer than running them. RETURNING, for a table
# without a declared key gives no inserted id.
_INSERT = sa.insert(_usage).returning(_usage.c.id)
_CLOSE = (
    sa.update(_usage)
    .where(_usage.c.id == sa.bindparam("row_id"))
    .values(
        {name: sa.bindparam(name) for name in _CLOSED_WITH}
        | {"items": sa.func.coalesce(sa.bindparam("new_items"), _usage.c["items"])}
    )
)


@dataclass(slots=True)
class Call:
    """What a call turned out to use; filled in while `measure` runs."""

    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    price_source: str = "unknown"
    ttft_ms: float | None = None
    cached: bool = False
    items: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls cost, as far as it can be counted."""

    usd: float = 0.0
    """Known costs, and estimates where there is no more than that."""
    estimated_usd: float = 0.0
    """The part of it that is estimated: calls that run, were cut short, or whose provider reported no tokens."""
    uncounted: int = 0
    """Calls that are not in the sum, because their price is unknown."""


class Ledger:
    """Usage rows behind `engine`, whose schema must hold the `usage` table."""

    def __init__(self, engine: Engine, *, on_begin: Callable[[int], None] = lambda row: None) -> None:
        """`on_begin` hears the id of each row before anybody else can see it."""
        self._engine, self._on_begin = engine, on_begin
        self._admitting = threading.Lock()  # one at a time asks, for whoever asks reads through a second connection

    def start(
        self,
        action: str,
        provider: str,
        model: str,
        *,
        items: int = 0,
        estimated_cost_usd: float | None = None,
        admit: Callable[[], None] | None = None,
    ) -> int:
        """Write the row of a call that is about to be made and return its id.

        `estimated_cost_usd` counts as spent until the row is closed; 0 says that the call is free. `admit` is asked while nobody else, of this process or another,
        can write a row: when it raises, there is no row.
        """
        row = {
            "at": datetime.now(UTC).isoformat(),
            "action": action,
            "provider": provider,
            "model": model,
            "status": "started",
            "items": items,
            **dict.fromkeys(_TOKENS, 0),
            "estimated": False,
            "cost_usd": 0.0 if estimated_cost_usd == 0 or provider == "local" else None,
            "estimated_cost_usd": estimated_cost_usd,
            "price_source": "unknown",
            "cached": False,
            "unit_price": "",
            "request_id": "",
            "error_kind": "",
        }
        if admit is None:
            with self._engine.begin() as connection:
                return self._begun(connection, row)
        with self._admitting, self._engine.connect().execution_options(alone=True) as connection, connection.begin():
            admit()
            return self._begun(connection, row)

    def _begun(self, connection: sa.Connection, row: dict[str, Any]) -> int:
        id = int(connection.execute(_INSERT, row).scalar_one())
        self._on_begin(id)
        return id

    def finish(
        self,
        id: int,
        *,
        status: UsageStatus,
        usage: Usage,
        cost_usd: float | None,
        price_source: str,
        ttft_ms: float | None = None,
        duration_ms: float | None = None,
        cached: bool = False,
        items: int | None = None,
        request_id: str = "",
        error_kind: str = "",
        estimated_cost_usd: float | None = None,
        unit_price: str = "",
    ) -> None:
        """Close the row with what the call used; `items` None keeps the number given at the start.

        `unit_price` is the price at the time of the call, so that history is never computed anew.
        """
        values: dict[str, Any] = {
            "status": status,
            **{name: getattr(usage, name) for name in _TOKENS},
            "estimated": usage.estimated,
            "cost_usd": cost_usd,
            "price_source": price_source,
            "ttft_ms": ttft_ms,
            "duration_ms": duration_ms,
            "cached": cached,
            "request_id": request_id,
            "error_kind": error_kind,
            "estimated_cost_usd": estimated_cost_usd,
            "unit_price": unit_price,
        }
        with self._engine.begin() as connection:
            connection.execute(_CLOSE, {**values, "new_items": items, "row_id": id})

    @contextmanager
    def measure(self, action: str, provider: str, model: str, *, items: int = 0) -> Iterator[Call]:
        """Keep the row of the call that is made inside; an exception closes it as failed, or as stopped, and goes on.

        >>> with ledger.measure("ask", "local", "extractive") as call:  # doctest: +SKIP
        ...     call.cost_usd, call.price_source = 0.0, "local"
        """
        call, row = (
            Call(cost_usd=0.0 if provider == "local" else None),
            self.start(action, provider, model, items=items),
        )
        began, status = time.perf_counter(), "failed"
        try:
            yield call
            status = "cached" if call.cached else "ok"
        except StoppedError:
            status = "stopped"
            raise
        finally:
            self.finish(
                row,
                status=status,  # type: ignore[arg-type]  # one of UsageStatus on every path above
                usage=call.usage,
                cost_usd=call.cost_usd,
                price_source=call.price_source,
                ttft_ms=call.ttft_ms,
                duration_ms=(time.perf_counter() - began) * 1000,
                cached=call.cached,
                items=call.items,
            )

    def records(self, since: datetime | None = None, *, limit: int | None = None) -> list[UsageRecord]:
        """Return the calls, newest first; those begun at `since` or later, at most `limit`."""
        query = sa.select(_usage).order_by(_usage.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(_usage.c.at >= since.astimezone(UTC).isoformat())
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(query)]

    def totals(self, by: By, since: datetime | None = None) -> list[dict[str, Any]]:
        """Return sums by day (newest first), or by model or action (most calls first).

        Each has the key that is named by `by` (the day as 2026-11-20 in local time, the model as PROVIDER/MODEL), calls, items,
        input_tokens, output_tokens, cost_usd (the sum of the known costs, None when none is), unknown_costs (calls that are
        not in that sum), of these estimated_usd (the likely cost of those with a price, None when none has one) and unpriced (calls
        without a price), and estimated (calls whose tokens are estimates).
        """
        keys: dict[By, sa.ColumnElement[Any]] = {
            "day": sa.func.date(_usage.c.at, "localtime"),
            "model": _usage.c.provider.concat("/").concat(_usage.c.model),
            "action": _usage.c.action,
        }
        query = _sums(keys[by].label(by)).order_by(sa.text("day DESC" if by == "day" else f"calls DESC, {by}"))
        if since is not None:
            query = query.where(_usage.c.at >= since.astimezone(UTC).isoformat())
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def spent(self, since: datetime, provider: str = "") -> Spent:
        """Return what was spent since then, with one provider or with all."""
        known, likely = _usage.c.cost_usd, _usage.c.estimated_cost_usd
        guessed = sa.case((known.is_(None), likely), else_=0.0)
        total = sa.func.sum
        query = sa.select(
            total(sa.func.coalesce(known, likely)), total(guessed), total(sa.case((known.is_(None) & likely.is_(None), 1), else_=0))
        ).where(_usage.c.at >= since.astimezone(UTC).isoformat())  # fmt: skip
        if provider:
            query = query.where(_usage.c.provider == provider)
        with self._engine.connect() as connection:
            usd, estimated, uncounted = connection.execute(query).one()
        return Spent(usd or 0.0, estimated or 0.0, uncounted or 0)

    def close_interrupted(self, living: Callable[[], Collection[int]]) -> int:
        """Close the rows of calls whose process ended in the middle of them, all that run but the `living`; return how many.

        `living` is asked for the rows of other programs once it is known which rows there are: a call that begins meanwhile is left alone.

        What such a call used is not known, and stays so; its likely cost goes on counting as spent.
        """
        started = sa.select(_usage.c.id).where(_usage.c.status == "started")
        with self._engine.connect() as connection:
            begun = set(connection.execute(started).scalars())
        gone = begun.difference(living()) if begun else begun
        closed = sa.update(_usage).where(_usage.c.id == sa.bindparam("row"), _usage.c.status == "started")
        if gone:
            with self._engine.begin() as connection:
                values = closed.values(status="failed", error_kind=INTERRUPTED)
                connection.execute(values, [{"row": row} for row in sorted(gone)])
        return len(gone)


def _sums(key: sa.Label[Any]) -> sa.Select[*tuple[Any, ...]]:
    total = sa.func.sum
    known, likely = _usage.c.cost_usd, _usage.c.estimated_cost_usd
    return sa.select(
        key,
        sa.func.count().label("calls"),
        *(total(_usage.c[name]).label(name) for name in ("items", "input_tokens", "output_tokens")),
        total(known).label("cost_usd"),  # NULL when no cost is known
        total(sa.case((known.is_(None), 1), else_=0)).label("unknown_costs"),
        total(sa.case((known.is_(None), likely))).label("estimated_usd"),
        total(sa.case((known.is_(None) & likely.is_(None), 1), else_=0)).label("unpriced"),
        total(sa.case((_usage.c.estimated, 1), else_=0)).label("estimated"),
    ).group_by(key)


def _record(row: sa.Row[*tuple[Any, ...]]) -> UsageRecord:
    return UsageRecord(
        id=row.id,
        at=datetime.fromisoformat(row.at),
        action=row.action,
        provider=row.provider,
        model=row.model,
        usage=Usage(**{name: getattr(row, name) for name in _TOKENS}, estimated=bool(row.estimated)),
        cost_usd=row.cost_usd,
        price_source=row.price_source,
        cached=bool(row.cached),
        status=row.status,
        ttft_ms=row.ttft_ms,
        duration_ms=row.duration_ms,
        items=row.items,
        estimated_cost_usd=row.estimated_cost_usd,
        unit_price=row.unit_price,
        request_id=row.request_id,
        error_kind=row.error_kind,
    )
