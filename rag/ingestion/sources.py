"""Where files come from: uploads, paths, and folders with all that is below them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from rag.errors import DocumentError, DocumentTooLargeError, UnreadableDocumentError
from rag.ingestion.readers import SUFFIXES
from rag.types import Upload


def expand(files: Iterable[Upload | Path | str]) -> Iterator[Upload | Path]:
    """Yield uploads and paths; a folder yields the supported files below it, hidden ones left out, in name order."""
    for item in files:
        if isinstance(item, Upload):
            yield item
        elif os.path.isdir(item):  # `Path.is_dir` raises for a name that is too long
            yield from _below(Path(item))
        else:
            yield Path(item)


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(root) / name


def load(path: Path, limit_bytes: int) -> Upload:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableDocumentError(f"{path} is not an ordinary file; give files or folders.")
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise DocumentTooLargeError(too_large(path.name, limit_bytes))
        return Upload(path.name, data)
    except FileNotFoundError:
        raise DocumentError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise UnreadableDocumentError(
            f"{path} cannot be read ({error.strerror}); check its path and permissions."
        ) from error


def too_large(name: str, limit_bytes: int) -> str:
    return (
        f"{name} is larger than the limit of {limit_bytes / 2**20:.0f} MB; split it, or raise RAG_UPLOAD_LIMIT_BYTES."
    )
