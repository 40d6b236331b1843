"""Limits of each visitor, over real HTTP."""

from __future__ import annotations

import time
from pathlib import Path

import rag
from rag.providers.messages import Message, Request
from tests.faultserver import FaultServer


def test_the_limit_of_each_visitor_holds_for_each_alone(tmp_path: Path, server: FaultServer) -> None:
    """Who has used up the minute waits, nobody else does; waiting is stopped at once and sends nothing."""

    def asked(text: str) -> Request:
        return Request("fault/ok", (Message("user", text),), max_output_tokens=50)

    with rag.open_workbench(tmp_path) as bench:
        gateway = bench.gateway
        each = {"requests_per_minute": 1, "concurrent": None}
        gateway.book.add(
            gateway.configure("fault", base_url=server.openai_url, models=("ok",), key_env="HOME", per_user=each)
        )
        gateway.run(asked("first of Ann"), user="ann")
        waiting = gateway.start(asked("second of Ann"), user="ann")
        gateway.run(asked("first of Bob"), user="bob")
        gateway.run(asked("of the command line"))
        time.sleep(0.3)
        sent = [str(e.body["messages"][-1]["content"]) for e in server.of("ok")]
        assert ["first of Ann", "first of Bob", "of the command line"] == sent
        waiting.stop()
        assert "stopped" == waiting.wait().finish
        assert 3 == len(server.of("ok"))
