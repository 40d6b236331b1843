"""The embedding models of one workbench: the local one, and those of providers, held to being the ones that made the vectors.

A collection is only ever asked with the model that made its vectors. A provider's name says little about that: it may be removed and
added anew, or pointed at another server. So the address that made a model's first vectors is kept, and from another one a text whose
vector is known is embedded once more: only the same model makes the same vector.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from rag import providers
from rag.errors import EmbeddingModelMismatchError, RagError
from rag.providers.base import Embedder, Vectors
from rag.recent import Recent
from rag.settings import Settings
from rag.store import vectors
from rag.store.catalog import Catalog
from rag.types import Collection

if TYPE_CHECKING:
    from rag.providers.gateway import Gateway

log = logging.getLogger(__name__)

SETTING: Final = "embedding_addresses"
_SAME: Final = 0.98
"""Least cosine of one text's two vectors by one model: servers round differently, and quantized weights are still the same model."""
_COMPARED: Final = 3
"""Texts embedded again before a model is refused: one that a server treated differently that day refuses nothing."""


class Embedders:
    """Finds embedding models by their names. Safe from any thread."""

    def __init__(
        self, catalog: Catalog, settings: Settings, gateway: Callable[[], Gateway], *, read_only: bool
    ) -> None:
        self._catalog, self._settings, self._gateway, self._read_only = catalog, settings, gateway, read_only
        self._remote: Recent[tuple[str, str, str], Embedder] = Recent(16)

    def get(self, model: str | Collection) -> Embedder | None:
        """Return the embedding model of that name or of that collection; None for keyword search only.

        Contacts a remote one when its dimension is not known yet, or when its address is another than it was. Raises
        `ModelUnavailableError`, `ProviderError`, and `EmbeddingModelMismatchError` when the model no longer makes the vectors.
        """
        name = model.embedding_model if isinstance(model, Collection) else model
        if not name:
            return None
        local = name.startswith("local/")
        found = providers.embedder(name, workers=self._settings.embed_workers) if local else self._of_a_provider(name)
        if isinstance(model, Collection) and found.dimension != model.dimension:
            raise EmbeddingModelMismatchError(
                f"Collection {model.name!r} was built with {name} at {model.dimension} dimensions, but the model now gives "
                f"{found.dimension}; build a new collection."
            )
        return found

    def learn(self, embedder: Embedder) -> None:
        """Keep a remote model's dimension, so that nobody asks for it again. Raises `StoreError`."""
        provider, _, model = embedder.name.partition("/")
        if provider == "local" or self._read_only:
            return
        book = self._gateway().book
        known = book.get(provider).embedding_models
        if not known.get(model):
            book.change(provider, embedding_models={**known, model: embedder.dimension})

    def _of_a_provider(self, name: str) -> Embedder:
        """Return a remote embedding model, the same one for as long as its provider is set up as it is."""
        gateway = self._gateway()
        config = gateway.book.get(name.partition("/")[0])
        slot = (name, repr(config), gateway.key_hint(config))
        found = self._remote.get(slot)
        if found is None:
            keep = None if self._read_only else partial(self._catalog.keep_vectors, name)
            found = gateway.embedder(name, keep=keep)
            self._hold(found, config.url)
            self._remote[slot] = found
        return found

    def _hold(self, embedder: Embedder, url: str) -> None:
        """Hold a model to being the one that made the vectors kept under its name."""
        addresses = dict(self._catalog.setting(SETTING, {}) or {})
        before = addresses.get(embedder.name)
        if before == url:
            return
        if before is not None:
            self._compare(embedder, before, url)
        if not self._read_only:
            self._catalog.set_setting(SETTING, {**addresses, embedder.name: url})

    def _compare(self, embedder: Embedder, before: str, url: str) -> None:
        """Refuse a model that is another at its new address; where no collection uses it, forget what was left of the old one."""
        with self._catalog.engine.connect() as connection:
            known = vectors.some_of(connection, embedder.name, _COMPARED)
        try:
            same = any(
                _is_same(embedder, text, vector) for text, vector in known
            )  # the second only if the first is not
        except RagError as error:
            if "numbers instead of" not in str(error):
                raise
            same = False  # of another length
        if same:
            return
        if known and any(c.embedding_model == embedder.name and c.chunks for c in self._catalog.collections()):
            raise EmbeddingModelMismatchError(
                f"{embedder.name} answers from {url} now and makes other vectors than from {before}, where the collections were built; "
                "set the old address back, or add the new server under another name and build a new collection with it."
            )
        if (
            not self._read_only
        ):  # vectors of sweeps, and of collections that were deleted: nobody may take them for the new ones
            self._catalog.forget_vectors(embedder.name)


def _is_same(embedder: Embedder, text: str, vector: Vectors) -> bool:
    (made,) = embedder.embed_documents([text])
    return made.shape == vector.shape and float(made @ vector) >= _SAME
