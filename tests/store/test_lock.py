"""One process owns a data folder; the second is told who, and a crash frees it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag.errors import StoreError, StoreInUseError
from rag.store.catalog import Catalog
from rag.store.lock import LOCK_FILE, DataLock
from rag.usage.ledger import Ledger
from tests.store.made import assert_sound, collection, put, search, words

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys
from pathlib import Path
from rag.store.catalog import Catalog
from rag.store.lock import DataLock
from tests.store.made import put, words
folder = Path(sys.argv[1])
lock = DataLock(folder)
lock.acquire()
catalog = Catalog.open(folder / "catalog.sqlite3")
main = catalog.collection("main")
print("ready", flush=True)
for n, line in enumerate(sys.stdin):
    put(catalog, main, f"owner {n}.txt", words(n))
    print("put", flush=True)
"""


@contextmanager
def owner(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that owns the folder and puts a document for each line it is sent."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with an empty collection."""
    catalog = Catalog.open(tmp_path / "catalog.sqlite3")
    collection(catalog)
    catalog.close()
    return tmp_path


def test_the_second_of_one_process_is_refused_too(tmp_path: Path) -> None:
    """Two workbenches in one program would share nothing but the folder: the lock holds between them as well."""
    first, second = DataLock(tmp_path / "new"), DataLock(tmp_path / "new")
    first.acquire()
    first.acquire()
    with pytest.raises(StoreInUseError):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    assert second.held and not first.held
    second.release()


def test_a_second_process_is_refused_until_the_first_is_gone(folder: Path) -> None:
    """The sentence names process, host and time; `kill -9` frees the folder at once."""
    lock = DataLock(folder)
    with owner(folder) as process:
        with pytest.raises(StoreInUseError) as refused:
            lock.acquire()
        assert re.search(
            rf"in use by process {process.pid} on {re.escape(socket.gethostname())} since \d\d:\d\d; stop it, or",
            str(refused.value),
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        lock.acquire()
    lock.release()


def test_an_owner_whose_note_is_unreadable_is_still_the_owner(tmp_path: Path) -> None:
    """The lock is in the kernel; the note beside it only makes the sentence better."""
    lock = DataLock(tmp_path)
    lock.acquire()
    (tmp_path / LOCK_FILE).write_text("?")
    with pytest.raises(StoreInUseError, match="in use by another process"):
        DataLock(tmp_path).acquire()
    lock.release()


def test_a_folder_that_cannot_be_locked_gives_a_sentence(tmp_path: Path) -> None:
    """A file where the folder should be is told."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="choose another"):
        DataLock(tmp_path / "file").acquire()


def test_reading_and_counting_usage_beside_a_running_owner(folder: Path) -> None:
    """`rag search` beside the app sees every finished document, and both write the ledger without an error."""
    reader = Catalog.open(folder / "catalog.sqlite3", read_only=True)
    main = reader.collection("main")
    ledger = Ledger(reader.engine)
    with owner(folder) as process:
        assert process.stdin is not None and process.stdout is not None
        for n in range(10):
            process.stdin.write("put\n")
            process.stdin.flush()
            table = reader.vectors(main.id)  # read once: the owner goes on writing
            assert table.matrix.shape[0] == len(table.chunk_ids)
            ledger.start("search", "local", "m")
            process.stdout.readline()
            assert n + 1 == len(reader.documents(main.id))
            assert search(reader, main, ["owner"], 5)
    assert 10 == len(ledger.records())
    assert_sound(reader)
    reader.close()


def test_a_reader_sees_one_state_while_the_owner_writes(folder: Path) -> None:
    """A document is wholly there or not at all, at whatever moment one looks."""
    writer = Catalog.open(folder / "catalog.sqlite3")
    reader = Catalog.open(folder / "catalog.sqlite3", read_only=True)
    main = writer.collection("main")
    old = put(writer, main, "a.txt", words(0))
    seen = set()
    for n in range(1, 20):
        new = put(writer, main, "a.txt", words(n), replaces=old.id)
        documents = reader.documents(main.id)
        seen.add((len(documents), len(reader.chunks_of(main.id, new.id)), len(reader.vectors(main.id).chunk_ids)))
        old = new
    assert 1 == len(seen)
    reader.close()
    writer.close()
