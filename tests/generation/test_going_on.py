"""Continue: the begun text is part of the prompt and of its size, and what brings nothing leaves the answer that was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rag
from rag.generation import Again
from rag.store.conversations import Turn
from rag.types import Answer, GenerateOptions, Upload
from tests.faultserver import FaultServer

QUESTION = "When was the harbour dredged?"
WINDOW = 3000
HALF = (
    "The harbour was dredged in 1901 [2]. "
    + "It took the town eleven weeks of work in the cold of that winter. " * 50
    + "The"
)
REST = "The cost was 4,200 pounds [1]."


@pytest.fixture
def bench(tmp_path: Path, server: FaultServer) -> Iterator[rag.Workbench]:
    """Eight documents that answer the question, and a model with a small window whose answers are cut off."""
    with rag.open_workbench(tmp_path / "data") as opened:
        uploads = [
            Upload(
                f"harbour {n}.txt",
                f"The harbour was dredged in {1900 + n} by the town. {'It was hard work. ' * 12}".encode(),
            )
            for n in range(8)
        ]
        rag.ingest(opened, uploads)
        gateway = opened.gateway
        gateway.book.add(gateway.configure("open", base_url=server.openai_url))
        gateway.book.add(gateway.configure("claude", "anthropic", base_url=server.anthropic_url))
        yield opened


def cut_off(
    bench: rag.Workbench, server: FaultServer, wire: str, then: str, *, window: int = WINDOW, rest: str = REST
) -> tuple[str, Turn]:
    """Have an answer cut off at its length; return the conversation and its turn. The next call to the model does as `then` says."""
    model = f"length;{then}"
    bench.gateway.book.change(wire, windows={model: window})
    server.replies[model] = [HALF, rest]
    options = GenerateOptions(model=f"{wire}/{model}")
    stream = rag.ask(bench, QUESTION, search_options=rag.SearchOptions(top_k=8), generate_options=options)
    assert "length" == stream.wait(30).finish
    return str(stream.conversation_id), only(bench, str(stream.conversation_id))


def only(bench: rag.Workbench, conversation_id: str) -> Turn:
    (turn,) = rag.conversation(bench, conversation_id).turns
    return turn


def gone_on(bench: rag.Workbench, conversation_id: str, turn: Turn, **changes: Any) -> Answer:
    """Go on with an answer and return what its stream ended with."""
    record = bench.turns.record(turn.stream_id)
    assert record and turn.answer
    stream = rag.ask(
        bench, QUESTION, conversation_id=conversation_id, search_options=record.search, generate_options=record.generate,
        again=Again(turn.stream_id, goes_on=True),
    )  # fmt: skip
    if changes.get("stop"):
        stream.stop()
    return stream.wait(30)


@pytest.mark.parametrize("wire", ["open", "claude"])
def test_a_full_window_is_packed_with_what_was_begun(bench: rag.Workbench, server: FaultServer, wire: str) -> None:
    """The begun text and the excerpts that it cites go in, others make way, and the answer is given what is left of the window."""
    talk, half = cut_off(bench, server, wire, "ok")
    assert half.answer
    answer = gone_on(bench, talk, half)
    assert half.answer.text[:-3] in answer.text and "cost was 4,200 pounds" in answer.text, answer.error
    _, second = [e for e in server.exchanges if e.path.endswith(("/chat/completions", "/messages"))]
    cited = {c.hit.chunk.id for c in half.answer.citations}
    record = bench.turns.record(only(bench, talk).stream_id)
    assert record and record.sent and cited <= {hit.chunk.id for hit in record.sent.hits}
    kept = second.body.get("max_tokens") or second.body["max_completion_tokens"]
    assert record.sent.token_estimate + kept <= WINDOW and kept >= 200
    assert answer.citations[0].hit.chunk.id == half.answer.citations[0].hit.chunk.id


@pytest.mark.parametrize("wire", ["open", "claude"])
def test_what_was_sent_is_what_went_out(bench: rag.Workbench, server: FaultServer, wire: str) -> None:
    """Every message of the request stands in the record, the begun text and the request to go on among them, and no other."""
    talk, half = cut_off(bench, server, wire, "ok", window=60_000)
    gone_on(bench, talk, half)
    record = bench.turns.record(only(bench, talk).stream_id)
    assert record and record.sent
    body = server.exchanges[-1].body
    went = [(m["role"], said(m["content"])) for m in body["messages"] if m["role"] != "system"]
    assert went == [(role, text.replace("\n\n", "")) for role, text in record.sent.messages]
    assert ["user", "assistant", "user"] == [role for role, _ in went]
    assert 1 == record.sent.question_at


def said(content: Any) -> str:
    """Return the text of a message as a provider got it, without the blank lines between its parts."""
    parts = [content] if isinstance(content, str) else [read(part) for part in content]
    return "".join(parts).replace("\n\n", "")


def read(part: dict[str, Any]) -> str:
    if part["type"] == "search_result":
        return f"[{part['source']}] {part['title']}\n{part['content'][0]['text']}"
    return str(part["text"])


@pytest.mark.parametrize(("then", "told"), [("401", "rejected"), ("empty", "nothing more"), ("refusal", "declined")])
def test_what_brings_nothing_leaves_the_answer_that_was_there(
    bench: rag.Workbench, server: FaultServer, then: str, told: str
) -> None:
    """The partial answer stays the kept and only one, and says why it could not be gone on with, once, however often it is tried."""
    talk, half = cut_off(bench, server, "open", then, window=60_000, rest="")
    assert half.answer
    for _ in range(2):
        gone_on(bench, talk, only(bench, talk))
        now = only(bench, talk)
        assert now.answer and (half.stream_id, (half.stream_id,)) == (now.stream_id, now.versions)
        assert (half.answer.text, half.answer.citations, "length") == (
            now.answer.text,
            now.answer.citations,
            now.answer.finish,
        )
        assert told in now.answer.error and 1 == now.answer.error.count("gone on with")
    assert bench.turns.record(now.stream_id)


def test_a_window_that_cannot_hold_it_says_so(bench: rag.Workbench, server: FaultServer) -> None:
    """No request is made, and the sentence stands under the answer that was there."""
    talk, half = cut_off(bench, server, "open", "ok", window=60_000)
    bench.gateway.book.change("open", windows={"length;ok": 1200})
    gone_on(bench, talk, half)
    now = only(bench, talk).answer
    assert now and half.answer and half.answer.text == now.text
    assert "larger window" in now.error and 1 == len(server.of("length;ok"))


def test_a_stop_before_the_first_word_leaves_it_too(bench: rag.Workbench, server: FaultServer) -> None:
    """Stopped before anything came: as it was, and said."""
    talk, half = cut_off(bench, server, "open", "slow?s=20", window=60_000)
    gone_on(bench, talk, half, stop=True)
    now = only(bench, talk)
    assert now.answer and half.answer and (half.stream_id, half.answer.text) == (now.stream_id, now.answer.text)
    assert "stopped before anything came" in now.answer.error
