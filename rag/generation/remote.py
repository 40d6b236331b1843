"""A remote chat model as an answerer: excerpts in, a cited and checked answer out, whatever wire is underneath.

The model sees numbered excerpts and cites `[n]`; only the number of an excerpt that was sent becomes a citation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rag.generation import orders
from rag.generation.checking.checker import Checker
from rag.generation.checking.meaning import Meaning
from rag.generation.citations import CitationReader, PagesOf
from rag.generation.continuing import GoingOn, Joint
from rag.generation.excerpts import delimiter_of
from rag.generation.numbering import Numbering
from rag.generation.prompting import PastTurn, Prompt, Role, build_prompt
from rag.generation.sent import sent_of
from rag.generation.styles import style_of
from rag.providers.base import ChatRequest
from rag.providers.calls import Call
from rag.providers.messages import CallEnd, CallFinish, CitedEvent, Excerpt, Message, Request, Result, StreamEvent
from rag.providers.offers import likely_usd
from rag.providers.structured import parse
from rag.providers.tokens import estimate, estimate_request
from rag.types import (
    Answer,
    CheckEvent,
    CitationEvent,
    EndEvent,
    Event,
    FallbackEvent,
    Finish,
    Hit,
    RestartEvent,
    RetryEvent,
    Sent,
    SentEvent,
    Stop,
    TextEvent,
)

if TYPE_CHECKING:
    from rag.providers.gateway import Gateway

UNKNOWN_WINDOW = 8192
"""Tokens that a model is trusted with when nobody says how many it takes: any of today's takes as many."""
_FINISH: dict[CallFinish, Finish] = {
    "complete": "complete",
    "length": "length",
    "refused": "refused",
    "empty": "complete",  # and without text, which the stream turns into a failure
    "stopped": "stopped",
    "tool_calls": "complete",
}


class RemoteModel:
    """Answers through the gateway."""

    def __init__(
        self,
        gateway: Gateway,
        name: str,
        *,
        secret: bytes,
        pages_of: PagesOf,
        meaning: Meaning | None = None,
        turns: Sequence[PastTurn] = (),
        user: str = "",
        so_far: Answer | None = None,
    ) -> None:
        """Make it with a `secret` of this installation, which no document can know: delimiters are made from it.

        `so_far` is an answer to the same question over the same hits that was cut off: it is gone on with.
        """
        self._gateway, self._name, self._secret, self._user = gateway, name, secret, user
        self._pages_of, self._meaning, self._turns = pages_of, meaning, turns
        self._going_on = GoingOn(so_far) if so_far else None

    @property
    def name(self) -> str:
        return self._name

    def prompt(self, request: ChatRequest) -> Prompt:
        """Return what is sent, packed into the model's window. Raises `PromptTooLongError`.

        The same question over the same excerpts gives the same prompt, so that an answer can be taken from the cache.
        """
        return build_prompt(
            request.question,
            request.hits,
            count=self.count,
            window=self.window or UNKNOWN_WINDOW,
            output_tokens=request.options.max_output_tokens,
            style=style_of(request.options),
            turns=self._turns,
            delimiter=delimiter_of([request.question, *(hit.chunk.text for hit in request.hits)], self._secret),
            going_on=self._going_on,
        )

    def count(self, text: str) -> int:
        """Return about how many tokens a text has for this model."""
        return self.tokens(estimate(text))

    def tokens(self, estimated: int) -> int:
        """Return an estimate of tokens as this model was seen to count."""
        return self._gateway.runner.calibration.corrected(self._name, estimated)

    @property
    def window(self) -> int | None:
        """Tokens of prompt and answer together; None when it is not known."""
        return self._gateway.capabilities(self._name).context_window

    def likely_usd(self, prompt_tokens: int, output_tokens: int) -> float | None:
        """Return about what so many tokens cost, None without a price; contacts nobody."""
        return likely_usd(self._gateway, self._name, prompt_tokens, output_tokens, self._user)

    def start(self, request: Request, fallbacks: tuple[str, ...] | None, action: str) -> Call:
        """Begin a call that no cache answers. Raises `ProviderError`."""
        return self._gateway.start(request, fallbacks=fallbacks, action=action, user=self._user)

    def reader(self, prompt: Prompt, schema: str = "") -> AnswerReader:
        """Return what reads an answer to a prompt, afresh."""
        return AnswerReader(prompt, self._pages_of, self._meaning, schema=schema)

    def stream(self, request: ChatRequest, stop: Stop) -> Iterator[Event]:
        """Yield the events of one answer; closing the generator cancels the call. Raises `ProviderError`."""
        prompt = self.prompt(request)
        style = style_of(request.options)
        sending = as_request(self._name, prompt, style.schema)
        yield SentEvent(self.sent(sending, prompt))
        reader = AnswerReader(prompt, self._pages_of, self._meaning, schema=style.schema)
        yield from reader.begin()  # before the call: nothing may come between its start and its being read, which ends it
        call = self._gateway.start(
            sending,
            fallbacks=request.options.fallbacks,
            user=self._user,
            reuse="use" if request.options.use_cache else "refresh",
        )
        for event in call:
            if stop():
                call.stop()
            yield from reader.read(event)

    def sent(self, request: Request, prompt: Prompt, hits: Sequence[Hit] = ()) -> Sent:
        """Return a request as it is kept with the answer; `hits` where its excerpts are more than the prompt's."""
        can = self._gateway.capabilities(self._name)
        size, window = self.tokens(estimate_request(request)), can.context_window or UNKNOWN_WINDOW
        return sent_of(request, prompt, can, tokens=size, window=window, hits=hits)


def as_request(model: str, prompt: Prompt, schema: str = "") -> Request:
    """Return a prompt as the provider layer takes it; its excerpts go one by one, for models with citations of their own."""
    excerpts = tuple(
        Excerpt(str(e.number), e.title, e.text, plain=block)
        for e, block in zip(prompt.excerpts, prompt.blocks, strict=True)
    )
    asked = Message("user", f"Question: {prompt.question}", excerpts)
    return Request(
        model=model,
        messages=(*_plain(prompt.messages[:-1]), asked, *_plain(prompt.more)),
        system=prompt.system,
        schema=json.loads(schema) if schema else None,
        max_output_tokens=prompt.output_tokens,
    )


def _plain(said: Sequence[tuple[Role, str]]) -> Iterator[Message]:
    return (Message(role, text) for role, text in said)


class AnswerReader:
    """Turns a call's events into an answer's."""

    def __init__(self, prompt: Prompt, pages_of: PagesOf, meaning: Meaning | None, *, schema: str = "") -> None:
        """Make one; `schema` is what the whole answer shall fit."""
        self._hits, self._pages_of, self._meaning = prompt.cited_hits, pages_of, meaning
        self._schema, self._begun = schema, prompt.begun
        self._start()

    def _start(self) -> None:
        self._joint = Joint(self._begun) if self._begun else None
        self._raw = self._begun
        numbering = Numbering()
        self._citations = CitationReader(
            self._hits,
            meaning=self._meaning,
            pages_of=self._pages_of,
            numbering=numbering,
            is_json=bool(self._schema),
        )
        self._checker = Checker(self._hits, meaning=self._meaning, numbering=numbering)

    def begin(self) -> Iterator[Event]:
        """Yield what an answer that was cut off has already."""
        if self._begun:
            yield from self._told(self._citations.feed(self._begun))

    def read(self, event: StreamEvent) -> Iterator[Event]:
        match event:
            case TextEvent(text):
                yield from self._more(self._joint.feed(text) if self._joint else text)
            case CitedEvent(source=source, quote=quote) if source.isdecimal():
                yield from self._told(self._citations.cite(int(source), quote))
            case RestartEvent():
                self._start()
                yield event
                yield from self.begin()
            case RetryEvent() | FallbackEvent():
                yield event
            case CallEnd(result):
                if self._joint:
                    yield from self._more(self._joint.flush())
                yield from self._told(self._citations.flush())
                yield from (CheckEvent(check) for check in self._checker.finish())
                yield _end(result, self._misfit(result), orders.named(self._hits))

    def _more(self, text: str) -> Iterator[Event]:
        self._raw += text
        yield from self._told(self._citations.feed(text))

    def _misfit(self, result: Result) -> str:
        """Return the sentence about a whole answer that does not have the form that was asked for."""
        if not self._schema or result.finish != "complete":
            return ""
        _, problems = parse(self._raw, json.loads(self._schema))
        return f"This answer does not fit the schema ({problems[0]})." if problems else ""

    def _told(self, events: Sequence[TextEvent | CitationEvent]) -> Iterator[Event]:
        for event in events:
            yield event
            if isinstance(event, TextEvent):
                yield from (CheckEvent(check) for check in self._checker.feed(event.text))


def _end(result: Result, misfit: str, orders_named: str) -> EndEvent:
    problem = "" if result.finish == "empty" else result.problem  # the failed answer says that itself
    return EndEvent(
        _FINISH[result.finish],
        result.usage,
        model=result.model,
        cost_usd=0.0 if result.cached else result.total_usd,
        cached=result.cached,
        note=" ".join(filter(None, (problem or misfit, orders_named))),
    )
