"""Vectors from a provider: batches under its limits, each attempt in the ledger, nothing paid for twice.

A batch that is done is handed over at once (`keep`), so that a failure or a stop later on costs nothing that was done before it. What
comes back is not believed: the number of vectors, their order, their length and every value in them are checked.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rag.errors import ProviderError, RagError, StoppedError
from rag.providers.adapter import Embedded
from rag.providers.attempts import Route
from rag.providers.base import Vectors
from rag.providers.books import Entry
from rag.providers.failures import RefusedFieldError, classify, counted, failure, given_up, was_never_sent
from rag.providers.local import fallback_token_spans
from rag.providers.loop import submit
from rag.providers.messages import Attempt
from rag.providers.prices import NOT_BILLED
from rag.providers.runner import Runner
from rag.providers.tokens import estimate, with_margin
from rag.types import Stop, Usage, UsageStatus, never

Heard = Callable[[Usage], None]
Keep = Callable[[Sequence[str], Vectors], None]
"""Takes texts and their vectors as soon as a batch is done, in the thread that asked for them."""

UNKNOWN_THRESHOLD: Final = 0.42
"""Until a collection has calibrated its own: where the local model separates answered from not."""
_AT_ONCE: Final = 4  # batches under way, within the provider's own limits
_QUESTIONS: Final = 256  # vectors of questions kept: a question that is asked again costs nothing
_TOO_MUCH: Final = ("too many", "too large", "too long", "batch", "maximum", "at most", "exceed", "limit")


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What has to be known of an embedding model."""

    dimension: int
    max_input_tokens: int = 8192
    shortened_to: int | None = None
    """Asks the provider for vectors of this dimension, where the model can be shortened."""
    query_prefix: str = ""
    """Words that the model wants before a question."""
    document_prefix: str = ""
    default_threshold: float = UNKNOWN_THRESHOLD


KNOWN: Final[dict[str, EmbeddingModel]] = {
    "text-embedding-3-small": EmbeddingModel(1536),
    "text-embedding-3-large": EmbeddingModel(3072),
    "text-embedding-ada-002": EmbeddingModel(1536),
    "@cf/baai/bge-m3": EmbeddingModel(1024),
    "@cf/baai/bge-small-en-v1.5": EmbeddingModel(384, 512, query_prefix="Represent this sentence for searching relevant passages: "),
    "@cf/baai/bge-base-en-v1.5": EmbeddingModel(768, 512, query_prefix="Represent this sentence for searching relevant passages: "),
    "@cf/baai/bge-large-en-v1.5": EmbeddingModel(1024, 512, query_prefix="Represent this sentence for searching relevant passages: "),
    "@cf/qwen/qwen3-embedding-0.6b": EmbeddingModel(1024),
    "nomic-embed-text": EmbeddingModel(768, 2048, query_prefix="search_query: ", document_prefix="search_document: "),
    "mxbai-embed-large": EmbeddingModel(1024, 512, query_prefix="Represent this sentence for searching relevant passages: "),
    "all-minilm": EmbeddingModel(384, 256),
    "bge-m3": EmbeddingModel(1024),
}  # fmt: skip


class RemoteEmbedder:
    """An `Embedder` behind an OpenAI-compatible endpoint. Safe from any thread."""

    keeps_books: Final = True
    """It writes the ledger itself, one row a request: whoever calls it must not write another."""

    def __init__(
        self,
        runner: Runner,
        route: Route,
        model: EmbeddingModel | None = None,
        *,
        batch_texts: int = 64,
        batch_tokens: int = 50_000,
        action: str = "embed",
        user: str = "",
        keep: Keep | None = None,
    ) -> None:
        """`model` None asks the provider for the dimension at the first use."""
        self._runner, self._route, self._user, self._keep = runner, route, user, keep
        self._model = model or KNOWN.get(route.model.removesuffix(":latest"))
        self._batch_texts, self._batch_tokens, self._action = batch_texts, batch_tokens, action
        self._questions: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def name(self) -> str:
        return self._route.name

    @property
    def model(self) -> EmbeddingModel:
        """What is known of the model; an unknown one is asked for one vector. Raises `ProviderError`."""
        return self._learned(None)

    def _learned(self, on_used: Heard | None) -> EmbeddingModel:
        if self._model is None:
            (found,) = submit(self._insist(["dimension"], None, on_used)).result()
            self._model = EmbeddingModel(len(found))
        return self._model

    @property
    def dimension(self) -> int:
        return self.model.shortened_to or self.model.dimension

    @property
    def max_input_tokens(self) -> int:
        return self._model.max_input_tokens if self._model else EmbeddingModel(0).max_input_tokens

    @property
    def default_threshold(self) -> float:
        return self._model.default_threshold if self._model else UNKNOWN_THRESHOLD

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the words and marks of `text`: remote models do not tell their own tokens."""
        return fallback_token_spans(text)

    def price_usd(self, texts: Sequence[str]) -> float | None:
        """Return about what embedding these texts costs, None when there is no price."""
        tokens = sum(estimate(text) for text in texts)
        return self._runner.books.prices.cost(
            self._route.tariff, self._route.model, Usage(tokens, estimated=True)
        ).estimated_usd

    def embed_query(self, text: str) -> Vectors:
        """Return the unit vector of a question, shape (dimension,). Raises `ProviderError`."""
        kept = self._questions.get(text)
        if kept is None:
            asked = self._fitted(self.model.query_prefix + text)
            kept = _unit(submit(self._insist([asked], self.dimension, None)).result(), self._route)[0]
            self._questions[text] = kept
            while len(self._questions) > _QUESTIONS:
                self._questions.popitem(last=False)
        return kept

    def embed_queries(self, texts: Sequence[str], *, stop: Stop = never) -> Vectors:
        """Return the unit vectors of questions, shape (len(texts), dimension). Raises `ProviderError`, `StoppedError`."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        wanted = [self._fitted(self.model.query_prefix + text) for text in texts]
        for start, made in self._finished(wanted, stop) if wanted else ():
            vectors[start : start + len(made)] = made
        return vectors

    def embed_documents(
        self,
        texts: Sequence[str],
        *,
        on_done: Callable[[int], None] | None = None,
        on_used: Heard | None = None,
        stop: Stop = never,
    ) -> Vectors:
        """Return one unit vector a text, shape (len(texts), dimension), float32.

        `on_used` hears what the provider reported for each request, or our estimate marked as one. Batches that are done are kept before an error or a stop is raised. Raises `ProviderError`, `StoppedError`.
        """
        self._learned(on_used)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        wanted = [self._fitted(self.model.document_prefix + (text if text.strip() else "-")) for text in texts]
        done = 0
        for start, made in self._finished(wanted, stop, on_used):
            vectors[start : start + len(made)] = made
            if self._keep is not None:
                self._keep(texts[start : start + len(made)], made)
            done += len(made)
            if on_done is not None:
                on_done(len(made))
        return vectors

    def _finished(
        self, texts: Sequence[str], stop: Stop, on_used: Heard | None = None
    ) -> Iterator[tuple[int, Vectors]]:
        """Yield (position, unit vectors) of batches as they are done, in the caller's thread."""
        finished: queue.SimpleQueue[tuple[int, Vectors] | None] = queue.SimpleQueue()
        work = submit(self._all(texts, finished, on_used))
        stopped, done = False, 0
        try:
            while True:
                try:
                    item = finished.get(timeout=0.05)
                except queue.Empty:
                    if work.done():  # cancelled before it began
                        break
                    if stop() and not stopped:
                        stopped = work.cancel()
                    continue
                if item is None:
                    break
                done += len(item[1])
                yield item
        except BaseException:  # the reader has gone: nobody is left to take what comes
            work.cancel()
            raise
        if stopped:
            raise StoppedError(f"Stopped; {done} of {len(texts)} texts are embedded.")
        try:
            work.result()
        except RagError as error:  # of the provider, or of a budget
            if done:
                kept = f"{done} of {len(texts)} texts are embedded and kept, start again to go on from there"
                error.args = (f"{str(error)[:-1]}; {kept}.",)
            raise

    async def _all(
        self, texts: Sequence[str], finished: queue.SimpleQueue[tuple[int, Vectors] | None], on_used: Heard | None
    ) -> None:
        """Embed all batches, some at once; the first failure lets those under way end and begins no more."""
        pending = iter(self._batches(texts))
        failed: list[RagError] = []

        async def worker() -> None:
            for start, batch in pending:
                if failed:
                    return
                try:
                    async for place, made in self._batch(batch, on_used):
                        finished.put((start + place, _unit(made, self._route)))
                except RagError as error:
                    failed.append(error)

        workers = [asyncio.ensure_future(worker()) for _ in range(_AT_ONCE)]
        try:
            await asyncio.gather(*workers)
        finally:
            for each in workers:
                each.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            finished.put(None)
        if failed:
            raise failed[0]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield (position, texts) within the limits of one request, in order."""
        start, batch, tokens = 0, list[str](), 0
        for text in texts:
            size = estimate(text)
            if batch and (len(batch) >= self._batch_texts or tokens + size > self._batch_tokens):
                yield start, batch
                start, batch, tokens = start + len(batch), [], 0
            batch.append(text)
            tokens += size
        if batch:
            yield start, batch

    def _fitted(self, text: str) -> str:
        """Cut a text to what the model reads; most providers refuse a longer one instead."""
        size, most = with_margin(estimate(text), text), self.max_input_tokens
        return text if size <= most else text[: len(text) * most // size]

    # --- one batch, on the loop ---

    async def _batch(
        self, texts: Sequence[str], on_used: Heard | None = None
    ) -> AsyncIterator[tuple[int, list[list[float]]]]:
        """Yield (position, vectors) of a batch, in halves when the provider finds it too large: each is there as soon as it is paid."""
        try:
            made = await self._insist(texts, self.dimension, on_used)
        except ProviderError as error:
            if len(texts) < 2 or not _is_too_much(error):
                raise
        else:
            yield 0, made
            return
        half, size_before = (len(texts) + 1) // 2, self._batch_texts
        self._batch_texts = min(size_before, half)  # later calls begin smaller
        for start, part in ((0, texts[:half]), (half, texts[half:])):
            try:
                async for place, made in self._batch(part, on_used):
                    yield start + place, made
            except ProviderError as error:
                if _is_too_much(error):  # one text is too long, not the batch
                    self._batch_texts = size_before
                raise

    async def _insist(self, texts: Sequence[str], dimension: int | None, on_used: Heard | None) -> list[list[float]]:
        route, policy = self._route, self._runner.policy
        await asyncio.get_running_loop().run_in_executor(None, route.adapter.prepare)
        failures = 0
        while True:
            try:
                return await self._attempt(texts, dimension, on_used)
            except RefusedFieldError:
                continue  # at most as often as there are optional fields
            except ProviderError as error:
                failures += 1
                if not error.retryable or failures >= policy.attempts:
                    raise counted(error, failures) from error.__cause__
                wait_s = policy.wait_s(failures, error.retry_after_s)
                if wait_s is None:
                    raise counted(given_up(error, route.target), failures) from error.__cause__
                await asyncio.sleep(wait_s)

    async def _attempt(self, texts: Sequence[str], dimension: int | None, on_used: Heard | None) -> list[list[float]]:
        """Make one request, with its permit and its row."""
        route, runner = self._route, self._runner
        likely = Usage(runner.calibration.corrected(route.name, sum(estimate(t) for t in texts)), estimated=True)
        permit = await runner.limiter.acquire(
            route.adapter.provider, self._user, likely.input_tokens, route.limits, route.per_user
        )
        used, status, began = likely, "failed", time.monotonic()
        reply: Embedded | None = None
        error: ProviderError | None = None
        try:
            row = await runner.books.open(Entry(self._action, route.tariff, route.model, len(texts), likely))
            try:
                reply = await route.adapter.embed(route.model, texts, self._model.shortened_to if self._model else None)
                used = reply.usage or likely
                checked = _checked(reply, len(texts), dimension, route)
                status = "ok"
                return checked
            except asyncio.CancelledError:
                status = "stopped"
                raise
            except RagError as raised:
                error = classify(raised, route.target)
                if reply is None and (error.status is not None or was_never_sent(error)):
                    used = Usage()
                raise error from error.__cause__
            finally:
                if on_used is not None:
                    on_used(used)
                closing = self._close(row, status, used, reply, error, began)  # type: ignore[arg-type]
                await runner.books.settle(closing, hurried=status == "stopped")
        finally:
            await runner.limiter.release(permit, used.input_tokens)

    async def _close(
        self,
        row: int,
        status: UsageStatus,
        used: Usage,
        reply: Embedded | None,
        error: ProviderError | None,
        began: float,
    ) -> None:
        route, books = self._route, self._runner.books
        cost = NOT_BILLED if used == Usage() else await books.price(route.tariff, route.model, used)
        request_id = reply.request_id if reply else error.request_id if error else ""
        kind, duration_ms = error.kind if error else "", (time.monotonic() - began) * 1000
        await books.close(row, Attempt(route.name, status, used, cost, kind, request_id, None, duration_ms))


def _is_too_much(error: ProviderError) -> bool:
    said = str(error).lower()
    return error.kind == "context" or (error.kind == "invalid" and any(word in said for word in _TOO_MUCH))


def _checked(reply: Embedded, count: int, dimension: int | None, route: Route) -> list[list[float]]:
    """Return the vectors when they can be what was asked for. Asking again would cost the same and bring the same."""
    problem = ""
    sizes = {len(v) for v in reply.vectors}
    if len(reply.vectors) != count:
        problem = f"{len(reply.vectors)} vectors for {count} texts"
    elif len(sizes) > 1 or (dimension is not None and sizes != {dimension}):
        problem = f"vectors of {', '.join(map(str, sorted(sizes)))} numbers instead of {dimension or 'one length'}"
    elif not np.isfinite(np.asarray(reply.vectors, np.float64)).all():
        problem = "vectors with values that are no numbers"
    if problem:
        sentence = f"{route.adapter.provider} sent {problem} from {route.model}; choose another embedding model, or ask its operator."
        raise failure("invalid", sentence, route.target, request_id=reply.request_id)
    return reply.vectors


def _unit(vectors: Sequence[Sequence[float]], route: Route) -> Vectors:
    made = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    if not (lengths > 0).all():
        sentence = (
            f"{route.adapter.provider} sent a vector of zeros from {route.model}; choose another embedding model."
        )
        raise failure("invalid", sentence, route.target)
    result: Vectors = (made / lengths).astype(np.float32)
    return result
