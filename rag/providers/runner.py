"""Runs calls to providers: limits, budget, ledger, attempts, waits, restarts and fallbacks, one coroutine a call on the shared loop.

Per attempt: a permit of the limiter, the budget, a row in the ledger, the request, the row closed and the permit corrected. What is
worth another try is tried again by `RetryPolicy`; then the next model that the user chose is asked. Text that a reader has seen is
thrown away at most once, and only when new text is there to take its place, so that a failure leaves the longest answer standing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from rag.errors import ProviderError, ProviderErrorKind, RagError
from rag.providers import reuse
from rag.providers.attempts import Job, Route, Running
from rag.providers.books import Books, Entry
from rag.providers.calls import Call
from rag.providers.failures import RefusedFieldError, counted, failure, given_up
from rag.providers.limits import Limiter, Permit
from rag.providers.loop import loop
from rag.providers.messages import Attempt, Request, Result, RetryingEvent
from rag.providers.policy import RetryPolicy
from rag.providers.prices import FROM_CACHE, NOT_BILLED
from rag.providers.tokens import Calibration, estimate_request, request_text, with_margin
from rag.types import FallbackEvent, Usage

log = logging.getLogger(__name__)

_FALLBACK_KINDS: Final[frozenset[ProviderErrorKind]] = frozenset(
    {"auth", "quota", "overloaded", "rate_limit", "not_found", "network", "timeout", "truncated", "server", "context"}
)
_NEAR: Final = 0.8  # of the window: from here on an estimate is not good enough where the provider can count
_LEAST_KEPT: Final = 0.75  # of the tokens meant for an answer: with fewer it is not begun
_TTL_S: Final = 7 * 24 * 3600.0
_FIELD_REFUSALS: Final = 4  # fields of one request that a server may refuse one after the other
_OUTPUT_GUESS: Final = 1024  # tokens of an answer without a limit


class Runner:
    """Starts calls. One is enough for a process; safe from any thread."""

    def __init__(
        self,
        books: Books,
        *,
        policy: RetryPolicy | None = None,
        limiter: Limiter | None = None,
        calibration: Calibration | None = None,
        store: reuse.ResponseStore | None = None,
    ) -> None:
        self.books = books
        self.policy = policy or RetryPolicy()
        self.limiter = limiter or Limiter()
        self.calibration = calibration or Calibration()
        self._store = store
        self._prepared: set[tuple[int, str]] = set()

    def start(self, job: Job) -> Call:
        """Begin a call and return at once."""
        call = Call(job.routes[0].name)

        def begin() -> None:
            call.begin(asyncio.get_running_loop().create_task(self._run(job, call)))

        loop().call_soon_threadsafe(begin)
        return call

    def map(
        self,
        jobs: Sequence[Job],
        *,
        on_done: Callable[[int], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[Result | RagError]:
        """Run many calls side by side under the limits; return their results in order, a failure in the place of its own.

        `on_done` hears how many more are done. Calls that `stop` cut short have the finish "stopped".
        """
        calls = [self.start(job) for job in jobs]
        for call in calls:
            while True:
                try:
                    call.wait(0.05)
                except TimeoutError:
                    if stop():
                        for c in calls:
                            c.stop()
                    continue
                except RagError:
                    pass
                break
            if on_done is not None:
                on_done(1)
        return [call.error or call.result for call in calls]

    def close(self) -> None:
        """Close the response cache."""
        if self._store is not None:
            self._store.close()

    # --- one call, on the loop ---

    async def _run(self, job: Job, call: Call) -> None:
        try:
            result = await self._from_store(job, call) or await self._ask_in_turn(job, call)
            call.end(result)
        except asyncio.CancelledError:
            call.end(call.partial())
        except RagError as error:
            call.fail(error)
        except Exception:  # a mistake of ours must not leave a reader waiting
            log.exception("a call to %s failed", call.model)
            sentence = f"The call to {call.model} failed for a reason that the log tells; ask again."
            call.fail(failure("server", sentence, job.routes[0].target))

    async def _ask_in_turn(self, job: Job, call: Call) -> Result:
        """Ask the chosen model, then those that the user chose after it, until one answers."""
        call.restarts_left = self.policy.restarts
        route, rest = job.routes[0], job.routes[1:]
        while True:
            try:
                result = await self._ask(job, route, call)
                await self._keep(job, route, result)
                return result
            except ProviderError as error:
                following = _next_route(rest, error, route)
                if following is None or not call.may_begin_again:
                    raise
                call.emit(FallbackEvent(route.name, following.name))
                route, rest = following, rest[rest.index(following) + 1 :]

    async def _ask(self, job: Job, route: Route, call: Call) -> Result:
        """Ask one model as often as the policy allows."""
        if (id(route.adapter), route.model) not in self._prepared:
            await asyncio.get_running_loop().run_in_executor(None, _prepare, route)
            self._prepared.add((id(route.adapter), route.model))
        request, prompt_tokens = await self._fitted(job, route)
        job = replace(job, request=request)
        failures = refusals = 0
        while True:
            try:
                return await self._attempt(job, route, call, prompt_tokens)
            except RefusedFieldError as error:
                refusals += 1
                if refusals > _FIELD_REFUSALS:
                    raise counted(error, refusals) from error.__cause__
            except ProviderError as error:
                failures += 1
                call.last_failure = error.kind
                wait_s = self._wait_before_next(error, failures, call, route)
                call.emit(RetryingEvent(error.kind, wait_s, failures, self.policy.attempts, route.name, str(error)))
                call.enter("retry", route.name)
                await asyncio.sleep(wait_s)

    def _wait_before_next(self, error: ProviderError, failures: int, call: Call, route: Route) -> float:
        """Return the seconds until the next attempt; raise the error when there shall be none."""
        if not error.retryable or failures >= self.policy.attempts or not call.may_begin_again:
            raise counted(error, failures) from error.__cause__
        wait_s = self.policy.wait_s(failures, error.retry_after_s)
        if wait_s is None:
            raise counted(given_up(error, route.target), failures) from error.__cause__
        return wait_s

    async def _attempt(self, job: Job, route: Route, call: Call, prompt_tokens: int) -> Result:
        call.enter("limit", route.name)
        likely = Usage(prompt_tokens, job.request.max_output_tokens or _OUTPUT_GUESS, estimated=True)
        size = likely.input_tokens + likely.output_tokens
        permit = await self.limiter.acquire(route.adapter.provider, job.user, size, route.limits, route.per_user)
        try:
            row = await self.books.open(Entry(job.action, route.tariff, route.model, 1, likely))
        except BaseException:
            await self.limiter.release(permit, 0)
            raise
        attempt = Running(job, route, call, prompt_tokens)
        try:
            await attempt.stream()
        finally:
            await self.books.settle(self._account(attempt, row, permit), hurried=attempt.status == "stopped")
        return attempt.result()

    async def _account(self, attempt: Running, row: int, permit: Permit) -> None:
        """Close the row of an attempt and correct what was booked for it."""
        usage, route = attempt.usage(), attempt.route
        await self.limiter.release(permit, usage.input_tokens + usage.output_tokens)
        cost = NOT_BILLED if usage == Usage() else await self.books.price(route.tariff, route.model, usage)
        record = attempt.record(usage, cost)
        attempt.call.attempted(record)
        await self.books.close(row, record)
        if not usage.estimated and usage.input_tokens:
            self.calibration.learn(route.name, estimate_request(attempt.job.request), usage.input_tokens)

    # --- before the first attempt ---

    async def _fitted(self, job: Job, route: Route) -> tuple[Request, int]:
        """Return a request that fits into the window, and the size of its prompt; refuse one that cannot fit.

        Near the window the provider counts. Where that shows the estimate to have been a little low, less is kept for the answer.
        """
        request = job.request
        corrected = self.calibration.corrected(route.name, estimate_request(request))
        window, kept = route.can.context_window, request.max_output_tokens or 0
        if window is None or with_margin(corrected, request_text(request)) < _NEAR * (window - kept):
            return request, corrected
        exact = await _counted(route, request)
        # An estimate may be off: without a count, only what is certainly too long is refused on this side.
        if (corrected * 0.7 if exact is None else exact) + kept <= window:
            return request, exact or corrected
        left = 0 if exact is None else window - exact - max(16, exact // 100)  # counts are not exact to the last token
        if exact is None or left < _LEAST_KEPT * kept or not _may_be_shorter(job, route):
            raise _too_long(exact or corrected, exact is None, request, window, route)
        return replace(request, max_output_tokens=left), exact

    # --- answers given before ---

    async def _from_store(self, job: Job, call: Call) -> Result | None:
        """Return the answer of an equal request, if there is one; it costs nothing and its row says so."""
        if self._store is None or job.reuse != "use" or job.request.tools:
            return None
        route = job.routes[0]
        key = reuse.key_of(route.adapter.address, route.model, job.request)
        kept = await asyncio.get_running_loop().run_in_executor(None, self._store.get, key)
        events = reuse.from_stored(kept) if kept else None
        if not events:
            return None
        row = await self.books.open(Entry(job.action, replace(route.tariff, is_local=True), route.model, 1))
        for event in events:
            call.add(event)
        attempt = Attempt(route.name, "cached", cost=FROM_CACHE, duration_ms=call.partial().duration_ms)
        call.attempted(attempt)
        await self.books.close(row, attempt, cached=True)
        return replace(call.partial(), finish="complete", cached=True, model=route.name)

    async def _keep(self, job: Job, route: Route, result: Result) -> None:
        """Keep an answer for the next equal request."""
        if self._store is None or job.reuse == "off" or not reuse.is_reusable(job.request, result):
            return
        key = reuse.key_of(route.adapter.address, route.model, job.request)
        store, value = self._store, reuse.to_stored(result)
        try:
            await asyncio.get_running_loop().run_in_executor(None, lambda: store.put(key, value, ttl_s=_TTL_S))
        except RagError as error:
            log.warning("an answer was not kept: %s", error)


def _prepare(route: Route) -> None:
    """Load what the first call needs: SDK and price list."""
    route.adapter.prepare()
    route.adapter.capabilities(route.model)


async def _counted(route: Route, request: Request) -> int | None:
    """Return the provider's own count, None when it keeps none: a call never fails for that."""
    if not route.can.counting:
        return None
    try:
        return await route.adapter.count_tokens(route.model, request)
    except ProviderError as error:
        log.info("%s did not count: %s", route.name, error)
        return None


def _may_be_shorter(job: Job, route: Route) -> bool:
    """Tell whether an answer of fewer tokens is better than none: not where it has to be whole, nor where a larger window waits."""
    window = route.can.context_window or 0
    larger = any((r.can.context_window or 0) > window for r in job.routes[job.routes.index(route) + 1 :])
    return not (larger or job.request.schema or job.request.tools)


def _next_route(routes: Sequence[Route], error: ProviderError, failed: Route) -> Route | None:
    """Return the next model that may do better; after too long a prompt, only one with a larger window."""
    if error.kind not in _FALLBACK_KINDS:
        return None
    if error.kind != "context":
        return routes[0] if routes else None
    window = failed.can.context_window or 0
    return next((r for r in routes if (r.can.context_window or 0) > window), None)


def _too_long(tokens: int, is_estimate: bool, request: Request, window: int, route: Route) -> ProviderError:
    excerpts = sum(len(m.excerpts) for m in request.messages)
    what = f"Question and {excerpts} excerpts" if excerpts else "The request"
    size = f"about {tokens:,}" if is_estimate else f"{tokens:,}"
    more = f" and {request.max_output_tokens:,} are kept for the answer" if request.max_output_tokens else ""
    sentence = (
        f"{what} need {size} tokens{more}, but {route.name} takes {window:,}; use fewer excerpts or a larger model."
    )
    return failure("context", sentence, route.target)
