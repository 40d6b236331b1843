"""The main program of a sandbox's child. Started by its path, with nothing but the standard library to import from.

It limits itself before it sees any file, imports only the module that it serves (not the `rag` package around it, which
would take seconds), and then answers calls until the application hangs up or is gone.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import socket
import struct
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

_HEADER = struct.Struct("!QQ")
_ORPHAN_CHECK_S = 1.0


def main() -> None:
    """Serve the socket whose number is the first argument."""
    with socket.socket(fileno=int(sys.argv[1])) as link:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        hello, _ = _receive(link)
        sys.path[:] = hello["path"]
        _stand_in_for_packages()
        module = importlib.import_module(hello["module"])
        _limit(hello["memory_bytes"])
        while True:
            request, data = _receive(link)
            _limit_seconds(request["seconds"])
            _send(link, *_answer(module, request, data))


def _stand_in_for_packages() -> None:
    """Make the packages around the readers importable without running their `__init__`, which import everything."""
    here = Path(__file__).resolve().parent
    for name, folder in (("rag", here.parent), ("rag.ingestion", here), ("rag.ingestion.readers", here / "readers")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


def _answer(module: types.ModuleType, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        result, body = getattr(module, request["function"])(request["payload"], data)
        return {"result": result}, body
    except Exception as error:  # noqa: BLE001 - the parent decides what each error means
        return {"error": type(error).__name__, "message": str(error)}, b""


# --- limits -----------------------------------------------------------------------------------------------------------


def _limit(memory_bytes: int) -> None:
    _set(resource.RLIMIT_AS, memory_bytes)
    _set(resource.RLIMIT_FSIZE, 0)  # it has nothing to write
    _set(resource.RLIMIT_CORE, 0)


def _set(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS knows no limit of address space
        resource.setrlimit(which, (value, value))


def _limit_seconds(seconds: float) -> None:
    """Allow so much processor time from now on. The parent's clock comes first; this one works without a parent."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 5
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _end_with(parent: int) -> None:
    """End when the application does, however it ended."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_CHECK_S)
    os._exit(1)


# --- talking ----------------------------------------------------------------------------------------------------------


def _receive(link: socket.socket) -> tuple[dict[str, Any], bytes]:
    head, data = _HEADER.unpack(_read(link, _HEADER.size))
    message: dict[str, Any] = json.loads(_read(link, head))
    return message, _read(link, data)


def _read(link: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(min(size - len(parts), 2**20))
        if not part:
            os._exit(0)  # the application hung up
        parts += part
    return bytes(parts)


def _send(link: socket.socket, message: dict[str, Any], data: bytes) -> None:
    head = json.dumps(message).encode()
    link.sendall(_HEADER.pack(len(head), len(data)))
    link.sendall(head)
    link.sendall(data)


if __name__ == "__main__":
    main()
