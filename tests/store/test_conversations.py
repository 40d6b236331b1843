"""Several answers to one question, and how each came about, as the catalog keeps them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from rag.store import schema
from rag.store.catalog import Catalog
from rag.store.conversations import Conversations
from rag.store.feedback import Feedback
from rag.store.finding import find
from rag.store.fingerprints import Fingerprints
from rag.types import Answer, GenerateOptions, Paid, SearchOptions, SecondCheck, Sent, TurnRecord, Usage
from tests.store.made import collection, put, words


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


def test_second_checks_are_read_as_they_are_stored(catalog: Catalog) -> None:
    """Only of the answers asked for, only where there is one, and the newest: also of a record that was read before."""
    turns = begun(catalog)
    record = TurnRecord(SearchOptions(), GenerateOptions())
    for turn_id in ("one", "again", "two"):
        turns.put_record(turn_id, record)
    assert {} == turns.second_checks(["one", "again", "beside", "nobody"])
    paid = Paid(Usage(5, 1), 0.25, calls=1)
    for model in ("fault/a", "fault/b"):
        found = SecondCheck(model, (), 0.25, Usage(5, 1))
        turns.put_record("again", replace(record, second=found, checking=paid))
        assert {"again": (found, paid)} == turns.second_checks(["one", "again", "nobody"])
    assert {} == turns.second_checks(["one", "two"]) == turns.second_checks([])


def test_a_judgement_knows_the_settings_and_can_be_taken_back(catalog: Catalog) -> None:
    """The newest one of an answer counts."""
    feedback = Feedback(catalog.engine)
    feedback.add("First?", is_good=True, turn_id="one", settings={"generate": {"model": "fault/ok"}})
    feedback.add("First?", is_good=False, note="wrong", turn_id="one", settings={"generate": {"model": "fault/ok"}})
    kept = feedback.of_turns(["one", "two"])["one"]
    assert (False, "wrong", "fault/ok") == (kept.is_good, kept.note, kept.settings["generate"]["model"])
    feedback.withdraw("one")
    assert {} == feedback.of_turns(["one"])


def test_a_turn_knows_its_collection(catalog: Catalog) -> None:
    """By the name that it has now; after it was deleted by the one that it had, with what it held still to be told."""
    main = collection(catalog)
    put(catalog, main, "a.txt", words(1, 50))
    searched = Fingerprints(catalog).of(catalog.collection("main"))
    turns = Conversations(catalog.engine)
    turns.create("c", "Title", "main")
    turns.begin_turn("c", "one", "First?", collection=main, searched=searched)
    assert ("main", main.id, searched) == asked_of(turns)
    catalog.rename_collection("main", "reports")
    assert ("reports", main.id, searched) == asked_of(turns)
    assert {"c": ("reports", "")} == turns.asked_of(["c"])
    catalog.delete_collection("reports")
    assert ("main", "", searched) == asked_of(turns)
    assert turns.turn("one") == turns.get("c").turns[0]


def asked_of(turns: Conversations) -> tuple[object, ...]:
    turn = turns.turn("one")
    return turn.collection, turn.collection_id, turn.searched


def test_a_fingerprint_is_of_the_documents_as_they_are_now(catalog: Catalog) -> None:
    """It changes with them and comes back with them; another name changes nothing of it."""
    main = collection(catalog)
    prints = Fingerprints(catalog)
    empty = prints.of(main)
    put(catalog, main, "a.txt", words(1, 50))
    held = prints.of(catalog.collection("main"))
    assert (0, 1) == (empty.documents, held.documents) and empty.digest != held.digest
    put(catalog, main, "b.txt", words(2, 50))
    assert held.digest != prints.of(catalog.collection("main")).digest
    catalog.remove_document(main.id, catalog.find_document(main.id, "b.txt") or "")
    assert held.digest == prints.of(catalog.rename_collection("main", "other")).digest
    assert held.digest == Fingerprints(catalog).of(catalog.collection("other")).digest


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("title", ""), ("TEXT OF two", "Second?"), ("of again", "First?"), ("title second", "Second?"),
        ("title first second", "First?"), ("second nowhere", None), ("1%", None), ("_", None), ("100%", "Third, ÄRGER?"),
        ("ärger", "Third, ÄRGER?"), ("", ""), ("  ", ""),
    ],
)  # fmt: skip
def test_a_conversation_is_found_by_what_was_said_in_it(catalog: Catalog, text: str, where: str | None) -> None:
    """All words, without case, in the title, the questions or the answers; the place is told where it is not the title."""
    turns = begun(catalog)
    turns.create("d", "Another", "main")
    turns.begin_turn("c", "three", "Third, ÄRGER?")
    turns.save_turn("three", answer("by 100%"), "streaming")
    found = [each for each in find(catalog.engine, text) if each.info.id == "c"]
    assert ([where] if where is not None else []) == [each.where for each in found]


def test_what_is_deleted_is_found_no_more(catalog: Catalog) -> None:
    """Neither a conversation that is gone nor an answer that a newer one took in."""
    turns = begun(catalog)
    assert find(catalog.engine, "text of one")
    turns.take_in("one", "again")
    assert not find(catalog.engine, "text of one")
    turns.delete("c")
    assert not find(catalog.engine, "text") and not find(catalog.engine, "")


def test_thousands_of_turns_are_searched_at_once(catalog: Catalog) -> None:
    """However many answers there are: two statements look for the words, and none of them reads a whole answer."""
    turns = begun(catalog)
    rows = [
        {"id": f"t{n}", "slot": f"t{n}", "conversation_id": "c", "position": 10 + n, "question": f"Question {n}?",
         "state": "complete", "body": {"text": "x" * 2000}, "created_at": "2026-01-01T00:00:00+00:00"}
        for n in range(2000)
    ]  # fmt: skip
    said = [{"turn_id": row["id"], "words": f"question {n}? {'long text ' * 20}"} for n, row in enumerate(rows)]
    with turns._writing() as connection:
        connection.execute(sa.insert(schema.turns), rows)
        connection.execute(sa.insert(schema.turn_words), said)
    asked: list[str] = []
    sa.event.listen(catalog.engine, "before_cursor_execute", lambda *heard: asked.append(heard[2]))
    assert ["Question 1999?"] == [found.where for found in find(catalog.engine, "text 1999?")]
    reads = [sql for sql in asked if "SELECT" in sql]
    assert 2 == len(reads) and not any("body" in sql for sql in reads), reads
