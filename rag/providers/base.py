"""The two ports to models: `Embedder` and `ChatModel`. Every vendor, and every local model, stands behind one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.types import Event, GenerateOptions, Hit, Stop, Usage, never

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors of one embedding model."""

    @property
    def name(self) -> str:
        """PROVIDER/MODEL, kept with every vector that it made."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_input_tokens(self) -> int:
        """Text beyond it is not read by the model."""
        ...

    @property
    def default_threshold(self) -> float:
        """Threshold on the match score that separates answered from not in the documents for this model."""
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end) of every token of `text`, never cut off: what chunk sizes are measured in."""
        ...

    def embed_documents(
        self,
        texts: Sequence[str],
        *,
        on_done: Callable[[int], None] | None = None,
        on_used: Callable[[Usage], None] | None = None,
        stop: Stop = never,
    ) -> Vectors:
        """Return one unit vector a text, shape (len(texts), dimension), float32.

        `on_done` hears how many more texts are done, `on_used` what each request took, one that failed as well, from any thread.
        Raises `StoppedError` when `stop` says so.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return the unit vector of a question, shape (dimension,)."""
        ...

    def embed_queries(self, texts: Sequence[str], *, stop: Stop = never) -> Vectors:
        """Return what `embed_query` gives of each question, made in batches; shape (len(texts), dimension).

        Raises `StoppedError` when `stop` says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question with the excerpts that may answer it."""

    question: str
    hits: tuple[Hit, ...]
    """In rank order; `[n]` in the answer means `hits[n - 1]`."""
    terms: tuple[str, ...]
    """Stems of the question without stop words."""
    options: GenerateOptions


class ChatModel(Protocol):
    """Streams an answer to a question over excerpts."""

    @property
    def name(self) -> str:
        """PROVIDER/MODEL."""
        ...

    def stream(self, request: ChatRequest, stop: Stop) -> Iterator[Event]:
        """Yield the events of one answer; the last is an `EndEvent`. Raises `ProviderError`."""
        ...
