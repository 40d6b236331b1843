"""Chat Completions and embeddings over the `openai` SDK, for OpenAI and every server that speaks its format.

Servers differ in optional fields. One that refuses a field with a 400 is asked again without it, and without it from then on; the
runner counts and records that as an attempt like any other.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rag.providers.adapter import Embedded, Report, StreamWatch, Watch, require_stream
from rag.providers.failures import RefusedFieldError, classify
from rag.providers.masking import quiet_sdks
from rag.providers.messages import (
    CallFinish,
    Capabilities,
    Delta,
    Message,
    ModelInfo,
    ReasoningEvent,
    Request,
    Tool,
    ToolCall,
)
from rag.providers.policy import Timeouts
from rag.providers.presets import Quirks
from rag.providers.transport import Pulse, http_client
from rag.providers.wording import Target
from rag.types import TextEvent, Usage

if TYPE_CHECKING:
    import openai

KIND: Final = "openai"
NO_KEY: Final = "none"  # the SDK insists on one; the transport takes it off again
_FINISHES: Final[Mapping[str, CallFinish]] = {
    "stop": "complete", "length": "length", "content_filter": "refused", "tool_calls": "tool_calls", "function_call": "tool_calls",
}  # fmt: skip
_OPTIONAL_FIELDS: Final = (
    "stream_options", "max_completion_tokens", "max_tokens", "temperature", "reasoning_effort", "response_format", "tool_choice",
    "thinking", "encoding_format", "dimensions",
)  # fmt: skip
_REFUSALS: Final = (
    "support",
    "unknown",
    "unrecognized",
    "unexpected",
    "not permitted",
    "not allowed",
    "extra field",
    "extra_forbid",
)


class OpenAICompatible:
    """One OpenAI-compatible provider under one key."""

    def __init__(
        self, target: Target, quirks: Quirks, timeouts: Timeouts, capabilities: Callable[[str], Capabilities]
    ) -> None:
        """`capabilities` is asked with a model's name."""
        self.target = target
        self.capabilities = capabilities
        self._quirks = quirks
        self._timeouts = timeouts
        self._refused: defaultdict[str, set[str]] = defaultdict(set)
        """Optional fields that the server refuses, by model: one may refuse what another needs."""
        self._sdk: openai.AsyncOpenAI | None = None
        self._making = threading.Lock()

    @property
    def provider(self) -> str:
        return self.target.provider

    @property
    def address(self) -> str:
        return self.target.base_url

    def prepare(self) -> None:
        self._client()

    def _client(self) -> openai.AsyncOpenAI:
        with self._making:
            if self._sdk is None:
                import openai
                import openai.resources.chat
                import openai.resources.embeddings

                quiet_sdks()
                key, url = self.target.secret, self.target.base_url
                self._sdk = openai.AsyncOpenAI(
                    api_key=key or NO_KEY,
                    base_url=url,
                    max_retries=0,
                    http_client=http_client(url, key, self._timeouts),
                )
            return self._sdk

    async def close(self) -> None:
        if self._sdk is not None:
            await self._sdk.close()
            self._sdk = None

    # --- chat ---

    async def stream(self, model: str, request: Request, report: Report) -> AsyncGenerator[Delta, None]:
        fields = self._fields(model, request)
        async with StreamWatch(self._about(model), self._timeouts, report) as pulse:
            parts = _Parts(report, pulse)
            try:
                raw = await self._client().chat.completions.create(**fields)
            except Exception as error:
                self._learn(error, fields, model)
                raise
            require_stream(raw.response.headers, self._about(model))
            report.accepted = True
            report.request_id = raw.response.headers.get("x-request-id", "")
            async with raw:
                async for chunk in _chunks(raw):
                    for delta in parts.read(chunk):
                        yield delta
        for call in parts.tool_calls():  # after the watch, which forgives a body that never ends
            yield call

    def _fields(self, model: str, request: Request) -> dict[str, Any]:
        can, quirks = self.capabilities(model), self._quirks
        fields: dict[str, Any] = {"model": model, "messages": _messages(request), "stream": True}
        if quirks.include_usage:
            fields["stream_options"] = {"include_usage": True}
        if request.max_output_tokens:
            fields[quirks.max_tokens_field] = request.max_output_tokens
        if request.temperature is not None and can.sampling:
            fields["temperature"] = request.temperature
        if request.effort and can.effort:
            fields["reasoning_effort"] = request.effort
        if request.tools and can.tools:
            fields["tools"] = [_tool(t) for t in request.tools]
            if request.tool_choice != "auto":
                fields["tool_choice"] = request.tool_choice
        if request.schema is not None and can.schema != "none":
            fields["response_format"] = _response_format(request.schema, can)
        extra = {k: v for k, v in quirks.body.items() if k not in self._refused[model] and not request.effort}
        fields = self._without_refused(fields, request, self._refused[model])
        return {**fields, "extra_body": extra} if extra else fields

    @staticmethod
    def _without_refused(fields: dict[str, Any], request: Request, refused: Set[str]) -> dict[str, Any]:
        kept = {k: v for k, v in fields.items() if k not in refused}
        limits = {"max_tokens", "max_completion_tokens"}
        if request.max_output_tokens and len(limits & refused) == 1 and not limits & kept.keys():
            kept[(limits - refused).pop()] = request.max_output_tokens
        return kept

    def _learn(self, error: Exception, fields: Mapping[str, Any], model: str) -> None:
        """Raise `RefusedFieldError` when the server refused a field that the request can do without."""
        if getattr(error, "status_code", None) not in (400, 422):
            return
        words = f"{getattr(error, 'param', '')} {error}".lower()
        if not any(mark in words for mark in _REFUSALS):
            return
        sent = fields.keys() | (fields.get("extra_body") or {}).keys()
        for name in _OPTIONAL_FIELDS:
            if name in words and name in sent:  # also where another request, sent before that was known, has told it
                self._refused[model].add(name)
                raise RefusedFieldError(classify(error, self._about(model)), name) from error

    def _about(self, model: str) -> Target:
        return replace(self.target, model=model)

    # --- the rest ---

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None) -> Embedded:
        fields: dict[str, Any] = {"model": model, "input": list(texts)}
        if dimensions and "dimensions" not in self._refused[model]:
            fields["dimensions"] = dimensions
        if "encoding_format" not in self._refused[model]:
            fields["encoding_format"] = "float" if self._quirks.embed_float else "base64"
        async with Watch(self._about(model), self._timeouts):
            try:
                reply, headers = await self._embedded(fields)
            except Exception as error:
                self._learn(error, fields, model)
                raise
            rows = _in_order(reply.data or [])
            return Embedded([row.embedding for row in rows], _usage(reply.usage), headers.get("x-request-id", ""))

    async def _embedded(self, fields: dict[str, Any]) -> tuple[Any, Mapping[str, str]]:
        """Return the reply and its headers. The SDK adds an encoding where none is given, so that without one it is sent `fields` as they are."""
        asked = dict(fields)
        if "encoding_format" in fields:
            if fields["encoding_format"] == "base64":
                del asked["encoding_format"]  # then the SDK decodes what it asks for
            raw = await self._client().embeddings.with_raw_response.create(**asked)
            return raw.parse(), raw.headers
        import httpx2
        from openai.types import CreateEmbeddingResponse

        plain = await self._client().post("/embeddings", cast_to=httpx2.Response, body=fields)
        return CreateEmbeddingResponse.model_validate(plain.json()), plain.headers

    async def models(self) -> list[ModelInfo]:
        async with Watch(self._about("its list of models"), self._timeouts):
            page = await self._client().models.list()
            found = [m async for m in page]
        return [ModelInfo(m.id, getattr(m, "context_window", None) or getattr(m, "max_model_len", None)) for m in found]

    async def count_tokens(self, model: str, request: Request) -> int:
        raise ValueError(f"{self.provider} does not count tokens")


def _in_order(rows: Sequence[Any]) -> list[Any]:
    """Return embeddings by their index; servers that number none of them send them in order."""
    ordered = sorted(rows, key=lambda row: row.index or 0)
    numbered = [row.index for row in ordered] == list(range(len(rows)))
    return ordered if numbered or len({row.index for row in rows}) == 1 else []


class _Parts:
    """Puts the chunks of one answer together: text passes through, tool calls come in pieces."""

    def __init__(self, report: Report, pulse: Pulse) -> None:
        self._report, self._pulse = report, pulse
        self._calls: list[dict[str, str]] = []
        self._slots: dict[int, int] = {}
        self._reasoning: list[str] = []

    def read(self, chunk: Any) -> list[Delta]:
        report, deltas = self._report, list[Delta]()
        report.served_by = report.served_by or str(getattr(chunk, "model", "") or "")
        if (usage := _usage(getattr(chunk, "usage", None))) is not None:
            report.usage, report.usage_is_complete = usage, True
        for choice in getattr(chunk, "choices", None) or ():
            delta = choice.delta
            if delta is not None:
                deltas += self._delta(delta)
            if choice.finish_reason:
                report.finish = _FINISHES.get(choice.finish_reason, "complete")
        if report.finish is not None:
            self._pulse.finishing(is_all=report.usage_is_complete)
        elif deltas:
            self._pulse.content_came()
        return deltas

    def _delta(self, delta: Any) -> list[Delta]:
        found: list[Delta] = []
        thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if isinstance(thought, str) and thought:
            self._reasoning.append(thought)
            found.append(ReasoningEvent(thought))
        for text in (delta.content, getattr(delta, "refusal", None)):
            if isinstance(text, str) and text:
                found.append(TextEvent(text))
        for piece in delta.tool_calls or ():
            self._tool_piece(piece)
        return found

    def _tool_piece(self, piece: Any) -> None:
        self._pulse.content_came()
        slot = self._slots.get(piece.index)
        if slot is None or (piece.id and self._calls[slot]["id"] not in ("", piece.id)):
            slot = self._slots[piece.index] = len(self._calls)
            self._calls.append({"id": "", "name": "", "arguments": ""})
        call, function = self._calls[slot], piece.function
        call["id"] = call["id"] or piece.id or ""
        if function is not None:
            call["name"] = call["name"] or function.name or ""
            call["arguments"] += function.arguments or ""

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls of an answer that has ended; some servers end it with "stop" nevertheless."""
        calls = [ToolCall(c["id"] or f"call_{i}", c["name"], c["arguments"]) for i, c in enumerate(self._calls)]
        if calls and self._report.finish == "complete":
            self._report.finish = "tool_calls"
        if calls and self._reasoning:  # DeepSeek wants its thoughts back with the results of its tools
            self._report.replay = (KIND, {"reasoning_content": "".join(self._reasoning)})
        return calls


async def _chunks(raw: Any) -> AsyncIterator[Any]:
    """Yield the chunks of a stream. A server that answered in one piece after all is read as one chunk."""
    if "json" not in raw.response.headers.get("content-type", ""):
        async for chunk in raw:
            yield chunk
        return
    body = json.loads(await raw.response.aread())
    if not isinstance(body, dict) or body.get("error") or not body.get("choices"):
        import openai

        raise openai.APIError(str(body)[:300], request=raw.response.request, body=body)
    from openai.types.chat import ChatCompletionChunk

    for choice in body["choices"]:
        choice["delta"] = choice.pop("message", None) or {}
        for i, call in enumerate(choice["delta"].get("tool_calls") or ()):
            call.setdefault("index", i)
    yield ChatCompletionChunk.model_validate(
        {"id": "", "created": 0, "model": "", **body, "object": "chat.completion.chunk"}
    )


def _usage(raw: Any) -> Usage | None:
    """Return usage as reported, None when there is none or when it cannot be true (zero or negative)."""
    if raw is None:
        return None
    asked, written = getattr(raw, "prompt_tokens", None) or 0, getattr(raw, "completion_tokens", None) or 0
    if asked <= 0 or written < 0:
        return None
    into, out = getattr(raw, "prompt_tokens_details", None), getattr(raw, "completion_tokens_details", None)
    hit = getattr(into, "cached_tokens", None) or getattr(raw, "prompt_cache_hit_tokens", None) or 0
    return Usage(
        input_tokens=asked,
        output_tokens=written,
        cache_read_tokens=min(asked, max(0, hit)),
        cache_write_tokens=max(0, getattr(into, "cache_write_tokens", None) or 0),
        reasoning_tokens=min(written, max(0, getattr(out, "reasoning_tokens", None) or 0)),
    )


def _messages(request: Request) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *(_message(m) for m in request.messages)]


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    if message.role == "assistant":
        calls = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments or "{}"}}
            for c in message.tool_calls
        ]
        kept = message.replay[1] if message.replay and message.replay[0] == KIND else {}
        return {
            "role": "assistant",
            "content": message.text or (None if calls else "…"),  # an empty turn is refused
            **({"tool_calls": calls} if calls else {}),
            **kept,
        }
    return {"role": "user", "content": "\n\n".join([*(e.as_text() for e in message.excerpts), message.text])}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}
    return {"type": "function", "function": function}


def _response_format(schema: Mapping[str, Any], can: Capabilities) -> dict[str, Any]:
    if can.schema == "object":
        return {"type": "json_object"}
    name = "".join(c if c.isalnum() else "_" for c in str(schema.get("title") or "answer"))[:60]
    return {"type": "json_schema", "json_schema": {"name": name, "schema": dict(schema), "strict": is_strict(schema)}}


def is_strict(schema: Any) -> bool:
    """Tell whether a schema keeps OpenAI's rules for strict output: every object closed and all of its fields required."""
    if isinstance(schema, Mapping):
        fields = schema.get("properties")
        if isinstance(fields, Mapping):
            closed = schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(fields)
            return closed and all(is_strict(v) for v in fields.values())
        return all(is_strict(v) for v in schema.values())
    return not isinstance(schema, list) or all(is_strict(v) for v in schema)
