"""What a well-behaved provider would send, piece by piece, in each of the two formats."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

WORDS = "Die Antwort steht im Bericht [1]: 12 % mehr – “naïve” 漢字 and the rest follows from page 3 [2]. ".split(" ")


@dataclass
class Calls:
    """A scripted reply that calls tools, with what the model writes before."""

    calls: list[tuple[str, str]]
    """Names and arguments, as raw JSON."""
    text: str = ""


def calls(name: str, text: str = "", **arguments: Any) -> Calls:
    """Return a reply that calls one tool."""
    return Calls([(name, json.dumps(arguments))], text)


@dataclass
class Answer:
    """One answer, before it is put into a format."""

    pieces: list[str]
    input_tokens: int = 100
    output_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    finish: str = "stop"
    reasoning: list[str] = field(default_factory=list)
    tools: list[tuple[str, str]] = field(default_factory=list)
    """Name and arguments, as raw JSON, of each call."""
    usage: str = "last"
    """last | none | zero | negative"""
    cited: tuple[str, str] | None = None
    """Source and quote of a native citation after the text."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def words(number: int) -> list[str]:
    """Return that many words, some of them beyond ASCII."""
    return [f"{WORDS[i % len(WORDS)]} " for i in range(number)]


def sse(data: Any, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{head}data: {text}\n\n".encode()


# --- OpenAI ---


def openai_usage(answer: Answer) -> dict[str, Any] | None:
    if answer.usage == "none":
        return None
    factor = {"zero": 0, "negative": -1}.get(answer.usage, 1)
    return {
        "prompt_tokens": answer.input_tokens * factor,
        "completion_tokens": answer.output_tokens * factor,
        "total_tokens": (answer.input_tokens + answer.output_tokens) * factor,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens * factor},
        "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
    }


def openai_stream(model: str, answer: Answer) -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse({**_head(model), "object": "chat.completion.chunk", "choices": [choice]})

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"reasoning_content": r}) for r in answer.reasoning]
    events += [chunk({"content": piece}) for piece in answer.pieces]
    for index, (name, arguments) in enumerate(answer.tools):
        half = len(arguments) // 2
        call = {
            "index": index,
            "id": f"call_{index + 1}",
            "type": "function",
            "function": {"name": name, "arguments": arguments[:half]},
        }
        rest = {"index": index, "function": {"arguments": arguments[half:]}}
        events += [chunk({"tool_calls": [call]}), chunk({"tool_calls": [rest]})]
    events.append(chunk({}, answer.finish))
    if (usage := openai_usage(answer)) is not None:
        events.append(sse({**_head(model), "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    return [*events, sse("[DONE]")]


def openai_json(model: str, answer: Answer) -> bytes:
    message = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish}
    body = {**_head(model), "object": "chat.completion", "choices": [choice], "usage": openai_usage(answer)}
    return json.dumps(body).encode()


def _head(model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "created": 1, "model": f"{model}-served"}


def openai_error(status: int, kind: str, code: str | None, message: str, param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "code": code, "param": param}}).encode()


# --- Anthropic ---

_STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}


def anthropic_stream(model: str, answer: Answer) -> list[bytes]:
    factor = {"zero": 0, "negative": -1, "none": 0}.get(answer.usage, 1)
    fresh = answer.input_tokens - answer.cached_tokens - answer.written_tokens
    usage = {
        "input_tokens": fresh * factor,
        "cache_read_input_tokens": answer.cached_tokens * factor,
        "cache_creation_input_tokens": answer.written_tokens * factor,
        "output_tokens": 0 if factor < 1 else 1,
    }
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": f"{model}-served", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events = [sse({"type": "message_start", "message": message}, "message_start"), sse({"type": "ping"}, "ping")]
    index = 0
    if answer.reasoning:
        deltas = [{"type": "thinking_delta", "thinking": r} for r in answer.reasoning]
        deltas.append({"type": "signature_delta", "signature": "c2ln"})
        events += _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
        index += 1
    if answer.pieces:
        deltas = [{"type": "text_delta", "text": piece} for piece in answer.pieces]
        if answer.cited:
            deltas.append({"type": "citations_delta", "citation": _citation(*answer.cited)})
        events += _block(index, {"type": "text", "text": ""}, deltas)
        index += 1
    for number, (name, arguments) in enumerate(answer.tools):
        half = len(arguments) // 2
        deltas = [{"type": "input_json_delta", "partial_json": p} for p in (arguments[:half], arguments[half:])]
        block = {"type": "tool_use", "id": f"toolu_{number + 1}", "name": name, "input": {}}
        events += _block(index + number, block, deltas)
    delta = {"stop_reason": _STOPS.get(answer.finish, answer.finish), "stop_sequence": None}
    end = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": answer.output_tokens * factor}}
    return [*events, sse(end, "message_delta"), sse({"type": "message_stop"}, "message_stop")]


def _block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
    first = {"type": "content_block_start", "index": index, "content_block": start}
    return [
        sse(first, "content_block_start"),
        *(sse({"type": "content_block_delta", "index": index, "delta": d}, "content_block_delta") for d in deltas),
        sse({"type": "content_block_stop", "index": index}, "content_block_stop"),
    ]


def _citation(source: str, quote: str) -> dict[str, Any]:
    return {
        "type": "search_result_location", "cited_text": quote, "source": source, "title": "T",
        "search_result_index": 0, "start_block_index": 0, "end_block_index": 1,
    }  # fmt: skip


def anthropic_error(status: int, kind: str, message: str, code: str | None = None) -> bytes:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    return json.dumps({"type": "error", "error": error, "request_id": "req_body"}).encode()
