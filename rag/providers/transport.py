"""The HTTP client under both SDKs: one address, one key, and a pulse that tells how long ago something came.

Both SDKs read addresses, headers and organisations from the environment, and follow redirects. Here a request leaves only for the
host that the key was entered for, with headers that the SDKs are known to need, and a redirect is an answer like any other.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rag.errors import ProviderError
from rag.providers.policy import Timeouts

if TYPE_CHECKING:
    import httpx2

_HEADERS: Final = frozenset(
    "accept accept-encoding anthropic-version anthropic-beta authorization connection content-length content-type host "
    "idempotency-key transfer-encoding user-agent".split()
)
_LINE_LIMIT_BYTES: Final = 4 * 1024 * 1024  # of an event stream: no event of a chat is longer, a hostile line may be
_BODY_LIMIT_BYTES: Final = 512 * 1024 * 1024


class Pulse:
    """The time limits of one attempt, pushed back by every piece of the reply.

    Use `scope` around the attempt: it raises `TimeoutError` when a limit has passed, and `phase` then says which.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.phase = "first byte"
        self.scope = asyncio.timeout(timeouts.first_byte_s)
        self._loop = asyncio.get_running_loop()
        self._content_at = self._loop.time()

    def bytes_came(self) -> None:
        """Wait for the next piece from now on, unless keep-alives are all that came for too long."""
        if self.phase != "closing":
            limit = self._content_at + self.timeouts.silence_s
            self._due(min(self._loop.time() + self.limit_s, limit))

    def content_came(self) -> None:
        """The model has begun: a model that thinks first is given longer until here."""
        self._content_at = self._loop.time()
        if self.phase == "first byte":
            self.phase = "stream"
            self._due(self._content_at + self.limit_s)

    def finishing(self, *, is_all: bool) -> None:
        """The model said that it has finished: the rest is formalities, which some servers never complete.

        With `is_all` not even the usage is missing any more.
        """
        self.phase = "closing"
        self._due(self._loop.time() + min(self.timeouts.closing_s, 0.5 if is_all else self.timeouts.closing_s))

    def _due(self, when: float) -> None:
        if not self.scope.expired():
            self.scope.reschedule(when)

    @property
    def limit_s(self) -> float:
        """The limit that holds in the present phase."""
        return self.timeouts.first_byte_s if self.phase == "first byte" else self.timeouts.between_chunks_s


current_pulse: ContextVar[Pulse | None] = ContextVar("current_pulse", default=None)


def is_loopback(base_url: str) -> bool:
    """Tell whether the address is this very machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def http_client(base_url: str, key: str, timeouts: Timeouts) -> httpx2.AsyncClient:
    """Return a client that talks to the host of `base_url` alone, with `key` as its bearer token.

    The system's proxy is used except for this machine itself. Connections are kept for the next call.
    """
    import httpx2

    target = httpx2.URL(base_url)

    async def check(request: httpx2.Request) -> None:
        if (request.url.scheme, request.url.host, request.url.port) != (target.scheme, target.host, target.port):
            raise ProviderError(
                "invalid", f"A call to {request.url.host} was not made: the key belongs to {target.host}."
            )
        for name in [n for n in request.headers if n not in _HEADERS and not n.startswith("x-stainless-")]:
            del request.headers[name]
        if key:
            request.headers["authorization"] = f"Bearer {key}"
        else:
            request.headers.pop("authorization", None)

    async def watch(response: httpx2.Response) -> None:
        pulse = current_pulse.get()
        if pulse is not None:
            is_stream = "event-stream" in response.headers.get("content-type", "")
            response.stream = _watched_class()(response.stream, pulse.bytes_came, is_stream)

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=timeouts.connect_s, write=30.0),
        limits=httpx2.Limits(max_connections=200, max_keepalive_connections=40),
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
        event_hooks={"request": [check], "response": [watch]},
    )


@lru_cache(maxsize=1)
def _watched_class() -> Any:
    """Return the class of a body that reports each piece; made late, because it derives from a vendor's."""
    import httpx2

    class Watched(httpx2.AsyncByteStream):
        def __init__(self, inner: Any, on_bytes: Callable[[], None], is_stream: bool) -> None:
            self._inner, self._on_bytes, self._is_stream = inner, on_bytes, is_stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            total = line = 0
            async for piece in self._inner:
                self._on_bytes()
                total += len(piece)
                cut = piece.rfind(b"\n")
                line = line + len(piece) if cut < 0 else len(piece) - cut - 1
                if total > _BODY_LIMIT_BYTES or (self._is_stream and line > _LINE_LIMIT_BYTES):
                    raise ProviderError("server", "The provider sent far more than an answer can be; ask again.")
                yield piece

        async def aclose(self) -> None:
            await self._inner.aclose()

    return Watched
