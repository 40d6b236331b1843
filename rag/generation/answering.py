"""`generate()`: an answer to the question of a search result, from its hits, by whichever chat model is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.errors import DocumentNotFoundError, ModelUnavailableError
from rag.generation import extractive
from rag.generation.stream import AnswerStream
from rag.providers.base import ChatModel, ChatRequest
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
) -> AnswerStream:
    """Return the answer to `result.question` as it is being written, registered in `bench.answers`.

    Without hits no model is asked: the answer says so and names the nearest misses. What goes wrong on the way (a model
    that is not there, a provider that fails) ends the stream as a failed answer with the sentence in `Answer.error`.
    """
    stream = new_stream(bench, result.question, options)
    stream.result = result
    bench.answers[stream.id] = stream
    return stream.start(lambda stream: answer_events(bench, stream, result, options))


def new_stream(bench: Workbench, question: str, options: GenerateOptions) -> AnswerStream:
    """Return a stream that is not started, with its row in the usage ledger; the row is closed when the stream ends."""
    provider, _, model = options.model.partition("/")
    price_source = "local" if provider == "local" else "unknown"
    stream = AnswerStream(
        question,
        model=options.model,
        label=extractive.LABEL if options.model == extractive.NAME else "",
        price=lambda usage: 0.0 if provider == "local" else None,
    )
    row = bench.ledger.start("ask", provider, model, items=1)

    def close_row(stream: AnswerStream, answer: Answer) -> None:
        bench.ledger.finish(
            row,
            status=_STATUS.get(answer.finish, "ok"),
            usage=answer.usage,
            cost_usd=answer.cost_usd,
            price_source=price_source,
            ttft_ms=answer.ttft_ms,
            duration_ms=answer.duration_ms,
        )

    stream.when_ended(close_row)
    return stream


def answer_events(
    bench: Workbench, stream: AnswerStream, result: SearchResult, options: GenerateOptions
) -> Iterator[Event]:
    """Yield the events of the answer to a search result."""
    if not result.hits:
        yield from _not_found(result)
        return
    request = ChatRequest(result.question, result.hits, result.terms, options)
    yield from _chat_model(bench, result, options.model).stream(request, lambda: stream.stopping)


def _chat_model(bench: Workbench, result: SearchResult, name: str) -> ChatModel:
    """Return the chat model; the extractive one reads with the collection's own embedding model and word weights."""
    if name != extractive.NAME:
        raise ModelUnavailableError(f"There is no chat model {name!r} here; ask again with {extractive.NAME}.")
    frequencies, chunks = bench.catalog.document_frequencies(result.collection.id, result.terms)

    def document_of(document_id: str) -> Document | None:
        try:
            return bench.catalog.document(document_id)
        except DocumentNotFoundError:  # deleted since the search
            return None

    embedder = bench.usable_embedder(result.collection)
    return extractive.ExtractiveModel(document_of, embedder, frequencies, chunks)


def _not_found(result: SearchResult) -> Iterator[Event]:
    """Say that nothing passed the threshold, and what came nearest."""
    text = "Not found in these documents."
    if result.near_misses:
        nearest = "; ".join(_miss(hit) for hit in result.near_misses[:_NAMED_MISSES])
        text += f" Nearest, but below the threshold of {result.threshold:.2f}: {nearest}."
    yield from (TextEvent(piece) for piece in extractive.pieces(text))
    yield EndEvent("not_found", Usage())


def _miss(hit: Hit) -> str:
    page = f", page {hit.chunk.pages[0]}" if hit.chunk.pages else ""
    return f"{hit.document_name}{page} ({hit.short_by:.2f} short)"
