"""The embedding models by name. Each is made once a process and loads when it is first used."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rag.errors import ModelUnavailableError
from rag.providers import local, minilm_files
from rag.providers.base import Embedder

DEFAULT_EMBEDDING_MODEL: Final = local.NAME
EMBEDDING_MODELS: Final = (local.NAME,)


@lru_cache(maxsize=8)
def embedder(name: str, *, workers: int = 2) -> Embedder:
    """Return the embedding model of that name. Raises `ModelUnavailableError` for a name that is not known.

    Nothing is loaded here: a model that is absent says so at its first use, and `local_model_problem` before.
    """
    if name == local.NAME:
        return local.LocalEmbedder(workers=workers)
    raise ModelUnavailableError(
        f"There is no embedding model {name!r} here: build the collection again with {DEFAULT_EMBEDDING_MODEL}."
    )


def local_model_problem() -> str:
    """Return the sentence that says why the local embedding model cannot be used, "" when it can. Loads nothing."""
    return minilm_files.problem()
