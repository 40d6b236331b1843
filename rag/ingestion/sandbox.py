"""Child processes that do what hostile files must not do to the application: be parsed.

A file may crash its parser, hang it or make it eat all memory. So parsing runs in a child with limits on memory, processor
time and wall time, in a process group of its own, without the application's environment. A child serves one call after
another, since starting one takes a tenth of a second; after a crash, a time-out or many calls it is replaced.

What a child sends back is JSON and bytes, never a pickle: a child that a file has taken over must not be able to run
anything here. Works below Streamlit, pytest and the command line alike, because `__main__` is not imported again.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rag import errors
from rag.errors import (
    DocumentError,
    DocumentTimedOutError,
    DocumentTooLargeError,
    StoppedError,
    UnreadableDocumentError,
)

log = logging.getLogger(__name__)
T = TypeVar("T")
Payload = dict[str, Any]
"""What JSON can hold."""
Stop = Callable[[], bool]

_HEADER = struct.Struct("!QQ")
_REPLY_BYTES = 2**30
"""More than any document can give; a child that announces more is not sound."""
_CALLS_PER_CHILD = 200
"""A native library that leaks is thrown away with its child."""
_MOST_CHILDREN = 4
_IDLE_CHILDREN = 2
_POLL_S = 0.1
_PORTION = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use."""

    seconds: float = 60.0
    memory_bytes: int = 2 * 1024**3
    """Address space of the child."""


class _ChildDiedError(Exception):
    """The child ended, or talked nonsense, before it had answered."""


@dataclass(eq=False, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    link: socket.socket
    memory_bytes: int
    calls: int = 0
    died_by_itself: bool = False

    def end(self) -> None:
        """Kill the child with everything that it started."""
        self.link.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def await_end(self) -> None:
        """Give a child that hung up a moment to end by itself, so that its exit code tells why."""
        with suppress(subprocess.TimeoutExpired):
            self.died_by_itself = self.process.wait(timeout=1) is not None


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long a conversation may take."""

    deadline: float
    stop: Stop | None = None

    def until_done(self, link: socket.socket, step: Callable[[], T]) -> T:
        """Do one step of talking. Raises `TimeoutError`, `StoppedError` and `_ChildDiedError`."""
        while True:
            if self.stop is not None and self.stop():
                raise StoppedError("Stopped while a file was being read.")
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            link.settimeout(min(_POLL_S, left) if self.stop else left)
            try:
                return step()
            except TimeoutError:
                continue
            except OSError as error:
                raise _ChildDiedError(str(error)) from error


@dataclass(slots=True)
class Sandbox:
    """Children that run the functions of one module; safe to be called from many threads at once."""

    module: str = "rag.ingestion.sandbox_tasks"
    """Its functions take (payload, data) and return (payload, data)."""
    _idle: list[_Child] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_MOST_CHILDREN))

    def call(
        self, function: str, name: str, payload: Payload, data: bytes, limits: Limits, *, stop: Stop | None = None
    ) -> tuple[Payload, bytes]:
        """Run a function of the module in a child; `name` is the file's name for the messages.

        Raises what the function raised when that is a `DocumentError`; `UnreadableDocumentError` when it failed otherwise
        or crashed, `DocumentTimedOutError` beyond the limit of time, `DocumentTooLargeError` beyond that of memory, and
        `StoppedError` when `stop` says so.
        """
        request = {"function": function, "payload": payload, "seconds": limits.seconds}
        with self._slots:
            while True:
                child = self._take(limits)
                is_fresh = child.calls == 0
                try:
                    return self._ask(child, request, data, _Patience(time.monotonic() + limits.seconds, stop))
                except TimeoutError:
                    raise DocumentTimedOutError(
                        f"{name} took longer than {limits.seconds:g} s; split it, or raise RAG_READ_TIMEOUT_S."
                    ) from None
                except _FailureError as failure:
                    raise failure.explained(name) from failure
                except (_ChildDiedError, MemoryError) as failure:
                    if is_fresh:  # else an earlier file may have left it broken: this one gets a clean start
                        raise _explanation(name, child, failure) from failure

    def close(self) -> None:
        """End the idle children."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _ask(self, child: _Child, request: Payload, data: bytes, patience: _Patience) -> tuple[Payload, bytes]:
        child.calls += 1
        is_sound = False
        try:
            _send(child.link, request, data, patience)
            reply, body = _receive(child.link, patience)
            is_sound = reply.get("error") != "MemoryError"
        except _ChildDiedError:
            child.await_end()
            raise
        finally:
            if is_sound:
                self._give_back(child)
            else:
                child.end()
        if "error" in reply:
            raise MemoryError if not is_sound else _FailureError(str(reply["error"]), str(reply.get("message", "")))
        return reply["result"], body

    def _take(self, limits: Limits) -> _Child:
        with self._lock:
            for child in self._idle:
                if child.memory_bytes == limits.memory_bytes and child.process.poll() is None:
                    self._idle.remove(child)
                    return child
        return _start(self.module, limits.memory_bytes)

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            if child.calls < _CALLS_PER_CHILD and len(self._idle) < _IDLE_CHILDREN:
                self._idle.append(child)
                return
        child.end()


def _start(module: str, memory_bytes: int) -> _Child:
    """Start a child that knows where to import from, and nothing else of this process."""
    here, there = socket.socketpair()
    with there:
        process = subprocess.Popen(  # our own interpreter on our own file
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("sandbox_child.py")), str(there.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"} | {k: os.environ[k] for k in ("PATH", "LD_LIBRARY_PATH") if k in os.environ},
            pass_fds=[there.fileno()],
            start_new_session=True,
        )
    path = [os.path.abspath(p) for p in sys.path if p]
    hello = {"module": module, "path": path, "memory_bytes": memory_bytes}
    with suppress(TimeoutError, _ChildDiedError):  # the call that follows finds out, and tells
        _send(here, hello, b"", _Patience(time.monotonic() + 10))
    return _Child(process, here, memory_bytes)


# --- failures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FailureError(Exception):
    """The function raised."""

    kind: str
    message: str

    def explained(self, name: str) -> DocumentError:
        kind = getattr(errors, self.kind, None)
        if isinstance(kind, type) and issubclass(kind, DocumentError):
            return kind(self.message)
        log.warning("a reader failed: %s: %s", self.kind, self.message)
        return UnreadableDocumentError(
            f"{name} holds something that its reader cannot handle; save it anew and add that."
        )


def _explanation(name: str, child: _Child, failure: Exception) -> DocumentError:
    """Return the error that tells why a child did not answer."""
    code = child.process.returncode
    if isinstance(failure, MemoryError) or (child.died_by_itself and code == -signal.SIGKILL):
        return DocumentTooLargeError(
            f"{name} needs more memory than the {child.memory_bytes / 2**20:.0f} MB allowed; split it."
        )
    if code == -signal.SIGXCPU:
        return DocumentTimedOutError(f"{name} took too much processor time to read; split it.")
    return UnreadableDocumentError(f"{name} crashed its reader, so it is probably damaged; save it anew and add that.")


# --- talking ----------------------------------------------------------------------------------------------------------


def _send(link: socket.socket, message: Payload, data: bytes, patience: _Patience) -> None:
    head = json.dumps(message).encode()
    rest = memoryview(_HEADER.pack(len(head), len(data)) + head + data)
    while rest:
        rest = rest[patience.until_done(link, partial(link.send, rest[:_PORTION])) :]


def _receive(link: socket.socket, patience: _Patience) -> tuple[Payload, bytes]:
    head, data = _HEADER.unpack(_read(link, _HEADER.size, patience))
    if head + data > _REPLY_BYTES:
        raise _ChildDiedError("it announced too large an answer")
    try:
        reply = json.loads(_read(link, head, patience))
    except ValueError as error:
        raise _ChildDiedError("its answer is not JSON") from error
    if not isinstance(reply, dict) or not reply.keys() & {"result", "error"}:
        raise _ChildDiedError("its answer is neither a result nor an error")
    return reply, _read(link, data, patience)


def _read(link: socket.socket, size: int, patience: _Patience) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = patience.until_done(link, partial(link.recv, min(size - len(parts), _PORTION)))
        if not part:
            raise _ChildDiedError("it hung up")
        parts += part
    return bytes(parts)


shared = Sandbox()
"""The children that all readers use."""
atexit.register(shared.close)
