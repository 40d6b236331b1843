"""One owner process a data folder, held by an OS lock that the kernel frees when the process ends, however it ends.

Two processes that write one index lose vectors without any error, so the second is refused and told who is first.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import IO

from rag.errors import StoreError, StoreInUseError

if sys.platform == "win32":
    import msvcrt

    def take(file: IO[str]) -> None:
        """Lock an open file; the kernel frees it with the process. Raises `OSError` when somebody else holds it."""
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def take(file: IO[str]) -> None:
        """Lock an open file; the kernel frees it with the process. Raises `OSError` when somebody else holds it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_FAR = 1 << 20
"""Windows locks bytes, and a locked byte cannot be read: this one is beyond the note about the owner."""

LOCK_FILE = "owner.lock"


class DataLock:
    """The right to write in a data folder. The file stays when the lock is freed; only the lock in the kernel counts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `StoreInUseError` naming the owner, and `StoreError` when the folder cannot be written."""
        if self._file is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"The data folder {self.path.parent} cannot be used ({error.strerror}); choose another with RAG_DATA_DIR or --data."
            ) from error
        try:
            take(file)
        except OSError as error:
            owner = _owner(file)
            file.close()
            raise StoreInUseError(
                f"The data folder {self.path.parent} is in use by {owner}; stop it, or choose another folder with RAG_DATA_DIR or --data."
            ) from error
        self._file = file
        self._sign(file)

    def release(self) -> None:
        """Free the lock; harmless when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def _sign(self, file: IO[str]) -> None:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().astimezone().isoformat()}
        try:
            file.truncate(0)
            file.write(json.dumps(note))
            file.flush()
        except OSError:  # a full disk: the lock holds all the same, only the sentence will be vaguer
            pass


def _owner(file: IO[str]) -> str:
    """Return the owner as its note tells it: "process 123 on HOST since 10:02"."""
    try:
        file.seek(0)
        note = json.load(file)
        since = datetime.fromisoformat(note["since"])
        when = f"{since:%H:%M}" if since.date() == datetime.now(since.tzinfo).date() else f"{since:%Y-%m-%d %H:%M}"
        return f"process {int(note['pid'])} on {note['host']} since {when}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
