"""Which file of a drop is which document of the collection: what it is called there, and whether it is a new version.

Names are given with the whole drop in view. A document whose bytes are in the drop keeps its name, whatever comes before it, and is
replaced by nothing. A new file replaces the document of its name where that is clear.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from rag.errors import RagError
from rag.ingestion.naming import clean_name
from rag.ingestion.sources import load
from rag.store.documents import name_key
from rag.types import Collection, Stop, Upload, never
from rag.workbench import Workbench

_NUMBER = re.compile(r" \(\d+\)(?=\.[^.]*$|$)")


class DropNames:
    """The names that the files of one drop have in one collection."""

    def __init__(
        self, bench: Workbench, target: Collection, items: Iterable[Upload | Path], stop: Stop = never
    ) -> None:
        """Look through the drop; nothing is stored. Only what may be known, or shares its name with another, is read for it."""
        held = bench.catalog.documents(target.id)
        sizes = {d.size_bytes for d in held}
        limit = bench.settings.upload_limit_bytes
        alike: dict[str, list[Upload | Path]] = defaultdict(list)
        for item in items:
            alike[name_key(clean_name(item.name))].append(item)
        self._own = set(alike)
        """Keys of the names that files of the drop have of themselves; none of them is given to another as a number."""
        read: dict[str, set[str]] = {}
        for key, same in alike.items():
            ids = (_digest(item, sizes if len(same) == 1 else None, limit) for item in same if not stop())
            read[key] = {document_id for document_id in ids if document_id}
        found = set().union(*read.values())
        present = {d.id for d in held if d.id in found}
        self._present = present
        """Documents of the collection whose bytes are in the drop."""
        self._given = {name_key(d.name): d.id for d in held if d.id in present}
        self._old = {name_key(d.name): d.name for d in held if d.id not in present}
        """Names of documents that are not in the drop: those that a new version may replace."""
        old: Counter[str] = Counter()
        for key in self._old:
            plain = _NUMBER.sub("", key)
            old.update({key, plain if key not in self._own else key})
        self._unclear = {key for key, ids in read.items() if self._is_unclear(key, len(ids - present), old[key])}

    def _is_unclear(self, key: str, new: int, old: int) -> bool:
        """Tell whether nobody can say which of the new files of a name follows which of its old versions.

        So it is with more files than versions, and with fewer where the version of that very name is in the drop and none of them.
        """
        return new > max(1, old) or (key not in self._old and new < old)

    def name(self, name: str, document_id: str) -> tuple[str, str]:
        """Return what the file is called in the collection, and the name of a document that it might be a new version of.

        It is `name`, or "name (2)" and so on where another document has that. The second is empty where a document of the
        returned name is replaced, or there is none.
        """
        if document_id in self._present:
            return name, ""
        unclear = name_key(name) in self._unclear
        stem, dot, suffix = name.rpartition(".")
        number, own, kept = 1, name, ""
        while not self._take(own, document_id, first=number == 1, unclear=unclear):
            kept = kept or self._old.get(name_key(own), "")
            number += 1
            own = f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})"
        return own, kept if unclear else ""

    def _take(self, name: str, document_id: str, *, first: bool, unclear: bool) -> bool:
        key = name_key(name)
        if (not first and key in self._own) or (unclear and key in self._old):
            return False
        return self._given.setdefault(key, document_id) == document_id


def _digest(item: Upload | Path, sizes: set[int] | None, limit_bytes: int) -> str:
    """Return the id that the document of a file has; empty when it cannot be read, and "new" when it is of none of the `sizes`."""
    try:
        size = len(item.data) if isinstance(item, Upload) else item.stat().st_size
        if sizes is not None and size not in sizes:
            return "new"
        return hashlib.sha256((item if isinstance(item, Upload) else load(item, limit_bytes)).data).hexdigest()
    except (OSError, ValueError, RagError):
        return ""
