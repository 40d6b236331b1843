"""all-MiniLM-L6-v2 on onnxruntime: an embedding model that needs neither a key, nor a network, nor torch.

The graph without weights is data of this package (`minilm_skeleton.onnx`, made by `bench/minilm_graph.py`); weights and
vocabulary are the files of an installed package (`minilm_files.py`). Invariants: the vector of a text does not depend on
the texts beside it; nothing is fetched.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from rag.errors import ModelUnavailableError, StoppedError
from rag.providers.base import Vectors
from rag.providers.minilm_files import TOKENIZER_FILE, WEIGHTS_FILE, Weights, package_folder, problem, verified, weights
from rag.types import Stop, Usage, never

NAME: Final = "local/all-MiniLM-L6-v2"
DIMENSION: Final = 384
MAX_INPUT_TOKENS: Final = 256
# A pass over about 512 tokens still fits the processor's cache: 32 chunks at once cost a fifth more time and 300 MB.
BATCH_TOKENS: Final = 512
# How many texts are tokenised and sorted by length at once: bounds memory and how long Stop can take to be heard.
WINDOW_TEXTS: Final = 256
# Words in pieces of at most eight letters, each ideograph and each mark: within 2 % of MiniLM's own count on English.
_FALLBACK_TOKEN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w{1,8}|[^\w\s]")


def fallback_token_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of about every token of `text` without the model, for collections with keyword search only."""
    return [match.span() for match in _FALLBACK_TOKEN.finditer(text)]


class LocalEmbedder:
    """The `Embedder` of all-MiniLM-L6-v2. Safe to share between threads; loads on first use (about 0.3 s)."""

    def __init__(self, *, workers: int = 2, folder: Path | None = None) -> None:
        """Make it with `workers` embedding threads; `folder` holds the model's files, None finds the installed package."""
        self._workers = max(1, workers)
        self._folder = folder
        self._lock = threading.Lock()
        self._model: _Model | None = None

    @property
    def name(self) -> str:
        return NAME

    @property
    def dimension(self) -> int:
        return DIMENSION

    @property
    def max_input_tokens(self) -> int:
        """256, of which the model's own start and end marks take two."""
        return MAX_INPUT_TOKENS

    @property
    def default_threshold(self) -> float:
        return 0.42

    def load(self) -> None:
        """Load the model now rather than at its first use. Raises `ModelUnavailableError`."""
        self._loaded()

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._loaded().token_spans(text)

    def embed_query(self, text: str) -> Vectors:
        model = self._loaded()
        vector: Vectors = model.run([model.token_ids(text)])[0]
        return vector

    def embed_queries(self, texts: Sequence[str], *, stop: Stop = never) -> Vectors:
        return self.embed_documents(texts, stop=stop)

    def embed_documents(
        self,
        texts: Sequence[str],
        *,
        on_done: Callable[[int], None] | None = None,
        on_used: Callable[[Usage], None] | None = None,
        stop: Stop = never,
    ) -> Vectors:
        """Return one unit vector a text, as `Embedder` says. `stop` and the others are called in the caller's thread."""
        vectors = np.empty((len(texts), DIMENSION), np.float32)
        if not texts:
            return vectors
        model = self._loaded()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="embed") as pool:
            for start in range(0, len(texts), WINDOW_TEXTS):
                _embed_window(pool, model, texts[start : start + WINDOW_TEXTS], vectors[start:], on_done, stop)
        if on_used is not None:
            on_used(Usage(input_tokens=sum(min(MAX_INPUT_TOKENS, len(model.token_spans(text))) for text in texts)))
        return vectors

    def _loaded(self) -> _Model:
        with self._lock:
            if self._model is None:
                self._model = _load(self._folder)
            return self._model


class _Model:
    """A loaded tokenizer and session. Neither is changed after loading, so threads share them without a lock."""

    def __init__(self, tokenizer: Any, session: Any) -> None:
        self._tokenizer = tokenizer
        self._session = session

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = self._tokenizer.encode(_encodable(text), add_special_tokens=False).offsets
        return spans

    def token_ids(self, text: str) -> list[int]:
        """Return the ids that the model reads: at most 256, the last one the end mark even when the text was cut."""
        ids: list[int] = self._tokenizer.encode(_encodable(text)).ids
        return ids if len(ids) <= MAX_INPUT_TOKENS else [*ids[: MAX_INPUT_TOKENS - 1], ids[-1]]

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """Return the unit vectors of token ids, shape (len(batch), 384)."""
        ids = np.zeros((len(batch), max(map(len, batch))), np.int32)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        vectors: Vectors = self._session.run(["embedding"], inputs)[0]
        return vectors


def _embed_window(
    pool: ThreadPoolExecutor,
    model: _Model,
    texts: Sequence[str],
    vectors: Vectors,
    on_done: Callable[[int], None] | None,
    stop: Stop,
) -> None:
    """Fill `vectors[:len(texts)]`. However it ends, no batch is left waiting in the pool."""
    tokens = [model.token_ids(text) for text in texts]
    futures: dict[Future[Vectors], list[int]] = {}
    try:
        for rows in _batches([len(ids) for ids in tokens]):
            futures[pool.submit(model.run, [tokens[row] for row in rows])] = rows
        for future in as_completed(futures):
            rows = futures[future]
            vectors[rows] = future.result()
            if on_done is not None:
                on_done(len(rows))
            if stop():
                raise StoppedError("Embedding was stopped; what was stored before is kept.")
    finally:
        for future in futures:
            future.cancel()


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield rows of about equal length together, longest first so that the threads finish at about the same time."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    while order:
        rows = max(1, BATCH_TOKENS // lengths[order[0]])
        yield order[:rows]
        order = order[rows:]


def _encodable(text: str) -> str:
    """Return `text` with each lone surrogate, which no UTF-8 can hold, as "?"; no offset changes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _load(folder: Path | None) -> _Model:
    reason = problem(folder)
    if reason:
        raise ModelUnavailableError(reason)
    found = folder or package_folder()
    assert found is not None  # problem() has just found it
    tokenizer_data = verified(found / TOKENIZER_FILE)
    weights_data = verified(found / WEIGHTS_FILE)
    try:
        return _Model(_tokenizer(tokenizer_data), _session(weights(weights_data)))
    except Exception as error:  # a binary package that does not load raises whatever it likes
        raise ModelUnavailableError(
            f"The embedding model does not start on this machine ({type(error).__name__}), so only keyword search works: "
            f"reinstall the packages of requirements.txt and restart."
        ) from error


def _tokenizer(data: bytes) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(data)
    # The file asks to cut and pad at 128 tokens, half of what the model reads.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _session(arrays: Weights) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    # One thread a call and several calls at once: onnxruntime's own threads spin while they wait, which costs a third.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # it keeps a plan for every input shape, and texts have hundreds
    options.log_severity_level = 3
    # Copied into the session, which frees the originals when this returns.
    options.add_external_initializers(
        list(arrays), [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
    )
    graph = resources.files("rag.providers").joinpath("minilm_skeleton.onnx").read_bytes()
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
