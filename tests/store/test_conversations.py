"""Several answers to one question, and how each came about, as the catalog keeps them."""

from __future__ import annotations

from rag.store.catalog import Catalog
from rag.store.conversations import Conversations
from rag.store.feedback import Feedback
from rag.types import Answer, GenerateOptions, SearchOptions, Sent, TurnRecord, Usage


def answer(text: str) -> Answer:
    return Answer(text, (), True, "fault/ok", "complete", Usage(), None)


def begun(catalog: Catalog) -> Conversations:
    """A conversation of two questions, the first answered twice."""
    turns = Conversations(catalog.engine)
    turns.create("c", "Title", "main")
    turns.begin_turn("c", "one", "First?")
    turns.begin_turn("c", "two", "Second?")
    turns.begin_turn("c", "again", "First?", slot="one")
    for turn_id in ("one", "two", "again"):
        turns.save_turn(turn_id, answer(f"text of {turn_id}"), "complete")
    return turns


def test_the_newest_answer_counts_in_the_place_of_its_question(catalog: Catalog) -> None:
    """Questions keep their order, each with its kept answer, and the list counts questions."""
    turns = begun(catalog)
    found = turns.get("c").turns
    assert ["again", "two"] == [turn.stream_id for turn in found]
    assert ("one", "again") == found[0].versions
    assert [2] == [info.turns for info in turns.list()]


def test_another_one_can_be_kept(catalog: Catalog) -> None:
    """The choice is of one question only."""
    turns = begun(catalog)
    turns.keep("one")
    assert ["one", "two"] == [turn.stream_id for turn in turns.get("c").turns]


def test_one_beside_does_not_count_yet(catalog: Catalog) -> None:
    """An answer that is only compared changes nothing until it is kept."""
    turns = begun(catalog)
    turns.begin_turn("c", "beside", "First?", slot="one", is_kept=False)
    assert ["again", "two"] == [turn.stream_id for turn in turns.get("c").turns]
    assert ("one", "again", "beside") == turns.turn("beside").versions


def test_a_continued_answer_takes_the_place_of_its_beginning(catalog: Catalog) -> None:
    """The half answer goes, the question stays where it was."""
    turns = begun(catalog)
    turns.take_in("one", "again")
    assert [("again", ("again",)), ("two", ("two",))] == [(t.stream_id, t.versions) for t in turns.get("c").turns]


def test_a_record_comes_back_as_it_was_and_goes_with_its_conversation(catalog: Catalog) -> None:
    """What was searched for stands with the turn, all the rest is read when it is asked for."""
    turns = begun(catalog)
    sent = Sent("fault/ok", "rules", (("user", "Question: First?"),), token_estimate=7, window_tokens=100)
    record = TurnRecord(
        SearchOptions(top_k=3), GenerateOptions(style="brief"), "First, in full?", "fault/small", sent=sent
    )
    turns.put_record("again", record)
    assert record == turns.record("again")
    assert "First, in full?" == turns.turn("again").searched_for
    assert turns.record("two") is None
    turns.delete("c")
    assert turns.record("again") is None
    turns.put_record("again", record)
    assert turns.record("again") is None


def test_a_judgement_knows_the_settings_and_can_be_taken_back(catalog: Catalog) -> None:
    """The newest one of an answer counts."""
    feedback = Feedback(catalog.engine)
    feedback.add("First?", is_good=True, turn_id="one", settings={"generate": {"model": "fault/ok"}})
    feedback.add("First?", is_good=False, note="wrong", turn_id="one", settings={"generate": {"model": "fault/ok"}})
    kept = feedback.of_turns(["one", "two"])["one"]
    assert (False, "wrong", "fault/ok") == (kept.is_good, kept.note, kept.settings["generate"]["model"])
    feedback.withdraw("one")
    assert {} == feedback.of_turns(["one"])
