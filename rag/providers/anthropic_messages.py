"""The Messages API over the `anthropic` SDK: native citations, prompt caching, no sampling parameters.

Raw events are read instead of the SDK's helper, which costs eight times as much a chunk. Anthropic counts cached input apart; here
`Usage.input_tokens` includes it, as everywhere in this project.
"""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rag.providers.adapter import Embedded, Report, StreamWatch, Watch, require_stream
from rag.providers.failures import failure
from rag.providers.masking import quiet_sdks
from rag.providers.messages import (
    CallFinish,
    Capabilities,
    CitedEvent,
    Delta,
    Excerpt,
    Message,
    ModelInfo,
    ReasoningEvent,
    Request,
    ToolCall,
)
from rag.providers.openai_compatible import NO_KEY
from rag.providers.policy import Timeouts
from rag.providers.transport import Pulse, http_client
from rag.providers.wording import Target
from rag.types import TextEvent, Usage

if TYPE_CHECKING:
    import anthropic

KIND: Final = "anthropic"
DEFAULT_OUTPUT_TOKENS: Final = 4096  # the API insists on a limit
_EPHEMERAL: Final = {"type": "ephemeral"}
_FINISHES: Final[Mapping[str, CallFinish]] = {
    "end_turn": "complete", "stop_sequence": "complete", "pause_turn": "complete", "max_tokens": "length",
    "model_context_window_exceeded": "length", "refusal": "refused", "tool_use": "tool_calls",
}  # fmt: skip


class AnthropicMessages:
    """Anthropic, or a server that speaks its format, under one key."""

    def __init__(self, target: Target, timeouts: Timeouts, capabilities: Callable[[str], Capabilities]) -> None:
        self.target = target
        self.capabilities = capabilities
        self._timeouts = timeouts
        self._sdk: anthropic.AsyncAnthropic | None = None
        self._making = threading.Lock()

    @property
    def provider(self) -> str:
        return self.target.provider

    @property
    def address(self) -> str:
        return self.target.base_url

    def prepare(self) -> None:
        self._client()

    def _client(self) -> anthropic.AsyncAnthropic:
        with self._making:
            if self._sdk is None:
                import anthropic
                import anthropic.resources.messages

                quiet_sdks()
                key, url = self.target.secret, self.target.base_url.removesuffix("/").removesuffix("/v1")
                self._sdk = anthropic.AsyncAnthropic(
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
        can = self.capabilities(model)
        fields = _fields(model, request, can)
        fields["max_tokens"] = request.max_output_tokens or min(
            DEFAULT_OUTPUT_TOKENS, can.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        )
        target = replace(self.target, model=model)
        async with StreamWatch(target, self._timeouts, report) as pulse:
            raw = await self._client().messages.create(**fields, stream=True)
            require_stream(raw.response.headers, target)
            if "json" in raw.response.headers.get("content-type", ""):
                sentence = (
                    f"{target.provider} did not stream its answer; check that {target.host} speaks the Messages API."
                )
                raise failure("invalid", sentence, target, status=200)
            report.accepted = True
            report.request_id = raw.response.headers.get("request-id", "")
            async with raw:
                blocks = _Blocks(report, pulse)
                async for event in raw:
                    for delta in blocks.read(event):
                        yield delta

    async def count_tokens(self, model: str, request: Request) -> int:
        async with Watch(replace(self.target, model=model), self._timeouts):
            fields = _fields(model, request, self.capabilities(model))
            return int((await self._client().messages.count_tokens(**fields)).input_tokens)

    # --- the rest ---

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None) -> Embedded:
        target = replace(self.target, model=model)
        sentence = f"{self.provider} makes no vectors; choose an embedding model of another provider."
        raise failure("invalid", sentence, target)

    async def models(self) -> list[ModelInfo]:
        async with Watch(replace(self.target, model="its list of models"), self._timeouts):
            page = await self._client().models.list(limit=100)
            found = [m async for m in page]
        return [_model_info(m) for m in found]


class _Blocks:
    """Puts the content blocks of one answer together; citations leave when the block that they support is complete."""

    def __init__(self, report: Report, pulse: Pulse) -> None:
        self._report, self._pulse = report, pulse
        self._blocks: dict[int, dict[str, Any]] = {}
        self._length = 0
        self._starts: dict[int, int] = {}

    def read(self, event: Any) -> list[Delta]:
        if event.type == "content_block_delta":
            self._pulse.content_came()
            return self._delta(event.index, event.delta)
        if event.type == "content_block_start":
            self._blocks[event.index] = event.content_block.model_dump(exclude_none=True)
            self._starts[event.index] = self._length
            return (
                self._text(event.content_block.text)
                if event.content_block.type == "text" and event.content_block.text
                else []
            )
        if event.type == "content_block_stop":
            return self._close(event.index)
        if event.type == "message_start":
            self._report.served_by = str(getattr(event.message, "model", "") or "")
            self._read_usage(event.message.usage)
        elif event.type == "message_delta":
            self._finish(event)
        return []

    def _delta(self, index: int, delta: Any) -> list[Delta]:
        block = self._blocks.setdefault(index, {"type": "text", "text": ""})
        if delta.type == "text_delta":
            block["text"] = block.get("text", "") + delta.text
            return self._text(delta.text)
        if delta.type == "input_json_delta":
            block["partial"] = block.get("partial", "") + delta.partial_json
        elif delta.type == "citations_delta":
            block.setdefault("citations", []).append(delta.citation.model_dump(exclude_none=True))
        elif delta.type == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta.thinking
            return [ReasoningEvent(delta.thinking)] if delta.thinking else []
        elif delta.type == "signature_delta":
            block["signature"] = block.get("signature", "") + delta.signature
        return []

    def _text(self, text: str) -> list[Delta]:
        self._length += len(text)
        return [TextEvent(text)] if text else []

    def _close(self, index: int) -> list[Delta]:
        block, start = self._blocks.get(index, {}), self._starts.get(index, 0)
        if block.get("type") == "tool_use":
            arguments = block.pop("partial", "") or json.dumps(block.get("input") or {})
            try:
                block["input"] = json.loads(arguments)
            except ValueError:  # the tool loop says so to the model; what is replayed must be an object
                block["input"] = {}
            return [ToolCall(str(block.get("id", "")), str(block.get("name", "")), arguments)]
        return [CitedEvent(_source(c), str(c.get("cited_text") or ""), start) for c in block.get("citations", ())]

    def _finish(self, event: Any) -> None:
        self._read_usage(event.usage)
        if self._report.usage is not None and event.usage is not None and event.usage.output_tokens is not None:
            self._report.usage = replace(self._report.usage, output_tokens=max(0, event.usage.output_tokens))
            self._report.usage_is_complete = True
        if event.delta.stop_reason is None:
            return
        self._report.finish = _FINISHES.get(event.delta.stop_reason, "complete")
        content = [self._blocks[i] for i in sorted(self._blocks)]
        if any(b.get("type") in ("tool_use", "thinking", "redacted_thinking") for b in content):
            self._report.replay = (KIND, content)
        self._pulse.finishing(is_all=self._report.usage_is_complete)

    def _read_usage(self, raw: Any) -> None:
        """Merge the counts of this event: they are cumulative, and the last one may name the output alone."""
        if raw is None:
            return
        old = self._report.usage or Usage()
        counts = [
            getattr(raw, name, None)
            for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        new, read, written = (max(0, c or 0) for c in counts)
        inclusive = new + read + written
        output = getattr(raw, "output_tokens", None) or 0
        details = getattr(raw, "output_tokens_details", None)
        usage = Usage(
            input_tokens=inclusive or old.input_tokens,
            output_tokens=max(0, output) or old.output_tokens,
            cache_read_tokens=read or old.cache_read_tokens,
            cache_write_tokens=written or old.cache_write_tokens,
            reasoning_tokens=getattr(details, "thinking_tokens", None) or old.reasoning_tokens,
        )
        self._report.usage = usage if usage.input_tokens > 0 else None


def _source(citation: Mapping[str, Any]) -> str:
    """Return the excerpt that a citation names. Its index counts over all turns of a conversation; the source is ours."""
    return str(citation.get("source") or citation.get("document_title") or "")


def _model_info(model: Any) -> ModelInfo:
    retires = getattr(model, "retires_at", None)
    return ModelInfo(
        model.id,
        getattr(model, "max_input_tokens", None),
        getattr(model, "max_tokens", None),
        str(retires)[:10] if retires else "",
    )


# --- the request ----------------------------------------------------------------------------------------------------


def _fields(model: str, request: Request, can: Capabilities) -> dict[str, Any]:
    """Return the fields that sending and counting share."""
    cite = can.citations and request.schema is None  # the API refuses citations together with structured output
    fields: dict[str, Any] = {"model": model, "messages": _messages(request.messages, cite)}
    if request.system:
        fields["system"] = [{"type": "text", "text": request.system}]
    if request.tools and can.tools:
        fields["tools"] = [
            {"name": t.name, "description": t.description, "input_schema": dict(t.schema)} for t in request.tools
        ]
        if request.tool_choice != "auto":
            fields["tool_choice"] = {"type": {"required": "any", "none": "none"}[request.tool_choice]}
    config: dict[str, Any] = {}
    if request.schema is not None and can.schema != "none":
        config["format"] = {"type": "json_schema", "schema": dict(request.schema)}
    if request.effort and can.effort:
        config["effort"] = request.effort
    if config:
        fields["output_config"] = config
    if request.cache_prompt and can.prompt_cache == "marked":
        _mark_stable(fields)
    return fields


def _mark_stable(fields: dict[str, Any]) -> None:
    """Set cache breakpoints at the ends of what the next call will send again: tools, system prompt, earlier turns.

    The last message is left out: in a conversation over documents it holds other excerpts every time.
    """
    if fields.get("tools"):
        fields["tools"][-1]["cache_control"] = _EPHEMERAL
    if fields.get("system"):
        fields["system"][-1]["cache_control"] = _EPHEMERAL
    if len(fields["messages"]) > 2:
        last = fields["messages"][-2]["content"][-1]
        if last.get("type") not in ("thinking", "redacted_thinking"):
            last["cache_control"] = _EPHEMERAL


def _messages(messages: Sequence[Message], cite: bool) -> list[dict[str, Any]]:
    """Return the turns; the results of tools that were called together share one, as the API wants it."""
    turns: list[dict[str, Any]] = []
    for before, message in zip([None, *messages], messages, strict=False):
        turn = _message(message, cite)
        if before is not None and before.role == message.role == "tool":
            turns[-1]["content"] += turn["content"]
        else:
            turns.append(turn)
    return turns


def _message(message: Message, cite: bool) -> dict[str, Any]:
    if message.role == "tool":
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text}
        return {"role": "user", "content": [{**block, "is_error": True} if message.is_error else block]}
    if message.role == "assistant":
        return {"role": "assistant", "content": _assistant(message)}
    sources = [_excerpt(e, cite) for e in message.excerpts]
    return {"role": "user", "content": [*sources, {"type": "text", "text": message.text or "…"}]}


def _assistant(message: Message) -> list[dict[str, Any]]:
    if message.replay and message.replay[0] == KIND:
        return [dict(block) for block in message.replay[1] if block.get("type") != "text" or block.get("text")]
    content: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    for call in message.tool_calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            arguments = {}
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return content or [{"type": "text", "text": "…"}]  # an empty turn is refused


def _excerpt(excerpt: Excerpt, cite: bool) -> dict[str, Any]:
    if not cite:
        return {"type": "text", "text": excerpt.as_text()}
    return {
        "type": "search_result",
        "source": excerpt.source,
        "title": excerpt.title or excerpt.source,
        "content": [{"type": "text", "text": excerpt.text}],
        "citations": {"enabled": True},
    }
