"""`generate()`: an answer to the question of a search result, from its hits, by whichever chat model is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rag.errors import DocumentNotFoundError
from rag.generation import extractive
from rag.generation.checking.meaning import Meaning
from rag.generation.prompting import PastTurn
from rag.generation.remote import RemoteModel
from rag.generation.research import Research
from rag.generation.stream import AnswerStream
from rag.providers.base import ChatModel, ChatRequest
from rag.providers.offers import free_providers
from rag.types import (
    Answer,
    Document,
    EndEvent,
    Event,
    Finish,
    GenerateOptions,
    Hit,
    SearchResult,
    TextEvent,
    Usage,
    UsageStatus,
)

if TYPE_CHECKING:
    from rag.workbench import Workbench

_NAMED_MISSES = 3
_STATUS: dict[Finish, UsageStatus] = {"stopped": "stopped", "failed": "failed"}


def generate(
    bench: Workbench,
    result: SearchResult,
    *,
    options: GenerateOptions = GenerateOptions(),  # noqa: B008 - frozen
    user: str = "",
) -> AnswerStream:
    """Return the answer to `result.question` as it is being written, registered in `bench.answers`.

    `user` tells apart visitors with keys of their own.

    Without hits no model is asked: the answer says so and names the nearest misses. What goes wrong on the way (a model
    that is not there, a provider that fails) ends the stream as a failed answer with the sentence in `Answer.error`.
    """
    stream = new_stream(bench, result.question, options, user)
    result = stream.result = result.as_read()
    bench.answers[stream.id] = stream
    return stream.start(lambda stream: answer_events(bench, stream, result, options, user))


def new_stream(bench: Workbench, question: str, options: GenerateOptions, user: str = "") -> AnswerStream:
    """Return a stream that is not started; what it will use is counted in the usage ledger."""
    is_extractive = options.model == extractive.NAME
    stream = AnswerStream(
        question,
        model=options.model,
        label=extractive.LABEL if is_extractive else "",
        free_providers=free_providers(bench.gateway, user),
    )
    if is_extractive:
        _keep_row(bench, stream)
    return stream


def _keep_row(bench: Workbench, stream: AnswerStream) -> None:
    """Keep the row of an answer that costs nothing; a remote model's attempts are each kept where they are made."""
    provider, _, model = stream.model.partition("/")
    row = bench.ledger.start("ask", provider, model, items=1)

    def close_row(stream: AnswerStream, answer: Answer) -> None:
        bench.ledger.finish(
            row,
            status=_STATUS.get(answer.finish, "ok"),
            usage=answer.usage,
            cost_usd=0.0,
            price_source="local",
            ttft_ms=answer.ttft_ms,
            duration_ms=answer.duration_ms,
        )

    stream.when_ended(close_row)


def answer_events(
    bench: Workbench,
    stream: AnswerStream,
    result: SearchResult,
    options: GenerateOptions,
    user: str = "",
    turns: Sequence[PastTurn] = (),
    so_far: Answer | None = None,
) -> Iterator[Event]:
    """Yield the events of the answer to a search result; one that was cut off is gone on with from `so_far`.

    Where something else was searched for than was asked, a chat model reads both, the extractive answerer what was searched for.
    A research begins even without hits: the model may search in other words.
    """
    is_research = options.research and options.model != extractive.NAME and so_far is None
    if not result.hits and not is_research:
        yield from _not_found(result)
        return
    question = result.question
    if stream.question != question and options.model != extractive.NAME:
        question = f"{stream.question}\n(In this conversation it means: {question})"
    request = ChatRequest(question, result.hits, result.terms, options)
    model = _chat_model(bench, result, options, user, turns, so_far)
    if is_research and isinstance(model, RemoteModel):
        yield from Research(bench, model, stream, result).events(request)
    else:
        yield from model.stream(request, lambda: stream.stopping)


def _chat_model(
    bench: Workbench,
    result: SearchResult,
    options: GenerateOptions,
    user: str,
    turns: Sequence[PastTurn],
    so_far: Answer | None,
) -> ChatModel:
    """Return the chat model; both kinds read with the collection's own embedding model."""
    embedder = bench.usable_embedder(result.collection)

    def document_of(document_id: str) -> Document | None:
        try:
            return bench.catalog.document(document_id)
        except DocumentNotFoundError:  # deleted since the search
            return None

    if options.model == extractive.NAME:
        frequencies, chunks = bench.catalog.document_frequencies(result.collection.id, result.terms)
        return extractive.ExtractiveModel(document_of, embedder, frequencies, chunks)

    def pages_of(hit: Hit, start: int, end: int) -> tuple[int, ...]:
        document = document_of(hit.chunk.document_id) if len(hit.chunk.pages) > 1 else None
        return document.pages_of(start, end) if document else hit.chunk.pages

    # likeness of meaning is worth a few milliseconds, not a call to somebody else's server
    meaning = Meaning(embedder) if embedder is not None and embedder.name.startswith("local/") else None
    return RemoteModel(
        bench.gateway,
        options.model,
        secret=bench.prompt_secret,
        pages_of=pages_of,
        meaning=meaning,
        turns=turns,
        user=user,
        so_far=so_far,
    )


def _not_found(result: SearchResult) -> Iterator[Event]:
    """Say that nothing passed the threshold, and what came nearest."""
    text = "Not found in these documents."
    if result.near_misses:
        nearest = "; ".join(_miss(hit) for hit in result.near_misses[:_NAMED_MISSES])
        text += f" Nearest, but below the threshold of {result.threshold:.2f}: {nearest}."
    yield from (TextEvent(piece) for piece in extractive.pieces(text))
    yield EndEvent("not_found", Usage(), cost_usd=0.0)


def _miss(hit: Hit) -> str:
    page = f", page {hit.chunk.pages[0]}" if hit.chunk.pages else ""
    short = f"{hit.short_by:.2f} short" if hit.short_by >= 0.005 else "just below"
    return f"{hit.document_name}{page} ({short})"
