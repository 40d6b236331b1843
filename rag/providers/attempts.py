"""One attempt at one model: the stream, and what is written down of it however it ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from rag.errors import ProviderError, ProviderErrorKind
from rag.providers.adapter import Adapter, Report
from rag.providers.books import counted_usage
from rag.providers.calls import Call
from rag.providers.failures import classify, failure, was_never_sent
from rag.providers.limits import Limits
from rag.providers.messages import Attempt, CallFinish, Capabilities, Cost, Request, Result, Reuse
from rag.providers.prices import Tariff
from rag.providers.wording import Target
from rag.types import Usage, UsageStatus


@dataclass(frozen=True, slots=True)
class Route:
    """One model to ask, and under which limits."""

    adapter: Adapter
    model: str
    """As the provider calls it."""
    tariff: Tariff
    limits: Limits = field(default_factory=Limits)
    per_user: Limits | None = None

    @property
    def name(self) -> str:
        return f"{self.adapter.provider}/{self.model}"

    @property
    def target(self) -> Target:
        """What sentences may name."""
        return replace(self.adapter.target, model=self.model)

    @property
    def can(self) -> Capabilities:
        return self.adapter.capabilities(self.model)


@dataclass(frozen=True, slots=True)
class Job:
    """One call: what is asked, of whom, and for whom."""

    request: Request
    routes: tuple[Route, ...]
    """The chosen model, then those to fall back on, in order."""
    action: str = "ask"
    user: str = ""
    """Whose limits are used, next to the provider's."""
    reuse: Reuse = "off"


class Running:
    """One attempt: the stream, and what is written down of it however it ends."""

    def __init__(self, job: Job, route: Route, call: Call, prompt_tokens: int) -> None:
        self.job, self.route, self.call = job, route, call
        self.status: UsageStatus = "failed"
        self._prompt_tokens = prompt_tokens
        self._report = Report()
        self._began = time.monotonic()
        self._first: float | None = None
        self._mark = call.mark()
        self._error: tuple[ProviderErrorKind, str] | None = None
        """Kind and request of the failure, not the failure itself: its frames hold this object."""
        self._was_refused = False

    async def stream(self) -> None:
        """Pass the answer on. Raises `ProviderError`, also when it ended without the model's own end."""
        self.call.enter("first byte", self.route.name)
        try:
            await self._read()
        except asyncio.CancelledError:
            self.status = "stopped"
            raise
        except ProviderError as error:
            self._error = error.kind, error.request_id
            self._was_refused = error.status is not None or was_never_sent(error)
            raise
        self.status = "ok"

    async def _read(self) -> None:
        route = self.route
        try:
            async with aclosing(route.adapter.stream(route.model, self.job.request, self._report)) as deltas:
                async for delta in deltas:
                    if self._first is None:
                        self._begin_output()
                    self.call.add(delta)
        except Exception as error:  # noqa: BLE001 - whatever an SDK lets through
            found = classify(error, route.target)
            raise found from found.__cause__
        if self._report.finish is None:
            raise _cut_off(route, self._report)

    def _begin_output(self) -> None:
        """New text takes the place of what an earlier attempt left."""
        self._first = time.monotonic()
        if self._mark != (0, 0) or self.call.has_output:
            self.call.restart()
        self._mark = (0, 0)

    def result(self) -> Result:
        """Return the answer, once the attempt is accounted for."""
        report, so_far = self._report, self.call.partial()
        finish: CallFinish = report.finish or "complete"
        if finish == "complete" and not so_far.text.strip() and not so_far.tool_calls:
            finish = "empty"
        return replace(
            so_far, finish=finish, model=self.route.name, replay=report.replay, served_by=report.served_by, request_id=report.request_id
        )  # fmt: skip

    def usage(self) -> Usage:
        """Return the tokens that the attempt took."""
        return counted_usage(self._report, self._was_refused, self._prompt_tokens, self.call.written(self._mark))

    def record(self, usage: Usage, cost: Cost) -> Attempt:
        (kind, request_id), now = self._error or ("", ""), time.monotonic()
        return Attempt(
            model=self.route.name,
            status=self.status,
            usage=usage,
            cost=cost,
            error_kind=kind,
            request_id=self._report.request_id or request_id,
            ttft_ms=None if self._first is None else (self._first - self._began) * 1000,
            duration_ms=(now - self._began) * 1000,
        )


def _cut_off(route: Route, report: Report) -> ProviderError:
    name, model = route.adapter.provider, route.model
    sentence = f"The reply of {model} from {name} broke off before its end; what came is kept, ask again for the whole."
    return failure("truncated", sentence, route.target, request_id=report.request_id)
