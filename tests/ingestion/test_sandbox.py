"""Whatever a reader does in its child, the application gets one clear error in time and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import (
    DocumentError,
    DocumentTimedOutError,
    DocumentTooLargeError,
    EncryptedDocumentError,
    StoppedError,
    UnreadableDocumentError,
)
from rag.ingestion.sandbox import Limits, Payload, Sandbox
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(seconds=20, memory_bytes=2**30)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Children that run the hostile readers."""
    opened = Sandbox("hostile_tasks")
    yield opened
    opened.close()


def call(sandbox: Sandbox, function: str, limits: Limits = LIMITS, data: bytes = b"", **payload: object) -> Payload:
    return sandbox.call(function, "a.pdf", payload, data, limits)[0]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


FAULTS = {
    "segfault": (UnreadableDocumentError, "crashed its reader"),
    "leave": (UnreadableDocumentError, "crashed its reader"),
    "eat_memory": (DocumentTooLargeError, "more memory than the 1024 MB"),
    "be_killed_for_memory": (DocumentTooLargeError, "more memory"),
    "recurse": (UnreadableDocumentError, "cannot handle"),
    "confuse": (UnreadableDocumentError, "cannot handle"),
    "refuse": (EncryptedDocumentError, "password"),
    "talk_nonsense": (UnreadableDocumentError, "crashed its reader"),
    "announce_too_much": (UnreadableDocumentError, "crashed its reader"),
    "unknown_function": (UnreadableDocumentError, "cannot handle"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_reader_is_one_sentence_here(sandbox: Sandbox, fault: str) -> None:
    """A crash, an exit, eaten memory, endless recursion, an unknown error or nonsense: one sentence, and the next call works."""
    error, words = FAULTS[fault]
    with pytest.raises(error, match=words) as caught:
        call(sandbox, fault)
    assert str(caught.value).startswith("a.pdf ") and str(caught.value).endswith(".")
    assert "internals" not in str(caught.value)
    assert "well" == call(sandbox, "echo", answer="well")["answer"]


@pytest.mark.parametrize("fault", ["hang", "spin"])
def test_a_reader_that_hangs_is_ended_in_time(sandbox: Sandbox, fault: str) -> None:
    """Asleep or busy, a reader is killed when its time is over."""
    begun = time.monotonic()
    with pytest.raises(DocumentTimedOutError, match=r"longer than 0\.5 s"):
        call(sandbox, fault, Limits(0.5, 2**30))
    assert time.monotonic() - begun < 4


def test_what_a_reader_started_ends_with_it() -> None:
    """A killed reader takes its own children with it."""
    sandbox = Sandbox("hostile_tasks")
    pid = call(sandbox, "start_a_child")["pid"]
    assert is_alive(pid)
    with pytest.raises(DocumentTimedOutError):
        call(sandbox, "hang", Limits(0.5, LIMITS.memory_bytes))
    until(lambda: not is_alive(pid))  # killed at once, but the kernel takes its time on a busy machine


def test_stop_ends_a_reader_at_once(sandbox: Sandbox) -> None:
    """The user's Stop is heard while a file is being read."""
    begun = time.monotonic()
    with pytest.raises(StoppedError):
        sandbox.call("hang", "a.pdf", {}, b"", LIMITS, stop=lambda: time.monotonic() - begun > 0.3)
    assert time.monotonic() - begun < 3


def test_a_child_is_kept_for_the_next_call() -> None:
    """Starting a child costs a tenth of a second, so a sound one serves again."""
    sandbox = Sandbox("hostile_tasks")
    assert call(sandbox, "echo")["pid"] == call(sandbox, "echo")["pid"]
    sandbox.close()


def test_a_file_does_not_pay_for_the_one_before() -> None:
    """A child that an earlier file left broken is replaced, and the call made again."""
    sandbox = Sandbox("hostile_tasks")
    first = call(sandbox, "echo")["pid"]
    call(sandbox, "poison")
    assert first != call(sandbox, "echo")["pid"]
    sandbox.close()


def test_a_child_killed_while_idle_is_not_noticed(sandbox: Sandbox) -> None:
    """A child that died between two calls is replaced."""
    os.kill(call(sandbox, "echo")["pid"], signal.SIGKILL)
    assert "well" == call(sandbox, "echo", answer="well")["answer"]


def test_large_files_travel_whole(sandbox: Sandbox) -> None:
    """Fifty megabytes go to the child and come back as they were."""
    data = os.urandom(2**20) * 50
    assert data == sandbox.call("echo", "a.pdf", {}, data, LIMITS)[1]


def test_many_threads_share_the_children(sandbox: Sandbox) -> None:
    """Calls from many threads at once get their own answers."""
    answers: dict[int, int] = {}

    def work(n: int) -> None:
        answers[n] = call(sandbox, "echo", number=n)["number"]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: n for n in range(12)} == answers


def test_a_reader_cannot_write_files(sandbox: Sandbox, tmp_path: Path) -> None:
    """A reader that a file has taken over can leave nothing on the disk."""
    with pytest.raises(DocumentError):
        call(sandbox, "write_a_file", path=str(tmp_path / "left"))
    assert not (tmp_path / "left").exists() or (tmp_path / "left").stat().st_size == 0


def test_a_reader_sees_no_secrets_and_loads_little(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the environment do not reach a child, and it does not load the application around its reader."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    fresh = Sandbox("hostile_tasks")
    seen = call(fresh, "look_around")
    fresh.close()
    assert "sk-canary" not in str(seen["environment"])
    assert not {"numpy", "sqlalchemy", "pydantic", "streamlit", "chromadb"} & set(seen["modules"])


def test_children_end_with_the_application() -> None:
    """However the application ends, kill -9 included, no child stays."""
    program = f"""
import sys, threading, time
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from rag.ingestion.sandbox import Limits, Sandbox
sandbox = Sandbox("hostile_tasks")
print(sandbox.call("echo", "a", {{}}, b"", Limits())[0]["pid"], flush=True)
threading.Thread(target=sandbox.call, args=("hang", "a", {{}}, b"", Limits()), daemon=True).start()
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        assert is_alive(pid)
        parent.kill()
    until(lambda: not is_alive(pid))


def test_the_main_program_is_not_run_again(tmp_path: Path) -> None:
    """A script without a `__main__` guard can read documents: its children do not import it, nor it a PDF library."""
    script = tmp_path / "script.py"
    script.write_text(
        f"""import sys
sys.path.insert(0, {str(ROOT)!r})
print("ran")
from rag.ingestion.readers import read
from rag.settings import Settings
from rag.types import Upload
print(read(Upload("a.txt", b"Words."), Settings()).text, "pypdfium2" in sys.modules)
"""
    )
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
    )
    assert "ran\nWords. False\n" == run.stdout
