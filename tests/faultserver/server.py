"""A provider that fails by script, over real HTTP, with its own account of what was asked and what was used.

The fault is in the model's name: `STEP;STEP;…`, one step a request, the last one repeated. A step is `NAME` or `NAME?key=value&…`:
`429?retry=0.05;ok` refuses the first request of that model and answers the second. `FaultServer.replies` sets the texts of a model.

Steps: ok, an HTTP status (`401`, `500`, …), quota, spend, param, context, missing, redirect, refuse_field, close, reset, slow, slow_body,
stall, pings, cut, cut_bytes, early_end, garbage, html, gzip, big_line, overload, error, json, empty, blank, thoughts, length, refusal,
tool, no_done. Embeddings: ok, wrong_count, wrong_dimension, nan, zeros, reorder, limit.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time
from typing import Any
from urllib.parse import parse_qsl

from tests.faultserver import wire

REQUEST_ID = "req_test123"
_TOLD_WITH = 2
"""The event that tells the usage, counted from the end, in either format."""


@dataclass
class Exchange:
    """One request as the server saw it."""

    path: str
    model: str
    step: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float
    status: int = 0
    input_tokens: int = 0
    """What was reported to the client in full; 0 when nothing was."""
    output_tokens: int = 0
    reported: bool = False
    served: bool = False
    """A model began to work, so that the provider may bill."""
    broken: bool = False
    """The client went away before the end."""


@dataclass
class Step:
    name: str
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Step:
        name, _, options = text.partition("?")
        return cls(name, dict(parse_qsl(options, keep_blank_values=True)))

    def number(self, key: str, default: float) -> float:
        return float(self.options.get(key, default))


class GoneError(Exception):
    """The script wants the connection closed."""


class FaultServer:
    """`with FaultServer() as server:` then talk to `server.openai_url` or `server.anthropic_url`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.exchanges: list[Exchange] = []
        self.replies: dict[str, Sequence[str | wire.Calls]] = {}
        """What a model answers with, one a request, the last one repeated: a text, or `wire.calls` of tools."""
        self.minds: dict[str, Callable[[dict[str, Any]], str | wire.Calls]] = {}
        """Models that make their answer of the request that they get; they go before `replies`."""
        self.models: list[str] = ["ok", "small", "large"]
        self.dimension = 8
        self.weights = ""
        """Of the embedding model: others make other vectors."""
        self.at_once = self.most_at_once = 0
        """Requests under way."""
        self._counts: Counter[str] = Counter()
        self._tls = tls
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def __enter__(self) -> FaultServer:
        self._thread = threading.Thread(target=self._serve, name="fault-server", daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def host_url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        return f"{self.host_url}/v1"

    @property
    def anthropic_url(self) -> str:
        return self.host_url

    def of(self, model: str) -> list[Exchange]:
        """Return the exchanges with that model, in order."""
        return [e for e in self.exchanges if e.model == model]

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._tls))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    # --- HTTP ---

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader)) is not None:
                method, path, headers, body = request
                await self._exchange(method, path, headers, body, Reply(reader, writer))
        except (GoneError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any], reply: Reply
    ) -> Exchange:
        model = str(body.get("model", ""))
        steps = model.split("/")[-1].split(";")
        number, self._counts[path + model] = self._counts[path + model], self._counts[path + model] + 1
        step = steps[min(number, len(steps) - 1)]
        exchange = Exchange(path, model, step, body, headers, time())
        self.exchanges.append(exchange)
        reply.exchange = exchange
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._route(method, path, Step.parse(step), exchange, reply, number)
        except ConnectionError:
            exchange.broken = True
            raise
        finally:
            self.at_once -= 1
        return exchange

    async def _route(self, method: str, path: str, step: Step, exchange: Exchange, reply: Reply, number: int) -> None:
        if path.endswith("/models") and method == "GET":
            data = [{"id": m, "object": "model", "type": "model", "created": 1, "owned_by": "us", "display_name": m, "created_at": "2026-01-01T00:00:00Z"} for m in self.models]  # fmt: skip
            await reply.send(200, json.dumps({"object": "list", "data": data, "has_more": False}).encode())
        elif path.endswith("/count_tokens"):
            await reply.send(200, json.dumps({"input_tokens": len(json.dumps(exchange.body)) // 4}).encode())
        elif path.endswith("/embeddings"):
            await self._embeddings(step, exchange, reply)
        elif path.endswith(("/chat/completions", "/messages")):
            texts = self.replies.get(exchange.model)
            text = texts[min(number, len(texts) - 1)] if texts else None
            if (mind := self.minds.get(exchange.model)) is not None:
                text = mind(exchange.body)
            await Chat(step, exchange, reply, path.endswith("/messages"), text).run()
        else:
            await reply.send(404, b"<html>no such page</html>", {"content-type": "text/html"})

    async def _embeddings(self, step: Step, exchange: Exchange, reply: Reply) -> None:
        texts = exchange.body["input"]
        if await Chat(step, exchange, reply, False, None).refused():
            return
        most = int(step.number("limit", step.number("max", math.inf))) if step.name == "limit" else len(texts)
        if len(texts) > most:
            await reply.send(
                413, wire.openai_error(413, "invalid_request_error", None, f"too many inputs: {len(texts)} > {most}")
            )
            return
        if any(len(text) > step.number("chars", math.inf) for text in texts):
            await reply.send(400, wire.openai_error(400, "invalid_request_error", None, "input exceeds the context"))
            return
        count = len(texts) - 1 if step.name == "wrong_count" else len(texts)
        size = (
            self.dimension + 1
            if step.name == "wrong_dimension"
            else int(exchange.body.get("dimensions", self.dimension))
        )
        rows = [
            {"object": "embedding", "index": i, "embedding": _vector(self.weights + texts[i], size, step.name)}
            for i in range(count)
        ]
        if step.name == "reorder":
            random.Random(1).shuffle(rows)
        tokens = sum(len(t.split()) + 1 for t in texts)
        body: dict[str, Any] = {"object": "list", "data": rows, "model": exchange.model}
        exchange.served = True
        if step.options.get("usage") != "none":
            exchange.input_tokens, exchange.reported = tokens, True
            body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        await reply.send(200, json.dumps(body).encode())


def _vector(text: str, size: int, name: str) -> list[float]:
    if name == "zeros":
        return [0.0] * size
    draw = random.Random(text)
    values = [draw.uniform(-1, 1) for _ in range(size)]
    if name == "nan":
        values[0] = math.nan
    return values


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], dict[str, Any]] | None:
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (raw := (await reader.readline()).strip()) != b"":
        name, _, value = raw.decode().partition(":")
        headers[name.lower()] = value.strip()
    size = int(headers.get("content-length", 0))
    data = await reader.readexactly(size) if size else b""
    return method, path.split("?")[0], headers, json.loads(data) if data else {}


class Reply:
    """Writes to one connection, as badly as asked."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.exchange: Exchange | None = None

    async def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        await self.head(
            status, {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        )
        await self.raw(body)

    async def head(self, status: int, headers: dict[str, str]) -> None:
        if self.exchange is not None:
            self.exchange.status = status
        lines = [f"HTTP/1.1 {status} X", f"x-request-id: {REQUEST_ID}", f"request-id: {REQUEST_ID}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def begin_stream(self) -> None:
        await self.head(200, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"})

    async def chunk(self, data: bytes) -> None:
        await self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end_stream(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def gone(self) -> None:
        raise GoneError

    def reset(self) -> None:
        """Close with a TCP reset instead of an orderly end."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise GoneError

    async def watch_client(self, seconds: float) -> None:
        """Wait, but notice when the client hangs up."""
        until = time() + seconds
        while time() < until:
            await asyncio.sleep(0.005)
            if self._reader.at_eof() or self._writer.transport.is_closing():
                raise ConnectionResetError


class Chat:
    """One chat request, in either format."""

    def __init__(
        self, step: Step, exchange: Exchange, reply: Reply, is_anthropic: bool, said: str | wire.Calls | None
    ) -> None:
        self.step, self.exchange, self.reply, self.is_anthropic = step, exchange, reply, is_anthropic
        self.answer = self._answer(said)

    def _answer(self, said: str | wire.Calls | None) -> wire.Answer:
        step = self.step
        text = said.text if isinstance(said, wire.Calls) else said
        pieces = (
            wire.words(int(step.number("n", 12))) if text is None else [text[i : i + 7] for i in range(0, len(text), 7)]
        )
        answer = wire.Answer(pieces, usage=step.options.get("usage", "last"))
        answer.input_tokens = int(step.number("in", 20 + len(json.dumps(self.exchange.body)) // 4))
        answer.cached_tokens = int(step.number("cached", 0))
        answer.written_tokens = int(step.number("written", 0))
        if step.name == "empty":
            answer.pieces = []
        elif step.name == "blank":
            answer.pieces = [" ", "\n"]
        elif step.name == "thoughts":
            answer.pieces, answer.reasoning = [], ["hmm ", "well"]
        elif step.name == "length":
            answer.finish = "length"
        elif step.name == "refusal":
            answer.finish = "content_filter"
        elif step.name == "tool":
            answer.pieces, answer.finish = [], "tool_calls"
            answer.tools = [(step.options.get("name", "search"), step.options.get("args", '{"query": "x"}'))]
        if isinstance(said, wire.Calls):
            answer.tools, answer.finish = said.calls, "tool_calls"
        if "reasoning" in step.options:
            answer.reasoning = ["let me ", "see"]
        if "cite" in step.options:
            answer.cited = step.options["cite"], step.options.get("quote", "quoted words")
        answer.output_tokens = int(
            step.number("out", len(answer.pieces) + len(answer.reasoning) + 5 * len(answer.tools))
        )
        return answer

    def events(self) -> list[bytes]:
        make = wire.anthropic_stream if self.is_anthropic else wire.openai_stream
        return make(self.exchange.model, self.answer)

    async def run(self) -> None:
        if await self.refused():
            return
        special: Callable[[], Any] | None = getattr(self, f"_do_{self.step.name}", None)
        self.exchange.served = True
        if special is not None:
            await special()
        else:
            await self._stream()

    # --- refusals: an HTTP status instead of an answer ---

    async def refused(self) -> bool:
        name, step = self.step.name, self.step
        if name.isdigit():
            await self._status(int(name), step)
        elif name == "quota":
            await self._error(
                429,
                "insufficient_quota",
                "insufficient_quota",
                "You exceeded your current quota.",
                anthropic="billing_error",
            )
        elif name == "spend":
            await self._error(429, "rate_limit_error", "enforced_spend_limit_reached", "Your monthly limit is reached.")
        elif name == "param":
            await self._error(
                400, "invalid_request_error", "unsupported_value", "Invalid value for 'top_logprobs': 99."
            )
        elif name == "context":
            await self._error(
                400,
                "invalid_request_error",
                "context_length_exceeded",
                "prompt is too long: 210000 tokens > 200000 maximum",
            )
        elif name == "missing":
            await self._error(404, "not_found_error", "model_not_found", "The model `x` does not exist.")
        elif name == "page404":
            await self.reply.send(404, b"<html>nothing here</html>", {"content-type": "text/html"})
        elif name == "redirect":
            await self.reply.send(307, b"", {"location": step.options.get("to", "http://127.0.0.1:9/elsewhere")})
        elif name == "refuse_field" and step.options["field"] in self.exchange.body:
            await asyncio.sleep(step.number("s", 0))
            await self._error(
                400,
                "invalid_request_error",
                "unsupported_parameter",
                f"Unsupported parameter: '{step.options['field']}'.",
            )
        elif name == "close":
            self.reply.gone()
        elif name == "reset":
            self.reply.reset()
        elif name == "slow":
            await self.reply.watch_client(step.number("s", 30))
            return False
        else:
            return False
        return True

    async def _status(self, status: int, step: Step) -> None:
        kinds = {401: "authentication_error", 403: "permission_error", 402: "billing_error", 413: "request_too_large", 529: "overloaded_error", 429: "rate_limit_error"}  # fmt: skip
        headers: dict[str, str] = {}
        if "retry" in step.options:
            headers["retry-after"] = step.options["retry"]
        if "date" in step.options:
            headers["retry-after"] = formatdate(time() + step.number("date", 0), usegmt=True)
        if "ms" in step.options:
            headers["retry-after-ms"] = step.options["ms"]
        if step.options.get("body") == "html":
            await self.reply.send(
                status, b"<html><h1>Bad gateway</h1></html>", {"content-type": "text/html", **headers}
            )
            return
        key = self.exchange.headers.get("authorization", "") if "echo" in step.options else ""
        await self._error(
            status, kinds.get(status, "api_error"), None, f"Refused with {status}. {key}".strip(), headers=headers
        )

    async def _error(
        self,
        status: int,
        kind: str,
        code: str | None,
        message: str,
        *,
        anthropic: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        if self.is_anthropic:
            body = wire.anthropic_error(status, anthropic or kind, message, code)
        else:
            body = wire.openai_error(status, kind, code, message)
        await self.reply.send(status, body, headers)

    # --- answers ---

    async def _stream(self, *, until: int | None = None, finish: bool = True) -> None:
        events = self.events()
        await self.reply.begin_stream()
        delay = self.step.number("delay", 0)
        for number, event in enumerate(events[:until]):
            if finish and number == len(events) - _TOLD_WITH:
                self._report()  # before it goes out: whoever hears it and leaves at once was told
            await self.reply.chunk(event)
            if delay:
                await self.reply.watch_client(delay)
        if finish:
            await self.reply.end_stream()

    def _report(self) -> None:
        if self.answer.usage == "last":
            exchange, answer = self.exchange, self.answer
            exchange.input_tokens, exchange.output_tokens, exchange.reported = (
                answer.input_tokens,
                answer.output_tokens,
                True,
            )

    @property
    def _after(self) -> int:
        """How many events are sent before the fault; past the opening ones, so that text was seen."""
        return int(self.step.number("after", 6))

    async def _do_slow_body(self) -> None:
        await self.reply.begin_stream()
        await self.reply.watch_client(self.step.number("s", 30))
        for event in self.events():
            await self.reply.chunk(event)
        self._report()
        await self.reply.end_stream()

    async def _do_stall(self) -> None:
        await self._stream(until=self._after, finish=False)
        await self.reply.watch_client(self.step.number("s", 30))
        self.reply.gone()

    async def _do_pings(self) -> None:
        """Send keep-alives for a while, then the answer."""
        await self.reply.begin_stream()
        until = time() + self.step.number("s", 1)
        while time() < until:
            await self.reply.chunk(wire.sse({"type": "ping"}, "ping") if self.is_anthropic else b": keep-alive\n\n")
            await self.reply.watch_client(0.02)
        for event in self.events():
            await self.reply.chunk(event)
        self._report()
        await self.reply.end_stream()

    async def _do_cut(self) -> None:
        """Close the connection inside the body."""
        await self._stream(until=self._after, finish=False)
        self.reply.gone()

    async def _do_rst(self) -> None:
        await self._stream(until=self._after, finish=False)
        await asyncio.sleep(0.05)  # what was sent shall arrive before the reset wipes it
        self.reply.reset()

    async def _do_cut_bytes(self) -> None:
        """Cut a good stream after so many bytes, wherever that is; cleanly with `clean`."""
        await self.reply.begin_stream()
        await self.reply.chunk(b"".join(self.events())[: int(self.step.number("at", 700))])
        if "clean" in self.step.options:
            await self.reply.end_stream()
        else:
            self.reply.gone()

    async def _do_early_end(self) -> None:
        await self._stream(until=self._after, finish=False)
        await self.reply.end_stream()

    async def _do_no_done(self) -> None:
        """Send everything but the end of the body."""
        await self._stream(until=-1, finish=False)
        self._report()
        await self.reply.watch_client(self.step.number("s", 30))
        self.reply.gone()

    async def _do_garbage(self) -> None:
        events = self.events()
        await self.reply.begin_stream()
        for event in events[: self._after]:
            await self.reply.chunk(event)
        await self.reply.chunk(
            wire.sse('{"choices": [{"delta": {"content": "x', "content_block_delta" if self.is_anthropic else "")
        )
        await self.reply.end_stream()

    async def _do_html(self) -> None:
        self.exchange.served = False
        await self.reply.send(200, b"<html><form>Please log in</form></html>", {"content-type": "text/html"})

    async def _do_gzip(self) -> None:
        body = gzip.compress(b"".join(self.events()))
        headers = {"content-type": "text/event-stream", "content-encoding": "gzip", "transfer-encoding": "chunked"}
        await self.reply.head(200, headers)
        await self.reply.chunk(body[: len(body) // 2])
        await self.reply.end_stream()

    async def _do_big_line(self) -> None:
        await self.reply.begin_stream()
        await self.reply.chunk(b"data: ")
        for _ in range(10):
            await self.reply.chunk(b"x" * 2**20)
        await self.reply.end_stream()

    async def _do_overload(self) -> None:
        """Fail inside a 200 stream."""
        await self._in_band("overloaded_error", "Overloaded")

    async def _do_error(self) -> None:
        await self._in_band("api_error", "Internal error")

    async def _in_band(self, kind: str, message: str) -> None:
        await self._stream(until=int(self.step.number("after", 0)), finish=False)
        error = {"type": kind, "message": message, "code": None}
        data = {"type": "error", "error": error} if self.is_anthropic else {"error": error}
        await self.reply.chunk(wire.sse(data, "error" if self.is_anthropic else ""))
        await self.reply.end_stream()

    async def _do_json(self) -> None:
        """Answer in one piece although a stream was asked for."""
        self._report()
        await self.reply.send(200, wire.openai_json(self.exchange.model, self.answer))
