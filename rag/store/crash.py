"""Points where a test may kill the process, to show that a crash there loses nothing.

With `RAG_CRASH_AT=n` in the environment the n-th point that is passed ends the process as `kill -9` would. Without it a point
costs one comparison.
"""

from __future__ import annotations

import os
import signal

_crash_at = int(os.environ.get("RAG_CRASH_AT", "0") or "0")
_passed = 0


def arm(number: int) -> None:
    """Crash at the point with this number, counted from now; 0 disarms."""
    global _crash_at, _passed
    _crash_at, _passed = number, 0


def point(name: str) -> None:
    """Pass the point `name`; the names are for readers of the code, the walk goes by number."""
    global _passed
    if not _crash_at:
        return
    _passed += 1
    if _passed == _crash_at:
        os.write(2, f"crash at {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
