"""Conversations: each turn is kept from its start, survives a restart, and never reads as complete when it is not."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from rag import GenerateOptions, SearchOptions, Upload, Workbench
from rag.errors import CollectionNotFoundError, QuestionError, StoreError
from rag.generation import Again, conversation, conversations, delete_conversation
from rag.generation.stream import AnswerStream
from rag.store.conversations import Conversations
from rag.types import Collection, Event, TextEvent
from tests.waiting import until

module = importlib.import_module("rag.generation.conversation")  # the package has a function of that name
QUESTION = "How many sea trout passed Mill Weir?"


@pytest.fixture
def library(bench: Workbench, samples: list[Upload]) -> Workbench:
    rag.ingest(bench, [upload for upload in samples if upload.name.endswith(".pdf")])
    return bench


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have answers say two words and then wait, until the event is set; the text so far is saved at once."""
    go_on = threading.Event()

    def answer(*_: object) -> Iterator[Event]:
        yield TextEvent("Some ")
        yield TextEvent("words ")
        go_on.wait(10)
        raise RuntimeError("the worker of a closed workbench")

    monkeypatch.setattr(module, "answer_events", answer)
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)
    yield go_on
    go_on.set()


def wait_for_text(stream: AnswerStream, text: str) -> None:
    until(lambda: stream.text == text)


def test_a_turn_is_kept_with_its_whole_answer(library: Workbench) -> None:
    """Asking starts a conversation; its turn reads back with text, citations and label as they were."""
    stream = rag.ask(library, QUESTION)
    answer = stream.wait(30)
    assert stream.conversation_id is not None
    found = conversation(library, stream.conversation_id)
    turn = found.turns[0]
    assert (found.title, found.collection) == (QUESTION, "main")
    assert (turn.question, turn.state, turn.stream_id) == (QUESTION, "complete", stream.id)
    assert turn.answer == answer
    assert stream.result is not None and stream.result.hits


def test_turns_follow_one_another(library: Workbench) -> None:
    """A question asked into a conversation becomes its next turn, and the conversation used last is listed first."""
    first = rag.ask(library, QUESTION)
    other = rag.ask(library, "Who chairs the audit committee?")
    first.wait(30), other.wait(30)
    rag.ask(library, "And who is the chair?", conversation_id=first.conversation_id).wait(30)
    assert first.conversation_id is not None
    turns = conversation(library, first.conversation_id).turns
    assert [turn.question for turn in turns] == [QUESTION, "And who is the chair?"]
    listed = conversations(library)
    assert [(info.id, info.turns) for info in listed] == [(first.conversation_id, 2), (other.conversation_id, 1)]


def test_a_conversation_survives_a_restart(library: Workbench) -> None:
    """After the workbench was closed and opened again, the answer is there with its citations."""
    stream = rag.ask(library, QUESTION)
    answer = stream.wait(30)
    library.close()
    assert stream.conversation_id is not None
    with rag.open_workbench(library.data_dir) as again:
        turn = conversation(again, stream.conversation_id).turns[0]
        assert (turn.state, turn.answer) == ("complete", answer)


def test_an_unanswered_question_is_a_complete_turn(library: Workbench) -> None:
    """Not found is an answer: the turn is complete."""
    stream = rag.ask(library, "Who painted The Night Watch?")
    assert stream.wait(30).finish == "not_found"
    assert conversation(library, stream.conversation_id or "").turns[0].state == "complete"


def test_a_turn_that_is_being_written_says_so(library: Workbench, slow: threading.Event) -> None:
    """While the worker writes, the turn is streaming and its stream can be followed by id."""
    stream = rag.ask(library, QUESTION)
    wait_for_text(stream, "Some words ")
    turn = conversation(library, stream.conversation_id or "").turns[0]
    assert turn.state == "streaming"
    assert library.answers.get(turn.stream_id) is stream


def test_a_turn_that_is_being_written_never_reads_as_interrupted(library: Workbench, slow: threading.Event) -> None:
    """What is saved now and then for the case of a crash is not taken for the answer while its worker is there."""
    stream = rag.ask(library, QUESTION)
    wait_for_text(stream, "Some words ")
    wait_until_saved(library, stream)
    (turn,) = conversation(library, stream.conversation_id or "").turns
    assert ("streaming", None) == (turn.state, turn.answer)
    assert turn == rag.generation.turn(library, stream.id)
    assert (
        "still being written"
        in rag.reporting.report(library, conversation(library, stream.conversation_id or "")).decode()
    )


def wait_until_saved(library: Workbench, stream: AnswerStream) -> None:
    until(lambda: Conversations(library.catalog.engine).turn(stream.id).answer is not None)


def test_a_stopped_turn_is_partial(library: Workbench, slow: threading.Event) -> None:
    """Stop keeps the text so far as a partial turn, and a worker that comes back later changes nothing."""
    stream = rag.ask(library, QUESTION)
    wait_for_text(stream, "Some words ")
    stream.stop()
    slow.set()
    turn = conversation(library, stream.conversation_id or "").turns[0]
    assert turn.answer is not None
    assert (turn.state, turn.answer.text, turn.answer.finish) == ("partial", "Some words ", "stopped")


def test_a_turn_whose_worker_is_gone_is_partial(library: Workbench, slow: threading.Event) -> None:
    """After a crash the turn is no longer streaming: what was saved last is shown as partial, and says why."""
    stream = rag.ask(library, QUESTION)
    wait_for_text(stream, "Some words ")
    wait_until_saved(library, stream)
    with rag.open_workbench(library.data_dir, read_only=True) as other:  # knows nothing of this process's workers
        turn = conversation(other, stream.conversation_id or "").turns[0]
    assert turn.state == "partial"
    assert turn.answer is not None
    assert turn.answer.text.startswith("Some ")
    assert "stopped while this answer was being written" in turn.answer.error


def test_a_search_that_fails_is_a_failed_turn(library: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong after the turn began ends it as failed, with the sentence, and the question is kept."""

    def fail(*args: object, **options: object) -> None:
        raise StoreError("The catalog could not be used; check the disk.")

    monkeypatch.setattr(rag, "search", fail)
    stream = rag.ask(library, QUESTION)
    answer = stream.wait(30)
    assert (answer.finish, answer.error) == ("failed", "The catalog could not be used; check the disk.")
    turn = conversation(library, stream.conversation_id or "").turns[0]
    assert (turn.question, turn.state, turn.answer) == (QUESTION, "failed", answer)


def test_an_answer_that_cannot_be_saved_is_still_shown(library: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the turn cannot be written the answer stays whole and says that it was not saved."""

    def fail(*args: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(Conversations, "save_turn", fail)
    answer = rag.ask(library, QUESTION).wait(30)
    assert answer.finish == "complete" and "1,870" in answer.text
    assert answer.error == "This answer was not saved: The disk is full."


@pytest.mark.parametrize("question", ["", " \n "])
def test_an_empty_question_starts_nothing(library: Workbench, question: str) -> None:
    """A question that cannot be asked is refused before a conversation begins."""
    with pytest.raises(QuestionError):
        rag.ask(library, question)
    assert conversations(library) == []


def test_an_unknown_collection_starts_nothing(library: Workbench) -> None:
    """Asking a collection that is not there is refused before a conversation begins."""
    with pytest.raises(CollectionNotFoundError):
        rag.ask(library, QUESTION, collection="nowhere")
    assert conversations(library) == []


def test_a_question_asked_again_goes_to_its_own_collection(library: Workbench) -> None:
    """Whatever the default one is: the turn keeps id, name and what was held, and a new question without a collection follows it."""
    other = harbour(library)
    first = rag.ask(library, "When do ferries leave Port Ellen?", collection="harbour")
    assert "ferries" in first.wait(30).text
    (turn,) = conversation(library, first.conversation_id or "").turns
    assert (turn.collection, turn.collection_id) == ("harbour", other.id)
    assert turn.searched == library.fingerprints.of(other)
    for again in (Again(first.id), None):
        stream = rag.ask(library, turn.question, conversation_id=first.conversation_id, again=again)
        assert stream.wait(30).found
        assert other.id == rag.generation.turn(library, stream.id).collection_id


def test_a_collection_that_was_deleted_gives_a_sentence_and_loses_nothing(library: Workbench) -> None:
    """The kept answer goes on to count; a collection made anew under the name takes the place of the old one."""
    harbour(library)
    first = rag.ask(library, "When do ferries leave Port Ellen?", collection="harbour")
    answer = first.wait(30)
    library.catalog.delete_collection("harbour")
    with pytest.raises(
        CollectionNotFoundError, match="'harbour', which this was asked of, was deleted; choose another"
    ):
        rag.ask(library, first.question, conversation_id=first.conversation_id, again=Again(first.id))
    (turn,) = conversation(library, first.conversation_id or "").turns
    assert (answer, (first.id,)) == (turn.answer, turn.versions)
    new = harbour(library)
    assert new == rag.generation.collection_of(library, turn)


def harbour(library: Workbench) -> Collection:
    library.create_collection("harbour")
    text = b"The ferries leave Port Ellen at noon on every Monday and Friday."
    rag.ingest(library, [Upload("ferries.txt", text)], collection="harbour")
    return library.collection("harbour")


def test_a_deleted_conversation_is_gone(library: Workbench, slow: threading.Event) -> None:
    """Deleting stops what is being written and removes the turns; asking into it says what to do."""
    stream = rag.ask(library, QUESTION)
    wait_for_text(stream, "Some words ")
    assert stream.conversation_id is not None
    delete_conversation(library, stream.conversation_id)
    assert stream.done
    assert conversations(library) == []
    with pytest.raises(StoreError, match="start a new one"):
        conversation(library, stream.conversation_id)
    with pytest.raises(StoreError, match="start a new one"):
        rag.ask(library, QUESTION, conversation_id=stream.conversation_id)


def test_options_reach_search_and_answer(library: Workbench) -> None:
    """Search and answer use the options that were given."""
    stream = rag.ask(
        library,
        QUESTION,
        search_options=SearchOptions(mode="keyword", top_k=2, similarity_threshold=0.1),
        generate_options=GenerateOptions(max_passages=1),
    )
    assert len(stream.wait(30).citations) == 1
    assert stream.result is not None
    assert (stream.result.options.mode, stream.result.threshold) == ("keyword", 0.1)
    assert len(stream.result.hits) <= 2


def test_a_long_first_question_is_shortened_to_a_title(library: Workbench) -> None:
    """A title is one line, cut between words; the question itself is kept whole."""
    question = "How many\nsea trout " + "and salmon " * 20 + "passed?"
    found = conversation(library, rag.ask(library, question).conversation_id or "")
    assert found.title.startswith("How many sea trout and salmon")
    assert found.title.endswith(" …") and len(found.title) <= module._TITLE_CHARACTERS + 2
    assert found.turns[0].question == question


def test_two_readers_may_write_turns_at_once(library: Workbench, tmp_path: Path) -> None:
    """Turns that begin at the same moment get places of their own, in one process or two."""
    first = rag.ask(library, QUESTION)
    first.wait(30)
    with rag.open_workbench(library.data_dir, read_only=True) as reader:
        benches = [library, reader] * 3
        threads = [
            threading.Thread(target=lambda b=b: rag.ask(b, QUESTION, conversation_id=first.conversation_id).wait(30))
            for b in benches
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        found = conversation(library, first.conversation_id or "")
    assert [turn.state for turn in found.turns] == ["complete"] * 7
