"""What every attempt leaves behind: one row of the ledger, written before the request goes out and closed however it ends.

A budget is asked first: a call that may not be paid for is not made. Both may touch a database, so they run in threads, never on the
loop. The ledger holds no prompt, no answer and no key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rag.errors import RagError
from rag.providers import accounts
from rag.providers.adapter import Report
from rag.providers.messages import Attempt, Cost
from rag.providers.prices import FREE, NOT_BILLED, PriceBook, Tariff
from rag.providers.tokens import estimate
from rag.types import Usage, UsageStatus

log = logging.getLogger(__name__)

Gate = Callable[[str, str, float | None], None]
"""Asked before each attempt with the action, PROVIDER/MODEL and its likely cost in USD (None when there is no price), while no other
attempt can begin.

Raises `BudgetExceededError` when the call may not be made."""
PATIENCE_S: Final = 0.05  # how long a stopped call waits for its row to be closed before its reader hears of the end


class Recorder(Protocol):
    """The ledger, as far as this layer needs it."""

    def start(
        self,
        action: str,
        provider: str,
        model: str,
        *,
        items: int = 0,
        estimated_cost_usd: float | None = None,
        admit: Callable[[], None] | None = None,
    ) -> int: ...

    def finish(
        self,
        id: int,
        *,
        status: UsageStatus,
        usage: Usage,
        cost_usd: float | None,
        price_source: str,
        ttft_ms: float | None,
        duration_ms: float | None,
        cached: bool = False,
        items: int | None = None,
        request_id: str = "",
        error_kind: str = "",
        estimated_cost_usd: float | None = None,
        unit_price: str = "",
    ) -> None: ...


class NoRecorder:
    """Keeps nothing: for tests and benchmarks of the layers below."""

    def start(
        self, action: str, provider: str, model: str, *, admit: Callable[[], None] | None = None, **more: Any
    ) -> int:
        if admit is not None:
            admit()
        return 0

    def finish(self, id: int, **fields: Any) -> None:
        return None


def allow_all(action: str, model: str, estimated_usd: float | None) -> None:
    """The gate of somebody without a budget."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger is told of an attempt before it is made."""

    action: str
    tariff: Tariff
    model: str
    items: int = 0
    likely: Usage = field(default_factory=Usage)

    @property
    def name(self) -> str:
        return f"{self.tariff.provider}/{self.model}"


class Books:
    """Budget, ledger and prices, for the loop."""

    def __init__(self, recorder: Recorder, prices: PriceBook, gate: Gate = allow_all) -> None:
        self._recorder, self.prices, self._gate = recorder, prices, gate
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="ledger")
        self._open_work: set[asyncio.Task[None]] = set()

    async def open(self, entry: Entry) -> int:
        """Ask the budget, write the row and return its id. Cancelled meanwhile, the row is closed as stopped."""
        accounts.begin()
        opening = asyncio.get_running_loop().run_in_executor(self._pool, self._open, entry)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await self.settle(self._void(opening, entry), hurried=True)
            raise
        except BaseException:  # of the budget or of the ledger: nothing is asked
            accounts.end(None)
            raise

    async def close(self, row: int, attempt: Attempt, *, items: int | None = None, cached: bool = False) -> None:
        """Close the row. A ledger that cannot be written does not cost the user the answer: it is logged."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._close, row, attempt, items, cached)
        finally:  # behind the row: who waits for the account finds the ledger saying the same
            accounts.end(attempt)

    async def price(self, tariff: Tariff, model: str, usage: Usage) -> Cost:
        if tariff.is_local:
            return FREE
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.prices.cost, tariff, model, usage)

    async def settle(self, work: Coroutine[Any, Any, None], *, hurried: bool) -> None:
        """Have book-keeping done even when the call is cancelled; a hurried one goes on by itself after a moment."""
        task = asyncio.ensure_future(work)
        self._open_work.add(task)
        task.add_done_callback(self._settled)
        await asyncio.wait({task}, timeout=PATIENCE_S if hurried else None)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._open_work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("book-keeping of a call failed: %s", error)

    async def _void(self, opening: asyncio.Future[int], entry: Entry) -> None:
        try:
            row = await opening
        except RagError:
            accounts.end(None)
            return
        await self.close(row, Attempt(entry.name, "stopped", cost=NOT_BILLED))

    def _open(self, entry: Entry) -> int:
        """Ask the budget and write the row, which counts as spent what the call will likely cost, in one step."""
        likely = self.prices.cost(entry.tariff, entry.model, entry.likely).estimated_usd
        return self._recorder.start(
            entry.action, entry.tariff.provider, entry.model, items=entry.items, estimated_cost_usd=likely,
            admit=None if likely == 0 else lambda: self._gate(entry.action, entry.name, likely),
        )  # fmt: skip

    def _close(self, row: int, attempt: Attempt, items: int | None, cached: bool) -> None:
        cost = attempt.cost
        try:
            self._recorder.finish(
                row,
                status=attempt.status,
                usage=attempt.usage,
                cost_usd=cost.usd,
                price_source=cost.source,
                ttft_ms=attempt.ttft_ms,
                duration_ms=attempt.duration_ms,
                cached=cached,
                items=items,
                request_id=attempt.request_id,
                error_kind=attempt.error_kind,
                estimated_cost_usd=cost.estimated_usd,
                unit_price=cost.unit_price,
            )
        except Exception as error:  # noqa: BLE001 - no failure of the ledger may cost the user the answer
            log.warning("row %s of the ledger could not be closed: %s", row, error)


def counted_usage(report: Report, was_refused: bool, prompt_tokens: int, written: str) -> Usage:
    """Return the tokens of an attempt: as reported where that is whole, otherwise estimated and marked so.

    An attempt that the provider turned away, or that never reached it (`was_refused`), took none.
    """
    usage = report.usage
    if usage is not None and report.usage_is_complete and (usage.output_tokens or not written.strip()):
        return usage
    if was_refused and not report.accepted:
        return Usage()
    known = usage or Usage()
    return Usage(
        input_tokens=known.input_tokens or prompt_tokens,
        output_tokens=max(known.output_tokens, estimate(written)),
        cache_read_tokens=known.cache_read_tokens,
        cache_write_tokens=known.cache_write_tokens,
        reasoning_tokens=known.reasoning_tokens,
        estimated=True,
    )
