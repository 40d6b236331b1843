"""Ask through a provider: answers, faults as sentences, checks, the model that answers and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faultserver import FaultServer

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"
TRUE = "The gearbox of turbine 3 failed [1]."


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Ask page with a provider whose key is in the environment and whose models are the server's faults."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("ask")
    gateway = page.bench.gateway
    models = ("ok", "401", "cut", "length", "refusal")
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="FAULT_KEY", models=models))
    gateway.book.add(gateway.configure("keyless", base_url=server.openai_url, key_env="NO_SUCH_KEY", models=("ok",)))
    return page


def ask(page: Any, model: str, question: str = QUESTION) -> Any:
    page.test.session_state["ask.model"] = model
    page.test.chat_input[0].set_value(question)
    page.run()
    for stream in page.bench.answers.values():
        stream.wait(30)
    return page.run()


def test_a_model_answers_with_its_name_tokens_and_cost(page: Any, server: FaultServer) -> None:
    """Under the answer stand who answered, what it used, and that its price is unknown rather than nothing."""
    server.replies["ok"] = [TRUE]
    said = ask(page, "fault/ok").drawn("ask.last")
    assert "gearbox" in said and "fault/ok" in said
    assert "tokens in" in said and "cost unknown" in said and "$0" not in said
    assert "1 of 1 sentence" in said


def test_what_was_found_and_not_cited_is_listed(page: Any, server: FaultServer) -> None:
    """The other excerpts stand below the answer, and each opens at its place."""
    server.replies["ok"] = [TRUE]
    page = ask(page, "fault/ok")
    assert "found and not cited" in page.drawn("ask.last")
    (stream,) = page.bench.answers.values()
    other = stream.result.hits[-1]
    page.pick("ask.open", f"{stream.id}:{other.chunk.id}")
    assert other.document_name in page.drawn("ask.passage.head")


def test_the_second_time_is_free(page: Any, server: FaultServer) -> None:
    """The same question again comes from the cache and says so."""
    server.replies["ok"] = [TRUE]
    ask(page, "fault/ok").press("New")
    assert "from the cache, free" in ask(page, "fault/ok").drawn("ask.last")


@pytest.mark.parametrize(
    ("model", "words"),
    [("401", "rejected"), ("cut", "Incomplete"), ("length", "cut off at the output limit"), ("refusal", "declined")],
)
def test_a_fault_is_a_sentence_and_the_page_goes_on(page: Any, server: FaultServer, model: str, words: str) -> None:
    """Whatever the provider does, a sentence says it and the next question can be asked."""
    assert words in ask(page, f"fault/{model}").drawn("ask.last")
    server.replies["ok"] = [TRUE]
    assert "gearbox" in ask(page, "fault/ok").drawn("ask.last")


def test_what_failed_can_be_asked_again(page: Any) -> None:
    """The button asks the same question once more, through the model that is chosen then."""
    page = ask(page, "fault/401")
    page.test.session_state["ask.model"] = "local/extractive"
    said = page.press("Ask again").drawn("ask.turns") + page.drawn("ask.last")
    assert 2 == said.count(QUESTION) and "gearbox" in said


def test_a_model_that_cannot_be_used_says_why(page: Any) -> None:
    """It stands in the list with its reason and cannot be chosen; wanting it anyway gets extracts and a sentence."""
    assert "NO_SUCH_KEY is not set" in page.run().drawn("ask.models")
    page = ask(page, "keyless/ok")
    assert any("keyless/ok cannot answer" in sentence for sentence in page.boxes())
    assert "Extracts, no AI-written answer" in page.drawn("ask.last")


def test_the_choice_is_kept(page: Any, visit_with_samples: Visit) -> None:
    """The next session begins with the model chosen last, and the address names it."""
    from pages.parts import models

    models.choose(page.bench, "fault/ok")
    later = visit_with_samples("ask")
    assert "fault/ok" == later.address("m")
    assert "fault/ok: price unknown" in later.drawn("ask.cost")


def test_a_known_price_is_said_before(page: Any) -> None:
    """The quiet line names the amount for a model with a price."""
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("openai", models=("gpt-4o-mini",)))
    gateway.set_key("openai", "sk-test-0123456789abcd", user=page.test.session_state["visitor"])
    page.test.session_state["ask.model"] = "openai/gpt-4o-mini"
    assert "about $0.00" in page.run().drawn("ask.cost")


def test_a_fallback_is_named(page: Any, server: FaultServer) -> None:
    """The note says who failed and who answered."""
    server.replies["ok"] = [TRUE]
    page.bench.gateway.book.set_fallbacks(["fault/ok"])
    assert "fault/401 failed, so fault/ok answered." in ask(page, "fault/401").drawn("ask.last")


def test_wrong_claims_are_marked(page: Any, server: FaultServer) -> None:
    """A figure that the source contradicts and a sentence without a source get their marks and their legend."""
    server.replies["ok"] = ["Turbine 3 was out of service for 99 days [1]. Whales were seen near the harbour wall."]
    said = ask(page, "fault/ok").drawn("ask.last")
    assert "0 of 2 sentences" in said
    assert "no source given" in said and "figure differs" in said


def test_a_hostile_answer_is_inert(page: Any, server: FaultServer) -> None:
    """Images, links and HTML of a model come out as notes and text."""
    server.replies["ok"] = [
        "![x](http://127.0.0.1:9/leak) [here](javascript:alert(1)) <b>bold</b> [1](http://evil.example)"
    ]
    said = ask(page, "fault/ok").drawn("ask.last")
    assert "image blocked: 127.0.0.1" in said and "<b>bold</b>" in said
    assert "![" not in page.markdown()


def test_a_conversation_is_renamed_found_and_saved(page: Any) -> None:
    """The title can be changed, the list searched, and the export holds question, quotes and cost."""
    import rag
    from pages.parts import export

    page = ask(page, "local/extractive")
    id = page.address("c")
    page.test.text_input(f"ask.title.{id}").set_value("Gearbox story")
    assert "Gearbox story" in page.run().drawn("ask.past")
    page.test.text_input("ask.find").set_value("nothing like it")
    assert "None has these words" in page.run().drawn("ask.past")
    text = export.conversation(rag.conversation(page.bench, id))
    assert text.startswith("# Gearbox story") and QUESTION in text and "p.\u00a03: “" in text and "$0.00" in text


def test_a_report_is_offered(page: Any, server: FaultServer) -> None:
    """The menu of conversations offers the conversation as a report, and the last answer alone once there are more."""
    server.replies["ok"] = [TRUE]
    page = ask(page, "fault/ok")
    assert ["Report .html", "Save as .md"] == [b.label for b in page.test.get("download_button")]
    page = ask(page, "local/extractive")
    assert "Report of the last answer alone" in [b.label for b in page.test.get("download_button")]


def test_an_export_holds_nothing_live() -> None:
    """What a model wrote is text in the file, too."""
    from pages.parts.export import _inert
    from tests.pages.test_safe_text import HOSTILE, parsed

    for source in HOSTILE:
        assert not parsed(_inert(source))[1] & {"image", "link_open", "html_inline", "html_block"}
