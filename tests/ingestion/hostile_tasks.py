"""Readers that do what a hostile file might make a real one do; they run in the sandbox's children, never here."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any

Answer = tuple[dict[str, Any], bytes]
_kept: list[bytes] = []


def echo(payload: dict[str, Any], data: bytes) -> Answer:
    return {"pid": os.getpid(), **payload}, data


def hang(payload: dict[str, Any], data: bytes) -> Answer:
    time.sleep(600)
    return {}, b""


def spin(payload: dict[str, Any], data: bytes) -> Answer:
    while True:
        pass


def segfault(payload: dict[str, Any], data: bytes) -> Answer:
    ctypes.string_at(0)
    return {}, b""


def leave(payload: dict[str, Any], data: bytes) -> Answer:
    os._exit(3)


def eat_memory(payload: dict[str, Any], data: bytes) -> Answer:
    while True:
        _kept.append(bytes(64 * 2**20))


def be_killed_for_memory(payload: dict[str, Any], data: bytes) -> Answer:
    os.kill(os.getpid(), 9)
    return {}, b""


def recurse(payload: dict[str, Any], data: bytes) -> Answer:
    return recurse(payload, data)


def confuse(payload: dict[str, Any], data: bytes) -> Answer:
    raise KeyError("/Root secret-internals")


def refuse(payload: dict[str, Any], data: bytes) -> Answer:
    from rag.errors import EncryptedDocumentError

    raise EncryptedDocumentError("a.pdf is protected by a password; save a copy without one.")


def poison(payload: dict[str, Any], data: bytes) -> Answer:
    """Leave the child so that its next call crashes."""
    globals()["echo"] = segfault
    return {}, b""


def talk_nonsense(payload: dict[str, Any], data: bytes) -> Answer:
    os.write(int(sys.argv[1]), b"\x00" * 15 + b"\x04\xff\xff\xff\xff")
    time.sleep(600)
    return {}, b""


def announce_too_much(payload: dict[str, Any], data: bytes) -> Answer:
    os.write(int(sys.argv[1]), b"\x00\x00\xff" + b"\x00" * 13)
    time.sleep(600)
    return {}, b""


def write_a_file(payload: dict[str, Any], data: bytes) -> Answer:
    with open(payload["path"], "wb") as file:
        file.write(b"x" * 10)
    return {}, b""


def look_around(payload: dict[str, Any], data: bytes) -> Answer:
    return {"environment": dict(os.environ), "modules": sorted(sys.modules)}, b""


def start_a_child(payload: dict[str, Any], data: bytes) -> Answer:
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
    return {"pid": pid}, b""
