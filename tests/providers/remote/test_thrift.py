"""Spending less: the response cache, the cached prompt, small models for simple tasks, structured answers and tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.errors import ProviderError
from rag.providers import presets
from rag.providers.anthropic_messages import AnthropicMessages
from rag.providers.attempts import Job
from rag.providers.messages import CallEnd, CitedEvent, Excerpt, Message, Request, Tool, ToolCall
from rag.providers.routing import SIMPLE, Routing, choose
from rag.providers.structured import ask_for_json, parse
from rag.providers.tools import ToolResult, converse
from rag.store.responses import Responses
from rag.types import TextEvent
from tests.faultserver import FaultServer
from tests.faultserver.wire import words
from tests.providers.remote.kit import PATIENT, WIRES, Bench, close, make_bench

GOOD = "".join(words(12))
SCHEMA = {
    "title": "finding", "type": "object", "additionalProperties": False, "required": ["year", "name"],
    "properties": {"year": {"type": "integer"}, "name": {"type": "string"}},
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Responses]:
    store = Responses(tmp_path / "responses.sqlite3")
    yield store
    store.close()


@pytest.fixture
def caching(server: FaultServer, store: Responses) -> Iterator[Bench]:
    bench = make_bench(server, store=store)
    yield bench
    close(bench)


# --- the response cache ---


@pytest.mark.parametrize("wire", WIRES)
def test_an_equal_request_is_answered_from_the_cache_for_free(caching: Bench, wire: str) -> None:
    """The same text and citations, labelled, at no cost, with a row that says "cached", and no request."""
    step = "ok?cite=kb1"
    first, second = (caching.run(wire, step, reuse="use") for _ in range(2))
    assert (first.result.text, first.result.cited) == (second.result.text, second.result.cited)
    assert (False, True) == (first.result.cached, second.result.cached)
    assert 1 == len(caching.server.of(step))
    row = caching.rows.rows[-1]
    assert ("cached", True, 0.0, "cache") == (row.status, row.cached, row.cost_usd, row.price_source)


def test_anything_that_matters_makes_another_request(caching: Bench) -> None:
    """Model, prompt, excerpts, schema and limits are in the key."""
    variants: list[dict[str, Any]] = [
        {}, {"system": "Be brief."}, {"temperature": 0.5}, {"max_output_tokens": 9}, {"effort": "low"}, {"schema": SCHEMA},
        {"messages": (Message("user", "Other?"),)},
        {"messages": (Message("user", "Other?", (Excerpt("1", "t", "x"),)),)},
        {"messages": (Message("user", "Other?", (Excerpt("1", "t", "y"),)),)},
    ]  # fmt: skip
    for variant in variants:
        assert not caching.run("openai", "ok", reuse="use", **variant).result.cached
    assert not caching.run("anthropic", "ok", reuse="use").result.cached
    for variant in variants:
        assert caching.run("openai", "ok", reuse="use", **variant).result.cached


@pytest.mark.parametrize("step", ["length", "refusal", "empty", "tool", "cut"])
def test_only_a_complete_answer_is_kept(caching: Bench, step: str) -> None:
    """Never one that was cut off, declined, empty, broken off or that called tools."""
    caching.run("openai", step, reuse="use")
    before = len(caching.server.of(step))
    caching.run("openai", step, reuse="use")
    assert len(caching.server.of(step)) > before


def test_a_stopped_answer_is_not_kept(caching: Bench) -> None:
    """What a user stopped is no answer."""
    call = caching.call("openai", "ok?n=200&delay=0.01", reuse="use")
    next(e for e in call if isinstance(e, TextEvent))
    call.stop()
    call.wait(30)
    assert not caching.run("openai", "ok?n=3", reuse="use").result.cached
    assert not any(r.status == "cached" for r in caching.rows.rows)


def test_off_and_refresh_go_to_the_model(caching: Bench) -> None:
    """A new answer can be had; "refresh" keeps it in place of the old one."""
    caching.server.replies["m"] = ["one", "two", "three"]
    assert "one" == caching.run("openai", "m", reuse="use").result.text
    assert "two" == caching.run("openai", "m", reuse="refresh").result.text
    assert "three" == caching.run("openai", "m", reuse="off").result.text
    assert "two" == caching.run("openai", "m", reuse="use").result.text


def test_answers_leave_when_their_time_is_over(tmp_path: Path) -> None:
    """A cache is bounded in time and in number."""
    now = [1000.0]
    store = Responses(tmp_path / "r.sqlite3", most=3, clock=lambda: now[0])
    store.put("a", {"text": "x"}, ttl_s=10)
    assert {"text": "x"} == store.get("a")
    now[0] += 11
    assert store.get("a") is None
    for i in range(6):
        store.put(f"k{i}", {"n": i}, ttl_s=100 + i)
    assert [None, None, None, {"n": 3}, {"n": 4}, {"n": 5}] == [store.get(f"k{i}") for i in range(6)]
    store.clear()
    assert store.get("k5") is None
    store.close()


def test_a_damaged_cache_is_an_empty_one(tmp_path: Path) -> None:
    """It is never part of the truth: questions go to the model then."""
    (tmp_path / "r.sqlite3").write_bytes(b"not a database at all, no" * 200)
    store = Responses(tmp_path / "r.sqlite3")
    assert store.get("a") is None
    store.close()


# --- the cached prompt ---


def test_the_stable_prefix_is_marked_for_anthropic(bench: Bench) -> None:
    """Breakpoints at the end of tools, system prompt and earlier turns; never on the last message, which changes every time."""
    tool = Tool("search", "d", {"type": "object", "properties": {}})
    turns = (
        Message("user", "first", (Excerpt("a", "A", "x"),)),
        Message("assistant", "reply"),
        Message("user", "second"),
    )
    bench.run("anthropic", "ok", system="Be brief.", messages=turns, tools=(tool,))
    body = bench.server.exchanges[-1].body
    mark = {"type": "ephemeral"}
    assert mark == body["tools"][-1]["cache_control"] == body["system"][-1]["cache_control"]
    assert mark == body["messages"][1]["content"][-1]["cache_control"]
    assert "cache_control" not in json.dumps(body["messages"][-1])
    bench.run("anthropic", "ok", system="Be brief.", messages=turns, cache_prompt=False)
    assert "cache_control" not in json.dumps(bench.server.exchanges[-1].body)


# --- what each wire is sent ---


def test_excerpts_are_sources_for_anthropic_and_text_for_others(bench: Bench) -> None:
    """Native citations come back by source, after the words that they support; other models read the plain form."""
    question = Message(
        "user", "When?", (Excerpt("kb7", "Report", "It was in 2019.", plain="[1] Report: It was in 2019."),)
    )
    outcome = bench.run("anthropic", "ok?cite=kb7&quote=in+2019", messages=(question,))
    source, text = bench.server.exchanges[-1].body["messages"][0]["content"]
    assert ("search_result", "kb7", "Report", True) == (
        source["type"], source["source"], source["title"], source["citations"]["enabled"],
    )  # fmt: skip
    assert "When?" == text["text"]
    assert [CitedEvent("kb7", "in 2019", 0)] == list(outcome.result.cited)
    bench.run("openai", "ok", messages=(question,))
    assert "[1] Report: It was in 2019.\n\nWhen?" == bench.server.exchanges[-1].body["messages"][0]["content"]


def test_what_a_model_cannot_take_is_left_out(bench: Bench) -> None:
    """No temperature for Anthropic and for reasoning models, citations not together with a schema."""
    everything: dict[str, Any] = {"temperature": 0.2, "effort": "low", "schema": SCHEMA, "max_output_tokens": 50}
    bench.run("anthropic", "ok", **everything, messages=(Message("user", "q", (Excerpt("a", "A", "x"),)),))
    body = bench.server.exchanges[-1].body
    assert "temperature" not in body and 50 == body["max_tokens"]
    assert {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"} == body["output_config"]
    assert ["text", "text"] == [b["type"] for b in body["messages"][0]["content"]]
    bench.run("openai", "gpt-6-luna", **everything)
    body = bench.server.exchanges[-1].body
    assert "temperature" not in body and "low" == body["reasoning_effort"]
    assert body["response_format"]["json_schema"]["strict"]
    bench.run("openai", "some-model", **everything)
    body = bench.server.exchanges[-1].body
    assert 0.2 == body["temperature"] and "reasoning_effort" not in body
    assert {"type": "json_object"} == body["response_format"]


def test_a_server_that_only_speaks_like_anthropic_is_sent_what_it_declares(server: FaultServer) -> None:
    """Neither marks for a cache nor an output format nor effort: it need not know them, and may refuse the request."""
    bench = make_bench(server)
    target = bench.adapters.pop("anthropic").target
    bench.adapters["anthropic"] = AnthropicMessages(
        target, PATIENT, lambda model: presets.capabilities("anthropic-compatible", model)
    )
    bench.run("anthropic", "ok", effort="low", schema=SCHEMA, system="Be brief.")
    close(bench)
    body = server.exchanges[-1].body
    assert "output_config" not in body and "cache_control" not in json.dumps(body)


# --- structured answers ---


def ask(bench: Bench, wire: str, *replies: str) -> Any:
    bench.server.replies["form"] = list(replies)
    request = Request(f"{wire}/form", (Message("user", "Which?"),), schema=SCHEMA)
    return ask_for_json(request, lambda r: bench.runner.start(Job(r, (bench.route(wire, "form"),))).wait())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("reply", ['{"year": 2019, "name": "x"}', '```json\n{"year": 2019, "name": "x"}\n```'])
def test_a_structured_answer_is_checked(bench: Bench, wire: str, reply: str) -> None:
    """The value fits the schema, also out of a code fence, after one call."""
    found = ask(bench, wire, reply)
    assert {"year": 2019, "name": "x"} == found.value
    assert not found.was_repaired and 1 == len(bench.rows.rows)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "bad", ['{"year": "2019", "name": "x"}', "{'year': 1}", "Sure! Here it is.", '{"year": NaN, "name": "x"}']
)
def test_a_structured_answer_is_mended_once(bench: Bench, wire: str, bad: str) -> None:
    """The model hears what is wrong and corrects it."""
    found = ask(bench, wire, bad, '{"year": 2019, "name": "x"}')
    assert {"year": 2019, "name": "x"} == found.value
    assert found.was_repaired and 2 == len(bench.rows.rows)
    assert "does not fit the schema" in json.dumps(bench.server.exchanges[-1].body["messages"][-1])


@pytest.mark.parametrize("wire", WIRES)
def test_a_second_misfit_is_an_error(bench: Bench, wire: str) -> None:
    """There is no third try."""
    with pytest.raises(ProviderError, match="did not keep to the form"):
        ask(bench, wire, "no", "still no")
    assert 2 == len(bench.rows.rows)


@pytest.mark.parametrize("wire", WIRES)
def test_an_empty_answer_is_mended_as_well(bench: Bench, wire: str) -> None:
    """It goes back as a turn that no provider refuses."""
    bench.server.replies["empty;ok"] = ["", '{"year": 2019, "name": "x"}']
    request = Request(f"{wire}/empty;ok", (Message("user", "Which?"),), schema=SCHEMA)
    found = ask_for_json(request, lambda r: bench.runner.start(Job(r, (bench.route(wire, "empty;ok"),))).wait())
    assert found.was_repaired and 2019 == found.value["year"]
    assert bench.server.exchanges[-1].body["messages"][-2]["content"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("step", "words"), [("length", "output limit"), ("refusal", "declined to answer")])
def test_what_another_try_would_repeat_is_not_tried(bench: Bench, wire: str, step: str, words: str) -> None:
    """An answer at its limit, or a refusal, is told for what it is, and paid once."""
    request = Request(f"{wire}/{step}", (Message("user", "Which?"),), schema=SCHEMA)
    with pytest.raises(ProviderError, match=words):
        ask_for_json(request, lambda r: bench.runner.start(Job(r, (bench.route(wire, step),))).wait())
    assert 1 == len(bench.rows.rows)


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/missing"}, {"$ref": "http://x.example/s"}, {"$ref": "#"}])
def test_a_schema_that_leads_nowhere_is_a_misfit(schema: dict[str, Any]) -> None:
    """Nothing is loaded for it, and no answer is lost over it."""
    assert ["the schema cannot be applied"] == [p.partition(" (")[0] for p in parse('{"year": 1}', schema)[1]]
    assert ["it is not valid JSON"] == parse("[" * 100_000, schema)[1]


def test_problems_name_the_place() -> None:
    """What the model is told has the path of each misfit."""
    _, problems = parse('{"year": "x"}', SCHEMA)
    assert ["$.year: 'x' is not of type 'integer'", "$: 'name' is a required property"] == sorted(
        problems, reverse=True
    ) or problems


# --- tools ---


def tool_run(bench: Bench, wire: str, model: str, *tools: Tool, **more: Any) -> list[Any]:
    request = Request(f"{wire}/{model}", (Message("user", "Look it up."),), tools=tools)
    return list(converse(request, lambda r: bench.runner.start(Job(r, (bench.route(wire, model),))), **more))


def search_tool(calls: list[str]) -> Tool:
    def search(query: str) -> str:
        calls.append(query)
        return f"found {query}"

    schema = {
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
        "additionalProperties": False,
    }
    return Tool("search", "Search the documents.", schema, search)


@pytest.mark.parametrize("wire", WIRES)
def test_a_tool_is_called_and_its_result_goes_back(bench: Bench, wire: str) -> None:
    """One declaration serves both formats; the call and its result are in the next request as that format wants them."""
    calls: list[str] = []
    events = tool_run(bench, wire, 'tool?args={"query": "x"};ok', search_tool(calls))
    assert ["x"] == calls
    assert [("search", '{"query": "x"}')] == [(e.name, e.arguments) for e in events if isinstance(e, ToolCall)]
    assert ["found x"] == [e.text for e in events if isinstance(e, ToolResult)]
    assert isinstance(events[-1], CallEnd) and GOOD == events[-1].result.text
    last = bench.server.exchanges[-1].body["messages"]
    if wire == "openai":
        assert ("tool", "call_1", "found x") == (last[-1]["role"], last[-1]["tool_call_id"], last[-1]["content"])
        assert "call_1" == last[-2]["tool_calls"][0]["id"]
    else:
        result = last[-1]["content"][0]
        assert ("tool_result", "toolu_1", "found x") == (result["type"], result["tool_use_id"], result["content"])
        assert {"query": "x"} == last[-2]["content"][0]["input"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("tool?args={oops", "not JSON"),
        ('tool?args={"query": 5}', "do not fit"),
        ('tool?args={"query": "x", "more": 1}', "do not fit"),
        ("tool?name=delete_all", "There is no tool 'delete_all'"),
    ],
)
def test_an_invalid_call_runs_nothing_and_the_model_hears_of_it(bench: Bench, wire: str, step: str, told: str) -> None:
    """Broken JSON, arguments that do not fit, a tool that does not exist: one try to mend it, then it has to answer."""
    calls: list[str] = []
    events = tool_run(bench, wire, f"{step};{step};ok", search_tool(calls))
    results = [e for e in events if isinstance(e, ToolResult)]
    assert [] == calls
    assert 2 == len(results) and all(r.is_error and told in r.text for r in results)
    assert GOOD == events[-1].result.text
    assert "none" in json.dumps(bench.server.exchanges[-1].body["tool_choice"])


@pytest.mark.parametrize("wire", WIRES)
def test_a_tool_that_fails_is_told_to_the_model(bench: Bench, wire: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its reason stays in the log; the answer goes on."""

    def broken(query: str) -> str:
        raise RuntimeError("disk on fire")

    tool = Tool("search", "d", {"type": "object", "properties": {"query": {"type": "string"}}}, broken)
    events = tool_run(bench, wire, "tool;ok", tool)
    (result,) = [e for e in events if isinstance(e, ToolResult)]
    assert result.is_error and "disk" not in result.text
    assert GOOD == events[-1].result.text


@pytest.mark.parametrize("wire", WIRES)
def test_the_loop_is_bounded(bench: Bench, wire: str) -> None:
    """A model that never stops calling gets a last turn in which it may not."""
    calls: list[str] = []
    events = tool_run(bench, wire, "tool", search_tool(calls), most_turns=4)
    assert 3 == len(calls) and 4 == len(bench.server.exchanges)
    assert isinstance(events[-1], CallEnd)


# --- small and large models ---


def test_simple_tasks_go_to_the_small_model_hard_ones_to_the_large() -> None:
    """The rule is by task, size and number of documents; each choice comes with its reason."""
    routing = Routing("a/chosen", small="a/small", large="a/large")
    assert ["a/small"] * 3 == [choose(t, routing).model for t in SIMPLE]
    assert "a/chosen" == choose("answer", routing, prompt_tokens=500, documents=3).model
    assert "a/large" == choose("answer", routing, prompt_tokens=40_000).model
    assert "a/large" == choose("answer", routing, documents=20).model
    assert all(choose(t, routing).reason.endswith(".") for t in ("title", "answer"))


def test_the_rule_can_be_overridden() -> None:
    """For one task, or altogether; without a small or large model everything goes to the chosen one."""
    assert "b/x" == choose("title", Routing("a/c", small="a/s", overrides={"title": "b/x"})).model
    assert "a/c" == choose("title", Routing("a/c", small="a/s", is_on=False)).model
    assert "a/c" == choose("title", Routing("a/c")).model == choose("answer", Routing("a/c"), prompt_tokens=10**6).model
