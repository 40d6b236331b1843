"""A bench for the provider layer: the fault server, both adapters, a runner with short patience, and a ledger in memory."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rag.errors import RagError
from rag.providers import presets
from rag.providers.adapter import Adapter
from rag.providers.anthropic_messages import AnthropicMessages
from rag.providers.attempts import Job, Route
from rag.providers.books import Books
from rag.providers.calls import Call
from rag.providers.loop import submit
from rag.providers.messages import Message, Request, Result, StreamEvent
from rag.providers.openai_compatible import OpenAICompatible
from rag.providers.policy import RetryPolicy, Timeouts
from rag.providers.prices import PriceBook, Tariff
from rag.providers.runner import Runner
from rag.providers.wording import Target
from tests.faultserver import FaultServer

KEY = "sk-canary-7f3a9c1e5b8d2460-end9"
PATIENT = Timeouts(connect_s=10, first_byte_s=10, between_chunks_s=10, silence_s=20, closing_s=3.0)
"""A loaded machine is not a fault."""
HURRIED = Timeouts(connect_s=1.0, first_byte_s=0.4, between_chunks_s=0.3, silence_s=0.8, closing_s=0.1)
"""For the tests of these very limits."""
POLICY = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.02)
T = TypeVar("T")
WIRES = ("openai", "anthropic")


def on_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives, on a loop of its own: this thread may have one already, left by a browser test."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Row:
    """One row of the ledger."""

    action: str
    provider: str
    model: str
    items: int
    closed: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["closed"][name]
        except KeyError:
            raise AttributeError(name) from None


class Rows:
    """A ledger in memory that insists on its own rules: a row is closed once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._lock = threading.Lock()

    def start(self, action: str, provider: str, model: str, *, items: int = 0, admit: Any = None, **more: Any) -> int:
        with self._lock:
            if admit is not None:
                admit()
            self.rows.append(Row(action, provider, model, items))
            return len(self.rows) - 1

    def finish(self, id: int, **fields: Any) -> None:
        with self._lock:
            assert self.rows[id].closed == {}, "a row was closed twice"
            self.rows[id].closed = fields

    def of(self, model: str) -> list[Row]:
        return [r for r in self.rows if r.model == model]


@dataclass
class Bench:
    server: FaultServer
    rows: Rows
    runner: Runner
    adapters: dict[str, Adapter]
    _number: Any = field(default_factory=itertools.count)

    def hurry(self) -> None:
        """Make the time limits so short that a test can wait for them."""
        close(self)
        urls = {"openai": self.server.openai_url, "anthropic": self.server.anthropic_url}
        self.adapters = {wire: make_adapter(wire, url, timeouts=HURRIED) for wire, url in urls.items()}

    def route(self, wire: str, model: str, **more: Any) -> Route:
        return Route(self.adapters[wire], model, Tariff(wire, wire), **more)

    def call(self, wire: str, model: str, *, fallback: tuple[Route, ...] = (), **more: Any) -> Call:
        """Begin a call whose model name is the fault server's script."""
        request = {k: more.pop(k) for k in tuple(more) if k in Request.__slots__}
        messages = request.pop("messages", (Message("user", "What does the report say?"),))
        asked = Request(f"{wire}/{model}", messages, **request)
        return self.runner.start(Job(asked, (self.route(wire, model), *fallback), **more))

    def run(self, wire: str, model: str, **more: Any) -> Outcome:
        """Run a call to its end, whatever that is."""
        return follow(self.call(wire, model, **more))


@dataclass
class Outcome:
    call: Call
    events: list[StreamEvent]
    error: RagError | None

    @property
    def result(self) -> Result:
        return self.call.result

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]


def follow(call: Call) -> Outcome:
    events: list[StreamEvent] = []
    try:
        for event in call:
            events.append(event)
    except RagError as error:
        return Outcome(call, events, error)
    return Outcome(call, events, None)


def make_adapter(wire: str, url: str, *, key: str = KEY, name: str = "", timeouts: Timeouts = PATIENT) -> Adapter:
    target = Target(name or wire, "", url, key[-4:], key)
    if wire == "anthropic":
        return AnthropicMessages(target, timeouts, lambda model: presets.capabilities("anthropic", model))
    quirks = presets.quirks("openai", url)
    return OpenAICompatible(target, quirks, timeouts, lambda model: presets.capabilities("openai", model))


def make_bench(server: FaultServer, **runner: Any) -> Bench:
    rows = Rows()
    urls, timeouts = {"openai": server.openai_url, "anthropic": server.anthropic_url}, runner.pop("timeouts", PATIENT)
    adapters = {wire: make_adapter(wire, url, timeouts=timeouts) for wire, url in urls.items()}
    gate = runner.pop("gate", None)
    books = Books(rows, PriceBook(), gate) if gate else Books(rows, PriceBook())
    return Bench(server, rows, Runner(books, **{"policy": POLICY, **runner}), adapters)


def close(bench: Bench) -> None:
    for adapter in bench.adapters.values():
        submit(adapter.close()).result(60)
