"""The port to a vendor's wire format: one attempt, no retry, no limits, no ledger. Those are the runner's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from rag.errors import ProviderError
from rag.providers.failures import classify, failure
from rag.providers.messages import CallFinish, Capabilities, Delta, ModelInfo, Request
from rag.providers.policy import Timeouts
from rag.providers.transport import Pulse, current_pulse
from rag.providers.wording import SETTINGS, Target
from rag.types import Usage


@dataclass(slots=True)
class Report:
    """What an attempt knows of itself, filled in while it runs, so that a stopped one can still be accounted for."""

    usage: Usage | None = None
    """As the provider reported it; None until it did, and when what it reported cannot be true."""
    usage_is_complete: bool = False
    """Holds the output as well: Anthropic tells the input at the beginning and the output at the end."""
    finish: CallFinish | None = None
    """None until the model said why it ended: a stream that closes before that was cut off."""
    request_id: str = ""
    served_by: str = ""
    replay: tuple[str, Any] | None = None
    accepted: bool = False
    """The provider began to answer, so that it may bill even an attempt that fails."""


@dataclass(slots=True)
class Embedded:
    """Vectors of one batch as they came, in the order of its texts."""

    vectors: list[list[float]] = field(repr=False)
    usage: Usage | None
    request_id: str = ""


class Adapter(Protocol):
    """One provider under one key. Every method runs on the runner's loop and raises `ProviderError`."""

    @property
    def provider(self) -> str:
        """Name under which the user configured it."""
        ...

    @property
    def address(self) -> str:
        """Base URL: part of what makes two calls the same."""
        ...

    @property
    def target(self) -> Target:
        """What sentences may name; its model is empty."""
        ...

    @property
    def capabilities(self) -> Callable[[str], Capabilities]:
        """Asked with the name of a model."""
        ...

    def prepare(self) -> None:
        """Load the SDK and make the client, which takes a second the first time; from any thread."""
        ...

    def stream(self, model: str, request: Request, report: Report) -> AsyncGenerator[Delta, None]:
        """Yield the pieces of one answer and fill in `report`; ends when the body ends, complete or not."""
        ...

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None) -> Embedded: ...

    async def models(self) -> list[ModelInfo]: ...

    async def count_tokens(self, model: str, request: Request) -> int:
        """Return the exact size of the request's prompt; only where `Capabilities.counting`."""
        ...

    async def close(self) -> None: ...


def require_stream(headers: Mapping[str, str], target: Target) -> None:
    """Raise when what came with a 200 is a web page, such as the login page of a network."""
    if "html" in headers.get("content-type", ""):
        sentence = (
            f"{target.provider} sent a web page instead of an answer; check its base URL ({target.host}) in {SETTINGS}."
        )
        raise failure("invalid", sentence, target, status=200)


class Watch:
    """Run one exchange under time limits, and let whatever goes wrong leave as a `ProviderError`."""

    def __init__(self, target: Target, timeouts: Timeouts) -> None:
        self._target = target
        self._pulse = Pulse(timeouts)

    async def __aenter__(self) -> Pulse:
        self._token = current_pulse.set(self._pulse)
        await self._pulse.scope.__aenter__()
        return self._pulse

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        error = await self._leave(kind, error, trace)
        del trace  # this frame is part of what is raised: with it the readers of the reply would stay, open
        if isinstance(error, Exception):
            self._translate(error)

    async def _leave(self, kind: Any, error: BaseException | None, trace: Any) -> BaseException | None:
        """End the time limits; return what went wrong, a limit that has passed included."""
        current_pulse.reset(self._token)
        try:
            await self._pulse.scope.__aexit__(kind, error, trace)
        except TimeoutError as late:
            return late
        return error

    def _translate(self, error: Exception) -> NoReturn:
        if self._pulse.scope.expired():
            raise self._too_late() from None
        found = classify(error, self._target)
        raise found from found.__cause__

    def _too_late(self) -> ProviderError:
        name, model, limit_s = self._target.provider, self._target.model, self._pulse.limit_s
        if self._pulse.phase == "first byte":
            sentence = (
                f"{name} did not begin to answer for {model} within {limit_s:g} s; ask again or choose another model."
            )
        else:
            sentence = f"{name} stopped sending for {limit_s:g} s while {model} answered; what came is kept, ask again for the whole."
        return ProviderError("timeout", sentence, provider=name, model=model)


class StreamWatch(Watch):
    """The same for a stream: once the model has said its end, a connection that breaks or never closes changes nothing."""

    def __init__(self, target: Target, timeouts: Timeouts, report: Report) -> None:
        super().__init__(target, timeouts)
        self._report = report

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:  # type: ignore[override]  # may swallow
        error = await self._leave(kind, error, trace)
        del trace
        if isinstance(error, Exception) and self._report.finish is None:
            self._translate(error)
        return isinstance(error, Exception)
