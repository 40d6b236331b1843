"""A call that has ended leaves nothing for the garbage collector, which would tear the readers of its reply apart in any thread."""

from __future__ import annotations

import asyncio
import gc
import inspect

import pytest

from rag.providers.loop import submit
from tests.faultserver import FaultServer
from tests.providers.remote.kit import WIRES, close, make_bench

STEPS = (
    "ok", "cut;ok", "early_end;ok", "garbage;ok", "overload?after=6;ok", "error?after=6", "close;ok", "429;ok", "refusal", "tool",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("wire", WIRES)
def test_no_reader_of_a_reply_is_left_to_the_collector(server: FaultServer, wire: str, step: str) -> None:
    """However a call ends: what read its reply has come to its end on the loop, where it ran."""
    bench = make_bench(server)
    bench.run(wire, "ok")  # imports, and what is kept for good
    submit(_turns()).result(10)
    gc.freeze()  # what is there already is looked at by nobody: that takes a second a time
    gc.disable()
    try:
        bench.run(wire, step)
        submit(_turns()).result(10)
        left = [thing for thing in gc.get_objects() if inspect.isasyncgen(thing) and thing.ag_frame is not None]
    finally:
        gc.enable()
        gc.unfreeze()
    close(bench)
    assert [] == left


async def _turns() -> None:
    """Let the loop do what is due."""
    for _ in range(50):
        await asyncio.sleep(0)
