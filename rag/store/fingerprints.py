"""What a collection holds, as a fingerprint: enough to tell later whether it is still what was searched."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rag.recent import Recent
from rag.types import ChunkOptions, Collection, Fingerprint

if TYPE_CHECKING:
    from rag.store.catalog import Catalog


class Fingerprints:
    """The fingerprints of one catalog's collections. Made once for each state of a collection: every question asks for one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: Recent[tuple[object, ...], Fingerprint] = Recent(32)

    def of(
        self,
        collection: Collection,
        *,
        options: ChunkOptions | None = None,
        embedding_model: str | None = None,
        chunks: int | None = None,
    ) -> Fingerprint:
        """Return what a collection holds now; the rest says what was tried in place of its own chunks.

        Raises `CollectionNotFoundError`.
        """
        options = options or collection.options
        model = collection.embedding_model if embedding_model is None else embedding_model
        held = collection.chunks if chunks is None else chunks
        revision = self._catalog.revision(collection.id)  # before the documents: what is kept is then never too old
        key = (collection.id, revision, collection.name, model, options, held)
        found = self._known.get(key)
        if found is None:
            ids = self._catalog.document_ids(collection.id)
            found = Fingerprint(collection.name, model, options, len(ids), held, _digest(model, options, ids))
            self._known[key] = found
        return found


def _digest(model: str, options: ChunkOptions, document_ids: list[str]) -> str:
    about = (model, str(options.chunk_size_tokens), str(options.overlap_tokens), *document_ids)
    return hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]
