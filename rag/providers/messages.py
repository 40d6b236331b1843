"""What is asked of a model and what comes back, the same for every vendor.

Prompts and answers are never part of a `repr`: what is printed or logged of these values is their length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rag.types import FallbackEvent, RestartEvent, RetryEvent, TextEvent, Usage, UsageStatus

Role = Literal["user", "assistant", "tool"]
Effort = Literal["low", "medium", "high"]
Phase = Literal["limit", "retry", "first byte", "stream"]
CallFinish = Literal["complete", "length", "refused", "tool_calls", "empty", "stopped"]
Reuse = Literal["use", "refresh", "off"]
"""What to do with the response cache: take from it and fill it, only fill it, or leave it alone."""


# --- what is asked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A passage that the answer may rest on. Models with native citations get it as a source of its own."""

    source: str
    """Comes back in `CitedEvent.source`; unique within a request."""
    title: str
    text: str = field(repr=False)
    plain: str = field(default="", repr=False)
    """What a model without native citations reads in its place; title and text when empty."""

    def as_text(self) -> str:
        return self.plain or f"[{self.source}] {self.title}\n{self.text}"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool. Also an event of a stream, sent when the call is complete."""

    id: str
    name: str
    arguments: str = field(repr=False)
    """JSON as the model wrote it, which may be invalid."""


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    role: Role
    text: str = ""
    excerpts: tuple[Excerpt, ...] = ()
    """Only of a user message; they stand before its text."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Only of an assistant message."""
    tool_call_id: str = ""
    """Only of a tool message: which call this is the result of."""
    is_error: bool = False
    """Only of a tool message: the tool failed, and `text` says how."""
    replay: tuple[str, Any] | None = None
    """Vendor kind and the blocks as that vendor sent them, returned to it word for word; other vendors read `text`."""

    def __repr__(self) -> str:
        return f"Message({self.role}, {len(self.text)} characters, {len(self.excerpts)} excerpts)"


@dataclass(frozen=True, slots=True)
class Tool:
    """One declaration for every wire format."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON schema of the arguments, an object."""
    run: Callable[..., str] | None = field(default=None, repr=False)
    """Called with the arguments by name by the tool loop; what it returns goes to the model."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model. What the model cannot take (`Capabilities`) is left out, not refused."""

    model: str
    """PROVIDER/MODEL."""
    messages: tuple[Message, ...]
    system: str = field(default="", repr=False)
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] = "auto"
    schema: Mapping[str, Any] | None = None
    """JSON schema that the whole answer shall fit."""
    max_output_tokens: int | None = None
    temperature: float | None = None
    effort: Effort | None = None
    cache_prompt: bool = True
    """Mark the stable beginning of the prompt so that the vendor can bill it at its cached price."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model of a provider can take. Declared, so that no call site guesses."""

    citations: bool = False
    prompt_cache: Literal["none", "automatic", "marked"] = "none"
    tools: bool = True
    schema: Literal["none", "object", "schema"] = "none"
    """Structured output: not at all, any JSON object, or held to a schema."""
    sampling: bool = True
    """Takes a temperature."""
    effort: bool = False
    counting: bool = False
    """The provider counts the tokens of a request before it is sent, without a charge."""
    embeddings: bool = True
    context_window: int | None = None
    """Tokens of prompt and answer together; None when it is not known."""
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as the provider's own list tells it."""

    id: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    retires_at: str = ""
    """ISO date; empty when none is announced."""


# --- what comes back ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReasoningEvent:
    text: str


@dataclass(frozen=True, slots=True)
class CitedEvent:
    """A native citation. It comes right after the words that it supports, which began at `start` of the answer so far."""

    source: str
    """`Excerpt.source`."""
    quote: str = field(repr=False)
    start: int = 0


@dataclass(frozen=True, slots=True)
class RetryingEvent(RetryEvent):
    """A failed attempt that will be made again after `wait_s` seconds."""

    attempts: int = 0
    """At most this many are made."""
    model: str = ""
    reason: str = ""
    """The failure as a sentence."""

    @property
    def sentence(self) -> str:
        return f"{self.reason} Trying again in {self.wait_s:.0f} s ({self.attempt + 1} of {self.attempts})."


@dataclass(frozen=True, slots=True)
class IdleEvent:
    """Nothing came for a moment: lets a reader notice that it was asked to stop, and show what is waited for."""

    phase: Phase
    waited_s: float
    model: str = ""

    @property
    def sentence(self) -> str:
        what = {
            "limit": f"Waiting for a place within the limits of {self.model}",
            "retry": f"Waiting to ask {self.model} again",
            "first byte": f"Waiting for {self.model}",
        }.get(self.phase, f"{self.model} is writing")
        return f"{what}, {self.waited_s:.0f} s."


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost. `usd` is None when that is not known; an estimate never stands in for it."""

    usd: float | None = None
    source: str = "unknown"
    """Where the price is from: "genai-prices 0.2.3", "override", "local", "not billed", "cache" or "unknown"."""
    estimated_usd: float | None = None
    """From estimated tokens; None when there is no price."""
    unit_price: str = ""
    """The price at the time of the call, e.g. "in 2, out 10, cached in 0.2 USD per million tokens"."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to a provider: what the ledger holds of it."""

    model: str
    status: UsageStatus
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)
    error_kind: str = ""
    request_id: str = ""
    ttft_ms: float | None = None
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """A finished call, or what came of one that was stopped or failed."""

    text: str
    finish: CallFinish
    model: str
    """PROVIDER/MODEL that answered; differs from the one asked after a fallback."""
    usage: Usage = field(default_factory=Usage)
    """Of the attempt that gave the text; `attempts` has the others."""
    cost: Cost = field(default_factory=Cost)
    cited: tuple[CitedEvent, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    attempts: tuple[Attempt, ...] = ()
    cached: bool = False
    """Taken from the response cache, free of charge."""
    ttft_ms: float | None = None
    """From the start of the call to its first text, waiting and earlier attempts included."""
    duration_ms: float = 0.0
    request_id: str = ""
    replay: tuple[str, Any] | None = None
    served_by: str = ""
    """The model's name as the provider gave it back."""

    def __repr__(self) -> str:
        return f"Result({self.model}, {self.finish}, {len(self.text)} characters, {len(self.attempts)} attempts)"

    @property
    def message(self) -> Message:
        """The assistant message that continues the conversation."""
        return Message("assistant", self.text, tool_calls=self.tool_calls, replay=self.replay)

    @property
    def total_usd(self) -> float | None:
        """Cost of all attempts together; None when that of any is unknown."""
        costs = [a.cost.usd for a in self.attempts]
        return None if any(c is None for c in costs) else sum(c for c in costs if c is not None)

    @property
    def problem(self) -> str:
        """The sentence about an answer that is not what was hoped for; empty for a complete one."""
        name = self.model
        if self.finish == "length" and not self.text.strip():
            return f"{name} used up its output limit before it wrote anything; raise the limit and ask again."
        return {
            "length": f"The answer was cut off at the output limit of {name}; raise the limit or ask it to go on.",
            "refused": f"{name} declined to answer; ask in other words or choose another model.",
            "empty": f"{name} returned no text; ask again or choose another model.",
            "stopped": "Stopped; what had come by then is kept.",
        }.get(self.finish, "")


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The last event of a call that did not fail."""

    result: Result


Delta = TextEvent | ReasoningEvent | CitedEvent | ToolCall
"""What an adapter yields."""
StreamEvent = Delta | RetryEvent | RestartEvent | FallbackEvent | IdleEvent | CallEnd
"""What a call yields. `RestartEvent` voids the text and the citations before it."""
