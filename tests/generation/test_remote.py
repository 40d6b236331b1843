"""Answers by remote models, over real HTTP against a provider that fails by script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from rag.errors import ProviderError
from rag.types import Answer, GenerateOptions, Upload
from tests.faultserver import FaultServer
from tests.waiting import until

QUESTION = "When was the harbour dredged?"
TEXT = b"The harbour was dredged in 1931 by the town. It took eleven weeks and cost 4,200 pounds."


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, server: FaultServer) -> Iterator[rag.Workbench]:
    """A workbench with one document and two providers: `open` speaks OpenAI's format, `claude` Anthropic's."""
    with rag.open_workbench(tmp_path / "data") as opened:
        rag.ingest(opened, [Upload("harbour.txt", TEXT)])
        gateway = opened.gateway
        gateway.book.add(gateway.configure("open", base_url=server.openai_url))
        gateway.book.add(gateway.configure("claude", "anthropic", base_url=server.anthropic_url))
        yield opened


def answered(bench: rag.Workbench, model: str, **options: object) -> Answer:
    """Search and answer with that model."""
    chosen = GenerateOptions(model=model, **options)  # type: ignore[arg-type]
    return rag.generate(bench, rag.search(bench, QUESTION), options=chosen).wait(30)


def attempts(bench: rag.Workbench) -> list[str]:
    """The status of each call to a remote model, in order."""
    return [r.status for r in reversed(bench.ledger.records()) if r.provider != "local"]


@pytest.mark.parametrize("provider", ["open", "claude"])
def test_an_answer_cites_what_was_sent(bench: rag.Workbench, server: FaultServer, provider: str) -> None:
    """On both wires the markers become citations of the excerpts, and one row is in the ledger."""
    model = f"ok?cites={provider}"
    server.replies[model] = ["The harbour was dredged in 1931 [1]."]
    answer = answered(bench, f"{provider}/{model}")
    assert ("complete", True, "The harbour was dredged in 1931 [1].") == (answer.finish, answer.found, answer.text)
    assert [(1, "harbour.txt")] == [(c.marker, c.hit.document_name) for c in answer.citations]
    document = bench.catalog.document(answer.citations[0].hit.chunk.document_id)
    assert all(document.text[c.start : c.end] == c.quote for c in answer.citations)
    assert ["ok"] == attempts(bench)
    assert answer.usage.input_tokens > 0


def test_a_marker_that_was_never_sent_is_no_citation(bench: rag.Workbench, server: FaultServer) -> None:
    """It is shown as what it is."""
    server.replies["ok?spoof"] = ["Dredged in 1931 [1], deepened in 1944 [99]."]
    answer = answered(bench, "open/ok?spoof")
    assert "Dredged in 1931 [1], deepened in 1944 [99: no such source]." == answer.text
    assert [1] == [c.marker for c in answer.citations]


def test_the_same_question_again_is_free(bench: rag.Workbench, server: FaultServer) -> None:
    """The second answer comes from the cache, says so and costs nothing; the provider hears of one request."""
    server.replies["ok?again"] = ["In 1931 [1]."]
    first, second = answered(bench, "open/ok?again"), answered(bench, "open/ok?again")
    assert (False, True, 0.0) == (first.cached, second.cached, second.cost_usd)
    assert first.text == second.text
    assert 1 == sum(e.model == "ok?again" for e in server.exchanges)


@pytest.mark.parametrize(
    ("model", "words", "finish"),
    [
        ("401", "key", "failed"),
        ("missing", "model", "failed"),
        ("quota", "", "failed"),
        ("context", "", "failed"),
        ("empty", "no text", "failed"),
        ("refusal", "", "refused"),
    ],
)
def test_a_failure_is_its_sentence(bench: rag.Workbench, model: str, words: str, finish: str) -> None:
    """What a provider refuses becomes one sentence on the answer, and no traceback."""
    answer = answered(bench, f"open/{model}")
    sentence = answer.error or answer.note
    assert finish == answer.finish
    assert words in sentence and sentence.endswith((".", ")"))
    assert "Traceback" not in sentence
    assert 1 >= (answer.error + answer.note).count("returned no text")


def test_what_had_come_is_kept_when_the_stream_breaks(bench: rag.Workbench) -> None:
    """A stream that is cut leaves its text, marked as failed; nothing is stored as complete."""
    answer = answered(bench, "open/cut")
    assert "failed" == answer.finish
    assert answer.text and answer.error


@pytest.mark.parametrize("model", ["401", "500", "429", "cut", "refusal", "length", "ok?cites=free"])
def test_a_local_server_is_free_however_it_ends(bench: rag.Workbench, server: FaultServer, model: str) -> None:
    """Nobody bills a model that runs on this machine: each ending costs an explicit 0, in the answer and in the ledger."""
    bench.gateway.book.add(bench.gateway.configure("mine", "vllm", base_url=server.openai_url))
    answer = answered(bench, f"mine/{model}")
    assert 0.0 == answer.cost_usd
    assert {0.0} == {r.cost_usd for r in bench.ledger.records() if r.provider == "mine"}


def test_a_local_server_is_free_while_it_runs_and_when_it_is_stopped(bench: rag.Workbench, server: FaultServer) -> None:
    """Usage shows no unknown cost for a call that runs; a stand-in that costs is not made free by the model it stands in for."""
    gateway = bench.gateway
    gateway.book.add(gateway.configure("mine", "vllm", base_url=server.openai_url))
    gateway.book.add(gateway.configure("paid", "openai", base_url=server.openai_url, key_env="NO_SUCH"))
    gateway.set_key("paid", "sk-test-0123456789abcd")
    found = rag.search(bench, QUESTION)
    stream = rag.generate(bench, found, options=GenerateOptions(model="mine/slow?delay=20"))
    until(lambda: any(r.status == "started" for r in bench.ledger.records() if r.provider == "mine"))
    assert 0 == sum(t["unknown_costs"] for t in bench.ledger.totals("day"))
    stream.stop()
    assert 0.0 == stream.wait(1).cost_usd
    options = GenerateOptions(model="mine/401", fallbacks=("paid/slow?delay=21",))
    stream = rag.generate(bench, found, options=options)
    until(lambda: bool(server.of("slow?delay=21")))  # before it is sent it costs nothing
    stream.stop()
    assert stream.wait(1).cost_usd is None


def test_a_fallback_is_named(bench: rag.Workbench, server: FaultServer) -> None:
    """The answer names the model that gave it."""
    server.replies["ok?stand-in"] = ["In 1931 [1]."]
    answer = answered(bench, "open/401", fallbacks=("open/ok?stand-in",))
    assert ("complete", "open/ok?stand-in") == (answer.finish, answer.model)
    assert ["failed", "ok"] == attempts(bench)


def test_stop_ends_the_call(bench: rag.Workbench) -> None:
    """Stop before the first byte ends the answer at once and the request with it; the row says stopped."""
    stream = rag.generate(bench, rag.search(bench, QUESTION), options=GenerateOptions(model="open/slow?delay=20"))
    until(lambda: "started" in attempts(bench))
    stream.stop()
    assert "stopped" == stream.wait(1).finish
    until(lambda: attempts(bench) == ["stopped"])


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic-compatible"])
def test_any_compatible_server_has_no_price_until_one_is_entered(
    bench: rag.Workbench, server: FaultServer, kind: str
) -> None:
    """It answers and cites without a key; what it costs is unknown, also on this machine, as it may pass on to one that costs."""
    model = f"ok?cites={kind}"
    server.replies[model] = ["The harbour was dredged in 1931 [1]."]
    url = server.openai_url if kind.startswith("openai") else server.anthropic_url
    bench.gateway.book.add(bench.gateway.configure("ours", kind, base_url=url, models=(model,)))
    answer = answered(bench, f"ours/{model}")
    assert ("complete", 1, None) == (answer.finish, len(answer.citations), answer.cost_usd)
    bench.gateway.book.change("ours", prices={model: {"input": 1.0, "output": 2.0}})
    cost_usd = answered(bench, f"ours/{model}", use_cache=False).cost_usd
    assert cost_usd is not None and cost_usd > 0


def test_a_compatible_server_needs_an_address(bench: rag.Workbench) -> None:
    """There is no usual one."""
    with pytest.raises(ProviderError, match="enter one like https://"):
        bench.gateway.configure("ours", "openai-compatible")
