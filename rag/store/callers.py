"""Programs that call models beside the owner of a data folder, and which rows of the ledger are theirs as long as they live.

The owner needs no mark of its own: who opens the folder next holds its lock, so it is gone. Another program, such as `rag ask` beside the
running app, notes its rows in a file that it holds locked. The kernel frees that lock when the program ends, however it ends.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from pathlib import Path
from typing import IO

from rag.store.lock import take

log = logging.getLogger(__name__)

FOLDER = "callers"
_UNUSED_S = 3600.0  # a file without a row may be about to be locked by the program that made it


class Caller:
    """One program that calls models without owning the folder. Safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def note(self, row: int) -> None:
        """Keep a row as this program's own; called before anybody else can see the row.

        Where no file can be written the row is kept all the same: at worst it reads as interrupted until its call ends.
        """
        with self._lock:
            try:
                if self._file is None:
                    self._file = self._made()
                self._file.write(f"{row}\n")
                self._file.flush()
            except OSError as error:
                log.warning("a call could not be noted in %s: %s", self._folder, error)

    def close(self) -> None:
        """Let go of all rows; a call that still runs counts as interrupted from now on."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                with contextlib.suppress(OSError):
                    Path(self._file.name).unlink()
                self._file = None

    def _made(self) -> IO[str]:
        """Return the file, locked while it is still empty: one with rows is locked, or its program is gone."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        file = (self._folder / f"{uuid.uuid4().hex}.rows").open("a+", encoding="utf-8")
        take(file)
        return file


def living_rows(folder: Path) -> frozenset[int]:
    """Return the rows of programs that run now beside the owner; what others left behind is cleared away."""
    rows: set[int] = set()
    for path in sorted((folder / FOLDER).glob("*.rows")):
        try:
            if path.stat().st_size:
                rows |= _rows_of(path)
            elif time.time() - path.stat().st_mtime > _UNUSED_S:
                path.unlink()
        except FileNotFoundError:  # its program has just ended
            continue
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error)
    return frozenset(rows)


def _rows_of(path: Path) -> set[int]:
    """Return the rows that a program noted, none when it is gone; its file goes then, too."""
    with path.open("r+", encoding="utf-8") as file:
        try:
            take(file)
        except OSError:
            file.seek(0)
            return {int(line) for line in file.read().splitlines() if line.isdecimal()}
    path.unlink()
    return set()
