"""Run the server by itself: `python -m tests.faultserver` prints its two base URLs and serves until its input ends."""

from __future__ import annotations

import sys

from tests.faultserver.server import FaultServer

if __name__ == "__main__":
    with FaultServer() as server:
        sys.stdout.write(f"{server.openai_url} {server.anthropic_url}\n")
        sys.stdout.flush()
        sys.stdin.read()
