"""The one owner of the approximate index: opens it, keeps it up to date, and does without it when it cannot be trusted.

Nobody who asks a question ever waits for it: while it is being opened, rebuilt or is behind, exact search answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import StoreError
from rag.store.catalog import Catalog
from rag.types import Collection, Stop, never

if TYPE_CHECKING:
    from rag.store.index import VectorIndex

log = logging.getLogger(__name__)

_UNCLEAN = "unclean"
_DAMAGED = "The search index is damaged; answers come from exact search until it is rebuilt."
_REBUILDING = "The search index is being rebuilt; answers come from exact search until it is done."


class IndexOwner:
    """The index of one data folder. Safe from any thread."""

    def __init__(self, catalog: Catalog, data_dir: Path) -> None:
        self._catalog, self._data_dir = catalog, data_dir
        self._index: VectorIndex | None = None
        self._lock = threading.RLock()
        """Held while the index is opened or replaced."""
        self.problem = ""
        """Why the index cannot be used, as a sentence; empty while it can."""

    @property
    def is_open(self) -> bool:
        return self._index is not None

    def now(self) -> VectorIndex | None:
        """Return the index if it is open; else None, and begin to open it in the background."""
        if self._index is None and not self.problem and self._lock.acquire(blocking=False):
            self._lock.release()
            threading.Thread(target=self.opened, name="open-index", daemon=True).start()
        return self._index if not self.problem else None

    def opened(self) -> VectorIndex | None:
        """Return the index, opened if need be, which after a crash takes seconds; None when it cannot be used."""
        if self.problem:
            return None
        with self._lock:
            if self._index is None and not self.problem:
                self._open()
            return self._index if not self.problem else None

    def _open(self, *, is_new: bool = False) -> None:
        from rag.store import sync
        from rag.store.chroma import ChromaIndex

        try:
            if not is_new and self._catalog.setting(_UNCLEAN, False):
                sync.repair_after_crash(self._catalog, self._data_dir)
            self._catalog.set_setting(_UNCLEAN, True)
            self._index = ChromaIndex(sync.index_folder(self._catalog, self._data_dir))
        except StoreError as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Stop using the index; it is looked at and mended at the next start, or rebuilt on request."""
        if self.problem:  # it was taken away meanwhile, which is no damage
            return
        log.error("index unusable: %s", error)
        self.problem = _DAMAGED
        self._catalog.set_setting(_UNCLEAN, True)

    def sync(self, collection: Collection, *, on_done: Callable[[int], None] | None = None, stop: Stop = never) -> None:
        """Bring the index up to date with the catalog for a collection. Raises `StoppedError`; a failing index stops nothing else."""
        from rag.store import sync

        index = self.opened()
        if index is None or not collection.embedding_model:
            return
        try:
            sync.sync(self._catalog, index, collection.id, on_done=on_done, stop=stop)
        except StoreError as error:
            self.failed(error)

    def start_over(self) -> None:
        """Put an empty index in the place of the present one; `sync` fills it, and until then questions are searched exactly."""
        from rag.store import sync

        self.problem = _REBUILDING
        with self._lock:
            self._drop()
            try:
                sync.start_over(self._catalog, self._data_dir)
            finally:
                self.problem = ""
            self._open(is_new=True)

    def close(self) -> None:
        """Close the index. Only one that was open and sound leaves a folder that the next start need not look at."""
        with self._lock:
            sound = self._index is not None and not self.problem
            self._drop()
            if sound:
                self._catalog.set_setting(_UNCLEAN, False)

    def _drop(self) -> None:
        index, self._index = self._index, None
        if index is not None:
            index.close()
