"""The one event loop on which all calls to providers run, in a daemon thread of its own.

Only an asyncio task can be cancelled at any moment, also while it waits for the first byte: closing a stream from another thread does
not wake a reader that is blocked on a silent server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def loop() -> asyncio.AbstractEventLoop:
    """Return the loop, started when it is first asked for."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="provider-calls", daemon=True).start()
        return _loop


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine on the loop, from any other thread."""
    return asyncio.run_coroutine_threadsafe(work, loop())


def finish(work: Coroutine[Any, Any, None], within_s: float) -> None:
    """Run a coroutine that tidies up; one that takes longer goes on by itself, because nobody shall fail or wait for it."""
    running = submit(work)
    running.add_done_callback(_tell)
    wait([running], within_s)


def _tell(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.warning("closing a connection failed: %s", error)
