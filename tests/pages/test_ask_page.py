"""Ask: answers with citations that open, and conversations that stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"


def ask(page: Any, question: str) -> Any:
    page.test.chat_input[0].set_value(question)
    return page.run()


def first_turn(page: Any) -> Any:
    import rag

    return rag.conversation(page.bench, page.address("c")).turns[0]


def test_without_documents_it_says_where_to_add_them(visit: Visit) -> None:
    """An empty collection cannot be asked, and says so."""
    page = visit("ask")
    assert "Nothing to ask yet" in page.drawn("ask.empty")
    assert page.test.chat_input[0].disabled


def test_an_answer_quotes_and_cites(visit_with_samples: Visit) -> None:
    """The answer is labelled as extracts, names document and page, and costs an explicit nothing."""
    said = ask(visit_with_samples("ask"), QUESTION).drawn("ask.last")
    assert "gearbox of turbine 3 failed" in said
    assert "Extracts, no AI-written answer" in said
    assert "brackwater-annual-report-2025.pdf p. 3" in said
    assert "$0.00" in said


def test_a_fresh_collection_offers_questions(visit_with_samples: Visit) -> None:
    """Without a conversation there are questions to begin with; pressing one asks it."""
    page = visit_with_samples("ask")
    assert "For example:" in page.drawn("ask.suggested")
    page.test.session_state["ask.suggested.picked"] = QUESTION
    assert "gearbox" in page.run().drawn("ask.last")


def test_suggested_questions_are_answered(visit_with_samples: Visit) -> None:
    """Those made of the documents' headings and sentences find something, each in the document it was made of."""
    import rag

    bench = visit_with_samples("ask").bench
    found = rag.generation.suggest(bench, bench.collection(), count=4)
    assert 3 <= len(found) <= 4
    for question in found:
        assert question.endswith("?")
        assert rag.search(bench, question, collection=bench.collection()).hits


def test_only_the_chosen_documents_answer(visit_with_samples: Visit) -> None:
    """The filter holds for the search, and what was sent says so; a brief answer is the best passage alone."""
    page = visit_with_samples("ask")
    handbook = next(d for d in page.bench.catalog.documents() if "handbook" in d.name)
    page.test.session_state[f"ask.documents.{page.bench.collection().id}."] = [handbook.id]
    page.test.session_state["ask.style."] = "brief"
    page = ask(page, "How many days of leave do employees have?")
    turn = first_turn(page)
    assert {handbook.name} == {c.hit.document_name for c in turn.answer.citations} and 1 == len(turn.answer.citations)
    page.test.session_state["ask.dialog"] = ("sent", turn.stream_id)
    said = page.run().drawn("ask.sent")
    assert "within a filter (1 document)" in said and "nothing was sent" in said and "brief" in said


def test_a_style_that_extracts_cannot_do_is_said(visit_with_samples: Visit) -> None:
    """The answer quotes anyway, and says that it does not go step by step."""
    page = visit_with_samples("ask")
    page.test.session_state["ask.style."] = "steps"
    assert "cannot answer step by step" in ask(page, QUESTION).drawn("ask.last")


def test_a_changed_style_goes_into_the_profile(visit_with_samples: Visit) -> None:
    """Style and instruction are kept with the profile and are there for whoever chooses it next."""
    from rag.types import Profile

    page = visit_with_samples("ask")
    page.bench.profiles.save(Profile("mine", is_default=True))
    page.test.session_state["ask.style.mine"] = "quotes"
    page.run().press("Keep in the profile")
    assert "quotes" == page.bench.profiles.get("mine").generate.style
    assert "" == page.bench.profiles.get("mine").generate.instruction


def test_a_link_asks(visit_with_samples: Visit) -> None:
    """A suggested question opens Ask with its answer; the address then names the conversation, not the question."""
    page = visit_with_samples("ask", q=QUESTION)
    assert "gearbox" in page.drawn("ask.last")
    assert not page.address("q") and page.address("c")


def test_a_citation_opens_its_page(visit_with_samples: Visit) -> None:
    """Picking a marker shows the page of the PDF with the passage, beside the chat."""
    page = ask(visit_with_samples("ask"), QUESTION)
    page.pick("ask.open", f"{first_turn(page).stream_id}:1")
    assert "brackwater-annual-report-2025.pdf" in page.drawn("ask.passage.head")
    assert page.pictures()


def test_a_citation_of_a_text_opens_in_context(visit_with_samples: Visit) -> None:
    """For formats without pages the words around the passage are shown."""
    page = ask(visit_with_samples("ask"), "Did the board approve the Saltmarsh battery, and who voted against it?")
    turn = first_turn(page)
    citation = next(c for c in turn.answer.citations if not c.hit.document_name.endswith(".pdf"))
    page.pick("ask.open", f"{turn.stream_id}:{citation.marker}")
    around = page.drawn("ask.passage.context")
    assert " ".join(citation.quote.split()) in around and len(around) > len(citation.quote)


def test_a_deleted_document_keeps_its_words(visit_with_samples: Visit) -> None:
    """A citation of a document that is gone says so and still shows what was quoted."""
    page = ask(visit_with_samples("ask"), QUESTION)
    turn = first_turn(page)
    page.bench.catalog.delete_document(turn.answer.citations[0].hit.chunk.document_id)
    page.pick("ask.open", f"{turn.stream_id}:1")
    assert any("no longer in the library" in sentence for sentence in page.boxes())
    assert " ".join(turn.answer.citations[0].quote.split()) in page.drawn("ask.passage.quote")


def test_what_is_not_in_the_documents_is_said(visit_with_samples: Visit) -> None:
    """Below the threshold there is no answer, but the nearest misses with what they lack."""
    said = ask(visit_with_samples("ask"), "How do I renew a British passport?").drawn("ask.last")
    assert "Not found in these documents" in said
    assert "short" in said


def test_the_nearest_misses_are_listed_once(visit_with_samples: Visit) -> None:
    """They stand in the list that opens them, not in the sentence above it as well; nothing speaks of numbers where none are."""
    page = ask(visit_with_samples("ask"), "How do I renew a British passport?")
    said = page.drawn("ask.last")
    assert "Not found in these documents" in said and "Nearest, but below" not in said
    assert len(first_turn(page).answer.text) > len("Not found in these documents.")
    assert "Press one of the nearest passages" in page.drawn("ask.evidence.hint")


def test_the_conversation_survives_a_page_switch_and_a_reload(visit_with_samples: Visit) -> None:
    """Turns are in the catalog: another page and back, or a new session with the same address, shows them again."""
    page = ask(visit_with_samples("ask"), QUESTION)
    chosen = page.address("c")
    assert "gearbox" in page.go("usage").go("ask").drawn("ask.last")
    assert "gearbox" in visit_with_samples("ask", c=chosen).drawn("ask.last")


def test_a_second_question_joins_the_conversation(visit_with_samples: Visit) -> None:
    """Both questions stand below each other until a new conversation is begun."""
    page = ask(visit_with_samples("ask"), QUESTION)
    said = ask(page, "How do I renew a British passport?").drawn()
    assert QUESTION in said and "British passport" in said
    assert "Ask a question" in page.press("New").drawn("ask.hint")


def test_a_running_answer_is_followed_and_stopped(visit_with_samples: Visit) -> None:
    """While the worker writes there is a Stop; stopping keeps the words and marks them as incomplete."""
    page = visit_with_samples("ask")
    stream = slow_answer(page)
    stream.stop()
    page.go("ask", c=stream.conversation_id)
    said = page.drawn("ask.last")
    assert "First words." in said and "Stopped" in said


def test_a_first_question_asked_again_is_followed_in_its_place(visit_with_samples: Visit) -> None:
    """An answer that is not the last is waited for too, comes before the ones after it, and stands alone once it has ended."""
    page = visit_with_samples("ask")
    stream = slow_answer(page, asked_again=True)
    threading.Timer(1.5, stream.stop).start()
    page.go("ask", c=stream.conversation_id)
    assert stream.done, "the page was drawn without waiting for the answer"
    said = page.drawn()
    assert said.index("First words.") < said.index("How do I renew a British passport?")
    assert "Stopped" in said and "The workbench stopped" not in said


def test_two_answers_at_once_are_both_followed(visit_with_samples: Visit) -> None:
    """Each has its own Stop; the page waits for both, in whichever order they end."""
    page = visit_with_samples("ask")
    first = slow_answer(page, asked_again=True)
    last = slow_answer(page, conversation_id=first.conversation_id)
    threading.Timer(1.0, last.stop).start()
    threading.Timer(2.0, first.stop).start()
    page.go("ask", c=first.conversation_id)
    assert first.done and last.done
    assert 2 == page.drawn().count("First words.") == page.drawn().count("Stopped")


def test_an_earlier_answer_that_is_being_written_is_not_hidden(visit_with_samples: Visit) -> None:
    """Of a long conversation the earlier turns are folded away, but not one that is still being written."""
    page = visit_with_samples("ask")
    stream = slow_answer(page, asked_again=True)
    for number in range(12):
        page.bench.turns.begin_turn(stream.conversation_id, f"turn{number}", f"Question number {number}?")
        page.bench.turns.save_turn(f"turn{number}", stream.made_first, "complete")
    threading.Timer(1.0, stream.stop).start()
    page.go("ask", c=stream.conversation_id)
    assert stream.done


def slow_answer(page: Any, *, asked_again: bool = False, conversation_id: str = "") -> Any:
    """Begin a turn whose worker writes two words and then waits to be stopped.

    `asked_again` makes it one more answer to the first of two questions.
    """
    import time

    import rag
    from rag.generation.stream import AnswerStream
    from rag.types import EndEvent, TextEvent, Usage

    first = rag.ask(page.bench, QUESTION, conversation_id=conversation_id or None)
    answer = first.wait(30)
    if asked_again:
        rag.ask(page.bench, "How do I renew a British passport?", conversation_id=first.conversation_id).wait(30)

    def work(stream: AnswerStream) -> Any:
        yield TextEvent("First words.")
        while not stream.stopping:
            time.sleep(0.01)
        yield EndEvent("stopped", Usage())

    from rag.generation.conversation import Conversations

    turns = Conversations(page.bench.catalog.engine)
    stream = AnswerStream("What then?", model="local/extractive")
    stream.conversation_id, stream.made_first = first.conversation_id, answer
    slot = first.id if asked_again else ""
    turns.begin_turn(first.conversation_id, stream.id, stream.question, slot=slot)
    stream.when_ended(lambda ended, answer: turns.save_turn(ended.id, answer, "partial"))
    page.bench.answers[stream.id] = stream
    stream.start(work)
    next(iter(stream))
    return stream


def test_an_unknown_conversation_is_a_sentence(visit_with_samples: Visit) -> None:
    """A link to a conversation that was deleted says so and leaves a page that can be used."""
    page = visit_with_samples("ask", c="nobody")
    assert page.boxes()
    assert not page.test.chat_input[0].disabled


def test_a_conversation_can_be_deleted(visit_with_samples: Visit) -> None:
    """Deleting leaves an empty page and no row."""
    import rag

    page = ask(visit_with_samples("ask"), QUESTION).press("Delete this one")
    assert [] == rag.conversations(page.bench)
    assert page.has("ask.hint")


def test_a_long_conversation_begins_at_its_end(visit_with_samples: Visit) -> None:
    """The last questions are drawn, the ones before come at a press: two hundred messages open as quickly as two."""
    page = ask(visit_with_samples("ask"), QUESTION)
    turn = first_turn(page)
    for number in range(12):
        page.bench.turns.begin_turn(page.address("c"), f"turn{number}", f"Question number {number}?")
        page.bench.turns.save_turn(f"turn{number}", turn.answer, "complete")
    said = page.run().drawn("ask.turns")
    assert "Question number 3?" in said and "Question number 2?" not in said
    said = page.press("Show 4 earlier questions").drawn()
    assert "Question number 2?" in said and QUESTION in said


def test_a_refused_question_comes_back(visit_with_samples: Visit) -> None:
    """One that is far too long is not lost: it stands in the field again, with the reason above it, and nothing was asked."""
    long = "Why? " * 10_000
    page = ask(visit_with_samples("ask"), long)
    assert any("characters, the limit is" in sentence for sentence in page.boxes())
    assert long == page.test.chat_input[0].proto.value
    assert not page.address("c")
    assert "gearbox" in ask(page, QUESTION).drawn("ask.last")
    assert not page.boxes()


def test_a_question_does_not_go_to_another_collection_unsaid(visit_with_samples: Visit) -> None:
    """When the chosen collection was deleted elsewhere, the question comes back with a sentence; sent again, it is asked."""
    import rag

    page = visit_with_samples("ask")
    page.bench.create_collection("other")
    rag.ingest(
        page.bench,
        [rag.Upload("tides.txt", b"The tide at Brackwater turns at noon on every Monday.")],
        collection="other",
    )
    page.run()
    page.test.session_state["collection"] = "other"
    page.run()
    page.bench.catalog.delete_collection("other")
    ask(page, QUESTION)
    assert any("other is not there any more" in sentence and "this is" in sentence for sentence in page.boxes())
    assert QUESTION == page.test.chat_input[0].proto.value
    assert not page.address("c")
    assert "gearbox" in ask(page, QUESTION).drawn("ask.last")


def with_an_empty_collection(page: Any) -> Any:
    """Ask in the default collection, then choose an empty one in the sidebar."""
    page = ask(page, QUESTION)
    page.bench.create_collection("empty")
    page.run()
    page.test.session_state["collection"] = "empty"
    return page.run()


def again(page: Any, turn: Any, **options: Any) -> Any:
    """Press what starts another answer in the row under one."""
    import rag
    from pages.parts.turn_bar import Pending

    page.test.session_state["ask.pending"] = Pending(turn.question, rag.generation.Again(turn.stream_id, **options))
    return page.run()


def test_retry_asks_the_collection_of_the_question(visit_with_samples: Visit) -> None:
    """Another one that was chosen meanwhile does not make a found answer "Not found"."""
    page = with_an_empty_collection(visit_with_samples("ask"))
    said = again(page, first_turn(page)).drawn("ask.last")
    assert "gearbox" in said and "2 of 2" in said and "Not found" not in said
    assert "asked of main" in said


def test_the_page_says_where_the_next_question_goes(visit_with_samples: Visit) -> None:
    """Where the chosen collection is another than the one before: in a sentence with the way back, and then at the turn itself."""
    import rag

    page = visit_with_samples("ask")
    page.bench.create_collection("tides")
    tide = rag.Upload("tides.txt", b"The tide at Brackwater turns at noon on every Monday.")
    rag.ingest(page.bench, [tide], collection="tides")
    page = ask(page.run(), QUESTION)
    assert not page.boxes()
    page.test.session_state["collection"] = "tides"
    page.run()
    assert any("was asked of main. The next question goes to tides" in sentence for sentence in page.boxes())
    page = ask(page, "When does the tide turn at Brackwater?")
    assert not page.boxes()
    assert "asked of tides" in page.drawn("ask.last") and "noon" in page.drawn("ask.last")
    assert "asked of main" in page.drawn()
    page.test.session_state["collection"] = "main"
    assert any("was asked of tides" in sentence for sentence in page.run().boxes())
    assert "tides" == page.press("Choose tides").test.session_state["collection"]
    assert not page.boxes()


def test_retry_looks_in_the_documents_of_then(visit_with_samples: Visit) -> None:
    """The documents chosen for a question are of its own collection; those of the chosen one mean nothing there."""
    page = visit_with_samples("ask")
    handbook = next(d for d in page.bench.catalog.documents() if "handbook" in d.name)
    page.test.session_state[f"ask.documents.{page.bench.collection().id}."] = [handbook.id]
    page = with_an_empty_collection(page)
    first = first_turn(page)
    again(page, first)
    now = first_turn(page)
    assert first.stream_id != now.stream_id
    assert (handbook.id,) == page.bench.turns.record(now.stream_id).search.document_ids


def test_retry_in_a_deleted_collection_is_a_sentence(visit_with_samples: Visit) -> None:
    """The question comes back, the answer stays, and the turn says that its collection is gone."""
    page = with_an_empty_collection(visit_with_samples("ask"))
    turn = first_turn(page)
    page.bench.catalog.delete_collection("main")
    again(page, turn)
    assert any("main" in s and "which this was asked of, was deleted" in s for s in page.boxes())
    assert QUESTION == page.test.chat_input[0].proto.value
    assert turn.answer == first_turn(page).answer
    assert "asked of main (deleted since)" in page.drawn("ask.last")


def test_retry_in_an_emptied_collection_is_a_sentence(visit_with_samples: Visit) -> None:
    """One that holds nothing any more would only make the answer "Not found"."""
    page = ask(visit_with_samples("ask"), QUESTION)
    turn = first_turn(page)
    for document in page.bench.catalog.documents():
        page.bench.catalog.delete_document(document.id)
    again(page, turn)
    assert any("holds nothing now" in sentence for sentence in page.boxes())
    assert turn.answer == first_turn(page).answer


def test_a_thumb_is_kept_with_the_collection_of_the_question(visit_with_samples: Visit) -> None:
    """Gaps then lists it where it belongs, whatever is chosen in the sidebar."""
    import rag
    from pages.parts import turn_bar

    page = with_an_empty_collection(visit_with_samples("ask"))
    turn_bar.judge(page.bench, first_turn(page), is_good=False)
    assert ["main"] == [item.collection for item in page.bench.feedback.list()]
    assert [] == rag.evaluation.gaps(page.bench, collection="empty")
    assert rag.evaluation.gaps(page.bench, collection="main")


def test_a_conversation_is_found_by_its_answers(visit_with_samples: Visit) -> None:
    """Words of an answer find it, and the list says in which question; the collection that was asked stands beside it."""
    page = ask(visit_with_samples("ask"), "How many days of leave do employees have?")
    page = ask(page, QUESTION)
    page.test.text_input("ask.find").set_value("GEARBOX failed")
    said = page.run().drawn("ask.past")
    assert "How many days of leave" in said and f"said in: {QUESTION}" in said and "main" in said
    page.test.text_input("ask.find").set_value("days leave")
    assert "said in" not in page.run().drawn("ask.past")
    page.test.text_input("ask.find").set_value("gearbox giraffe")
    assert "None has these words." in page.run().drawn("ask.past")
