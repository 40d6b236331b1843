"""Ask through a provider: answers, faults as sentences, checks, the model that answers and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rag
from tests.faultserver import FaultServer

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"
TRUE = "The gearbox of turbine 3 failed [1]."


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


def do(page: Any, what: str, turn_id: str, model: str = "") -> Any:
    """Press a button of the row under an answer that starts another one: what its component would report."""
    from pages.parts.turn_bar import Pending

    turn = page.bench.turns.turn(turn_id)
    again = rag.generation.Again(turn_id, is_kept=what != "other", goes_on=what == "go_on")
    page.test.session_state["ask.pending"] = Pending(turn.question, again, model)
    page.run()
    for stream in page.bench.answers.values():
        stream.wait(30)
    return page.run()


def turns(page: Any) -> Any:
    return rag.conversation(page.bench, page.address("c")).turns


def test_what_failed_can_be_asked_again(page: Any) -> None:
    """Retry asks the same question through the model that is chosen then; the failed answer stays behind the arrows."""
    page = ask(page, "fault/401")
    (failed,) = turns(page)
    page.test.session_state["ask.model"] = "local/extractive"
    said = do(page, "retry", failed.stream_id).drawn("ask.last")
    assert "gearbox" in said and "2 of 2" in said
    (now,) = turns(page)
    assert (failed.stream_id, now.stream_id) == now.versions
    page.bench.turns.keep(failed.stream_id)
    assert "1 of 2" in page.run().drawn("ask.last")


def test_retry_does_not_take_the_answer_from_the_cache(page: Any, server: FaultServer) -> None:
    """Whoever asks again wants another answer."""
    server.replies["ok"] = [TRUE, "The crane arrived on 12 March [1]."]
    (first,) = turns(ask(page, "fault/ok"))
    assert "crane arrived" in do(page, "retry", first.stream_id).drawn("ask.last")


def test_another_model_stands_beside_until_one_is_kept(page: Any, server: FaultServer) -> None:
    """Two answers with their own lines; the first goes on to count until the second is kept, also after a reload."""
    server.replies["ok"] = [TRUE]
    (first,) = turns(ask(page, "local/extractive"))
    do(page, "other", first.stream_id, "fault/ok")
    assert "Extracts, no AI-written answer" in page.drawn("ask.pair.first")
    assert "fault/ok" in page.drawn("ask.pair.second") and "1 of 1 sentence" in page.drawn("ask.pair.second")
    assert [first.stream_id] == [turn.stream_id for turn in turns(page)]
    page.test.button(key="ask.pair.second.keep").click()
    assert "fault/ok" in page.run().drawn("ask.last")
    assert not page.address("v")


def test_a_cut_off_answer_is_gone_on_with(page: Any, server: FaultServer) -> None:
    """Continue writes on from the last whole word: one text, one set of citations, both costs; the half answer is gone."""
    page.bench.gateway.book.change("fault", models=("length;ok?go", "ok", "401"))
    server.replies["length;ok?go"] = [
        "The gearbox of turbine 3 failed on 9 February [1]. The crane arri",
        "arrived on 12 March [1] and it ran again on 28 March [1].",
    ]
    (half,) = turns(ask(page, "fault/length;ok?go"))
    assert "length" == half.answer.finish
    said = do(page, "go_on", half.stream_id, half.answer.model).drawn("ask.last")
    assert "cut off" not in said
    (whole,) = turns(page)
    assert whole.versions == (whole.stream_id,)
    text = whole.answer.text
    assert text.startswith("The gearbox of turbine 3 failed on 9 February [1]. The crane arr")
    assert 1 == text.count("crane") and text.endswith("28 March [1].")
    assert all(text.startswith(f"[{c.marker}]", c.at) for c in whole.answer.citations)
    assert whole.answer.usage.input_tokens > half.answer.usage.input_tokens
    page.test.session_state["ask.dialog"] = ("sent", whole.stream_id)
    said = page.run().drawn("ask.sent")
    assert (
        "Request to go on" in said
        and "Go on with the very next word" in said
        and 1 == said.count("Excerpts and question")
    )


def test_going_on_in_vain_keeps_what_was_there(page: Any, server: FaultServer) -> None:
    """The half answer stays in its place, can be gone on with again, and the sentence of the failure stands under it."""
    page.bench.gateway.book.change("fault", models=("length;401", "ok", "401"))
    server.replies["length;401"] = ["The gearbox of turbine 3 failed on 9 February [1]. The crane arri"]
    (half,) = turns(ask(page, "fault/length;401"))
    said = do(page, "go_on", half.stream_id, half.answer.model).drawn("ask.last")
    assert "gearbox of turbine 3" in said and "could not be gone on with" in said and "rejected" in said
    assert "Incomplete" in said and "Continue" in said and (half.stream_id,) == turns(page)[0].versions


def test_what_was_sent_can_be_seen_after_a_restart(page: Any, server: FaultServer) -> None:
    """Settings, excerpts with the numbers under which they are cited, and the prompt word for word, without any key."""
    from pages.parts import shared

    server.replies["ok"] = [TRUE]
    (turn,) = turns(ask(page, "fault/ok"))
    shared.close_bench()
    page.test.session_state["ask.dialog"] = ("sent", turn.stream_id)
    said = page.run().drawn("ask.sent")
    assert "You answer questions from numbered excerpts" in said and QUESTION in said
    assert "cited as [1]" in said and "hybrid, top 6" in said
    assert "sk-test" not in said


def test_a_judgement_is_kept_with_the_settings(page: Any) -> None:
    """A thumb and a note go to the feedback with model and options; the same thumb again takes it back."""
    from pages.parts import turn_bar

    (turn,) = turns(ask(page, "local/extractive"))
    turn_bar.judge(page.bench, turn, is_good=False)
    turn_bar.judge(page.bench, turn, is_good=False, note="wrong turbine")
    (kept,) = page.bench.feedback.list()
    assert (False, "wrong turbine") == (kept.is_good, kept.note)
    assert "local/extractive" == kept.settings["generate"]["model"] and 6 == kept.settings["search"]["top_k"]
    assert "Note" in page.run().drawn("ask.last")
    turn_bar.judge(page.bench, turn, is_good=False)
    assert [] == page.bench.feedback.list()


def test_a_follow_up_is_rewritten_by_the_model(page: Any, server: FaultServer) -> None:
    """The question that was searched for is shown; the model is asked with both forms."""
    server.replies["ok"] = [TRUE, "For how long was the gearbox of turbine 3 out of service?", "For 47 days [1]."]
    ask(page, "fault/ok")
    said = ask(page, "fault/ok", "And for how long was it out?").drawn("ask.last")
    assert "searched for: For how long was the gearbox of turbine 3 out of service?" in said
    last = server.of("ok")[-1].body["messages"][-1]["content"]
    assert "And for how long was it out?" in str(last) and "it means: For how long was the gearbox" in str(last)


def test_a_follow_up_without_a_model_takes_the_names_along(page: Any) -> None:
    """Extracts search for the question with the names of the one before, and say so; a question of its own stays."""
    ask(page, "local/extractive", "Did the board approve the Saltmarsh battery?")
    said = ask(page, "local/extractive", "Who voted against it?").drawn("ask.last")
    assert "searched for: Who voted against it? Saltmarsh" in said
    assert "searched for" not in ask(page, "local/extractive", QUESTION).drawn("ask.last")


def test_an_answer_as_json_is_held_to_its_schema(page: Any, server: FaultServer) -> None:
    """The schema goes along, markers stand in the strings, arrays stay arrays, and a misfit is said."""
    server.replies["ok"] = ['{"answer": "The gearbox failed [2].", "points": []}', '{"answer": [1]}']
    page.test.session_state["ask.style."] = "json"
    (turn,) = turns(ask(page, "fault/ok"))
    assert '{"answer": "The gearbox failed [1].", "points": []}' == turn.answer.text
    assert [1] == [c.marker for c in turn.answer.citations] and not turn.answer.note
    assert "schema" in str(server.of("ok")[0].body)
    do(page, "retry", turn.stream_id)
    (misfit,) = turns(page)
    assert '{"answer": [1]}' == misfit.answer.text and "does not fit the schema" in misfit.answer.note


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


def test_the_model_of_a_link_stays(visit_with_samples: Visit, page: Any) -> None:
    """New and another page clear the address; no other model, with another price, answers then."""
    linked = visit_with_samples("ask", m="fault/ok", q=QUESTION)
    assert ["fault/ok"] == [turn.answer.model for turn in turns(linked)]
    assert "fault/ok: price unknown" in linked.press("New").drawn("ask.cost")
    assert "fault/ok: price unknown" in linked.go("usage").go("ask").drawn("ask.cost")


def test_a_link_to_a_model_that_cannot_be_used_gets_extracts(visit_with_samples: Visit, page: Any) -> None:
    """Also for the question that is typed afterwards: no model that was chosen last by somebody answers, at its price."""
    from pages.parts import models

    models.choose(page.bench, "fault/ok")
    linked = visit_with_samples("ask", m="keyless/ok")
    linked.test.chat_input[0].set_value(QUESTION)
    (turn,) = turns(linked.run())
    assert "local/extractive" == turn.answer.model
    assert any("keyless/ok cannot answer" in sentence for sentence in linked.boxes())


def test_what_nobody_chose_is_not_chosen(visit_with_samples: Visit, page: Any) -> None:
    """The model chosen last stands in the address, but other work of this session asks the one that it would have asked."""
    from pages.parts import models

    page.bench.catalog.set_setting(models.SETTING, "fault/ok")
    fresh = visit_with_samples("ask").run()
    assert "fault/ok" == fresh.address("m") and models.CHOSEN not in fresh.test.session_state


def test_a_known_price_is_said_before(page: Any) -> None:
    """The quiet line names the amount for a model with a price."""
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("openai", models=("gpt-4o-mini",)))
    gateway.set_key("openai", "sk-test-0123456789abcd", user=page.test.session_state["visitor"])
    page.test.session_state["ask.model"] = "openai/gpt-4o-mini"
    assert "about $0.00" in page.run().drawn("ask.cost")


def test_search_says_what_would_be_sent_to_whom_and_for_how_much(page: Any) -> None:
    """The model chosen on Ask is named on Search; a price that is not known is said to be unknown, a known one follows the hits."""
    page.test.session_state["ask.model"] = "fault/ok"
    said = page.go("search", q=QUESTION, t="0.1").drawn("search.results")
    assert "Ask would send 6 chunks" in said and "to fault/ok" in said and "price unknown" in said and "$" not in said
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("openai", models=("gpt-4o-mini",)))
    gateway.set_key("openai", "sk-test-0123456789abcd", user=page.test.session_state["visitor"])
    page.test.session_state["ask.model"] = "openai/gpt-4o-mini"
    dear = page.run().drawn("search.results")
    cheap = page.pick("search.top_k", 1.0).drawn("search.results")
    amounts = [float(text.partition("about $")[2].split()[0]) for text in (dear, cheap)]
    assert amounts[0] > amounts[1] > 0


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
    text = export.conversation(page.bench, rag.conversation(page.bench, id))
    assert text.startswith("# Gearbox story") and QUESTION in text and "p.\u00a03: “" in text and "$0.00" in text


def test_a_report_is_offered(page: Any, server: FaultServer) -> None:
    """The menu of conversations offers the conversation as a report, and the last answer alone once there are more."""
    server.replies["ok"] = [TRUE]
    page = ask(page, "fault/ok")
    assert ["Report .html", "Save as .md"] == [b.label for b in page.test.get("download_button")]
    page = ask(page, "local/extractive")
    assert "Report of the last answer alone" in [b.label for b in page.test.get("download_button")]


def test_one_answer_is_exported_from_its_own_row(page: Any, server: FaultServer) -> None:
    """The row under an answer offers it as a report and as Markdown; the list of conversations names the model."""
    server.replies["ok"] = [TRUE]
    page = ask(page, "fault/ok")
    assert "fault/ok" in page.drawn("ask.past")
    page.test.session_state["ask.dialog"] = ("export", turns(page)[-1].stream_id)
    page.run()
    assert [2, 2] == [
        [b.label for b in page.test.get("download_button")].count(n) for n in ("Report .html", "Save as .md")
    ]


def test_an_export_holds_nothing_live() -> None:
    """What a model wrote is text in the file, too."""
    from pages.parts.export import _inert
    from tests.pages.test_safe_text import HOSTILE, parsed

    for source in HOSTILE:
        assert not parsed(_inert(source))[1] & {"image", "link_open", "html_inline", "html_block"}


def test_a_small_model_can_rewrite(page: Any, server: FaultServer) -> None:
    """The small model of the rule writes what is searched for, the chosen one answers."""
    page.bench.gateway.book.change("fault", models=("ok", "401", "small"))
    page.bench.catalog.set_setting("routing", {"small": "fault/small", "titles": False})
    server.replies |= {"ok": [TRUE], "small": ["When did the gearbox of turbine 3 fail?"]}
    ask(page, "fault/ok")
    assert "searched for: When did the gearbox" in ask(page, "fault/ok", "And when was that?").drawn("ask.last")
    assert 1 == len(server.of("small"))
    turn = turns(page)[-1]
    page.test.session_state["ask.dialog"] = ("sent", turn.stream_id)
    said = page.run().drawn("ask.sent")
    assert "written by fault/small" in said and "Before the search" in said
    given = [message["content"] for message in server.of("small")[0].body["messages"]]
    for text in given:
        assert " ".join(text.split()) in said, "word for word"


def test_what_a_rewriting_was_given_is_shown_where_nothing_was_found(page: Any, server: FaultServer) -> None:
    """No excerpt went out then, but the conversation did."""
    page.bench.gateway.book.change("fault", models=("ok", "small"))
    page.bench.catalog.set_setting("routing", {"small": "fault/small", "titles": False})
    server.replies |= {"ok": [TRUE], "small": ["How is a British passport renewed?"]}
    ask(page, "fault/ok")
    ask(page, "fault/ok", "And how is that renewed?")
    page.test.session_state["ask.dialog"] = ("sent", turns(page)[-1].stream_id)
    said = page.run().drawn("ask.sent")
    assert "none of it was sent" in said and "Before the search" in said and "And how is that renewed?" in said


def test_a_rewriting_model_that_fails_is_no_failure(page: Any, server: FaultServer) -> None:
    """The names of the question before do then, and the answer comes."""
    page.bench.catalog.set_setting("routing", {"small": "fault/401"})
    server.replies["ok"] = [TRUE]
    ask(page, "fault/ok")
    said = ask(page, "fault/ok", "And when was it?").drawn("ask.last")
    assert "searched for: And when was it?" in said and "gearbox" in said


def test_not_found_names_no_model_that_was_not_asked(page: Any, server: FaultServer) -> None:
    """Nothing passed the threshold, so nothing was sent: the line under the answer says so in place of a model's name."""
    said = ask(page, "fault/ok", "How do I renew a British passport?").drawn("ask.last")
    assert "Not found in these documents" in said and "no model was asked" in said and "fault/ok" not in said
    assert not server.of("ok")
