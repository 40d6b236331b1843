"""Question sets keep labels through everything that happens to documents, and say what happened."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import rag
from rag import ChunkOptions, Upload, Workbench
from rag.errors import QuestionSetError
from rag.evaluation import (
    Feedback,
    QuestionSets,
    evaluate,
    evidence_of,
    evidence_states,
    find_again,
    label_question,
    new_question,
    states_of,
)
from rag.types import Evidence

TEXT = "# Rules\n\nThe ferry leaves at nine.\n\n# Prices\n\nA ticket to the island costs eleven crowns for everybody.\n"


@pytest.fixture
def sets(bench: Workbench) -> QuestionSets:
    return QuestionSets(bench.catalog.engine)


def added(bench: Workbench, text: str, name: str = "ferry.md") -> str:
    """Put a document in and return its id."""
    return rag.ingest(bench, [Upload(name, text.encode())]).files[0].document_id


def test_a_set_is_kept_as_it_was_made(bench: Workbench, sets: QuestionSets) -> None:
    """Names, questions, labels, evidence and their order survive a restart."""
    evidence = (Evidence("d" * 64, "a.txt", 3, 9, quote="quoted"), Evidence("e" * 64, "b.pdf", page=4))
    questions = (
        new_question("Where?", label="evidence", evidence=evidence),
        new_question("Why?", label="absent"),
        new_question("Who?", label="adversarial"),
        new_question("When?", note="Row 4 named no document."),
    )
    made = sets.create("  Board   questions ", questions)
    assert "Board questions" == made.name
    settings = bench.settings
    bench.close()
    with Workbench.open(settings) as again:
        kept = QuestionSets(again.catalog.engine)
        assert questions == kept.get("Board questions").questions == kept.get(made.id).questions
        info = kept.list()[0]
        assert (1, 1, 1, 1, 4) == (info.evidence, info.absent, info.adversarial, info.drafts, info.questions)


def test_sets_are_renamed_and_deleted(sets: QuestionSets) -> None:
    """A name is one set's; what is gone is told in one sentence with what there is instead."""
    first, second = sets.create("first"), sets.create("second", [new_question("Q?")])
    with pytest.raises(QuestionSetError, match="is a question set named 'first' already"):
        sets.rename(second.id, "first")
    sets.rename(second.id, "third")
    sets.delete(first.id)
    sets.delete(first.id)
    assert ["third"] == [info.name for info in sets.list()]
    with pytest.raises(QuestionSetError, match="There is no question set 'first'; there are: third"):
        sets.get("first")
    for what in (lambda: sets.add(first.id, []), lambda: sets.rename(first.id, "x")):
        with pytest.raises(QuestionSetError, match="was deleted; choose or make another"):
            what()
    for name in ("", "  ", "x" * 300):
        with pytest.raises(QuestionSetError, match="needs a name"):
            sets.create(name)


def test_questions_are_changed_and_removed(sets: QuestionSets) -> None:
    """A question can be worded and labelled anew; questions of another set are copied, not moved."""
    one = sets.create("one", [new_question("A?"), new_question("B?")])
    first, second = one.questions
    sets.save(new_question("A!").__class__(first.id, "A!", "absent"))
    sets.remove([second.id, "gone"])
    assert [("A!", "absent")] == [(q.text, q.label) for q in sets.get("one").questions]
    two = sets.create("two", sets.get("one").questions)
    assert two.questions[0].id != first.id
    sets.delete(two.id)
    assert 1 == len(sets.get("one").questions)
    with pytest.raises(QuestionSetError, match="This question was deleted"):
        sets.save(second)


def test_labelling_a_result(bench: Workbench, sets: QuestionSets) -> None:
    """A chunk or a span of it becomes evidence of the question; labelling again adds, or takes the label's place."""
    added(bench, TEXT)
    question = "What does a ticket cost?"
    hit = rag.search(bench, question).hits[0]
    made = sets.create("ferry")
    at = hit.chunk.start + hit.chunk.text.index("eleven crowns")
    labelled = label_question(bench, made.id, question, evidence_of(hit, (at, at + 13)))
    assert "eleven crowns" == labelled.evidence[0].quote
    assert 2 == len(label_question(bench, made.id, question.upper(), evidence_of(hit)).evidence)
    assert 2 == len(label_question(bench, made.id, question, evidence_of(hit)).evidence)
    assert "absent" == label_question(bench, made.id, question, label="absent").label
    assert 1 == len(sets.get(made.id).questions)
    with pytest.raises(ValueError, match="inside the chunk"):
        evidence_of(hit, (0, 10_000))


def test_labels_survive_rechunking(bench: Workbench, sets: QuestionSets) -> None:
    """The same labels measure a collection cut otherwise: evidence is a place in the document, not a chunk."""
    added(bench, TEXT * 30)
    hit = rag.search(bench, "What does a ticket cost?").hits[0]
    made = sets.create("ferry")
    label_question(bench, made.id, "What does a ticket cost?", evidence_of(hit))
    rag.build_collection(bench, "small", options=ChunkOptions(chunk_size_tokens=40)).wait()
    for name in (None, "small"):
        assert 1 == evaluate(bench, "ferry", collection=name).figures["hit@10"].value


def test_a_replaced_or_deleted_document_is_told(bench: Workbench, sets: QuestionSets) -> None:
    """Evidence says whether its document is here, elsewhere, replaced or gone; words that still stand are found again."""
    old = added(bench, TEXT)
    place = TEXT.index("eleven")
    made = sets.create(
        "ferry",
        [
            new_question("What does it cost?", label="evidence",
                         evidence=(Evidence(old, "ferry.md", place, place + 13, quote=TEXT[place : place + 13]),)),
            new_question("When?", label="evidence", evidence=(Evidence(old, "ferry.md", 9, 20, quote=TEXT[9:20]),)),
            new_question("Is there a dog?", label="absent"),
        ],
    )  # fmt: skip
    cost = made.questions[0].id
    assert ("here",) == evidence_states(bench, made)[cost]
    bench.create_collection("empty")
    assert ("elsewhere",) == evidence_states(bench, made, bench.collection("empty"))[cost]

    new = added(bench, TEXT.replace("at nine", "at\nten").replace("eleven crowns", "eleven\ncrowns"))
    assert ("replaced",) == evidence_states(bench, made)[cost]
    left_out = evaluate(bench, made).pool.left_out
    assert 2 == len(left_out)
    assert left_out[0][1].startswith("Its evidence is in another version of ferry.md; find it again")

    again = find_again(bench, made)
    moved = again.moved
    assert (2, 0, ()) == (again.found, again.by_page, again.missing)
    assert [q.text for q in moved] == ["What does it cost?", "When?"]
    assert (new, "eleven\ncrowns") == (moved[0].evidence[0].document_id, moved[0].evidence[0].quote)
    for question in moved:
        sets.save(question)
    assert () == evaluate(bench, "ferry").pool.left_out

    bench.catalog.delete_document(new)
    states = evidence_states(bench, sets.get("ferry"))
    assert {("gone",)} == set(states.values())
    assert 2 == len(sets.get("ferry").labelled("evidence")), "labels are kept"
    sentences = {why for _, why in evaluate(bench, "ferry").pool.left_out}
    assert sentences == {
        "Its evidence was in ferry.md, which was deleted; add the document again, or label the question anew."
    }


def test_a_label_follows_both_versions_of_a_document(bench: Workbench, sets: QuestionSets) -> None:
    """Where another collection still holds the old version, its label stays there and the present version gets one, too."""
    old = added(bench, TEXT)
    rag.build_collection(bench, "archive").wait()
    place = TEXT.index("eleven")
    page = Evidence(old, "ferry.md", place, place + 13, quote=TEXT[place : place + 13])
    asked = new_question("What does it cost?", label="evidence", evidence=(page,))
    made = sets.create("ferry", [asked, new_question("Is there a dog?", label="absent")])
    new = added(bench, TEXT.replace("eleven crowns", "eleven\ncrowns"))
    archive, main = bench.collection("archive"), bench.collection()
    assert old in {d.id for d in bench.catalog.documents(archive.id)}, "the test needs both"
    cost = made.questions[0]
    assert ("replaced",) == evidence_states(bench, made, main)[cost.id] == states_of(bench, cost.evidence, main)
    assert "another version of ferry.md" in evaluate(bench, made).pool.left_out[0][1]

    again = find_again(bench, made, main)
    assert (1, ()) == (again.found, again.missing)
    assert {old, new} == {piece.document_id for piece in again.moved[0].evidence}
    sets.save(again.moved[0])
    kept = sets.get("ferry")
    for name in ("archive", None):
        assert 1 == evaluate(bench, kept, collection=name).figures["hit@10"].value
    assert {"here", "elsewhere"} == set(evidence_states(bench, kept, main)[cost.id])
    assert ((), 0, 0, ()) == dataclasses.astuple(find_again(bench, kept, main)), "there is nothing left to find"

    bench.catalog.delete_document(old)
    assert [(new,)] == [tuple(p.document_id for p in q.evidence) for q in find_again(bench, kept, main).moved]


def test_nothing_to_measure_is_said(bench: Workbench, sets: QuestionSets) -> None:
    """A set of drafts, and one whose documents are all gone, give one sentence each."""
    sets.create("drafts", [new_question("Q?"), new_question("R?", label="adversarial")])
    with pytest.raises(QuestionSetError, match="has no labelled question yet"):
        evaluate(bench, "drafts")
    sets.create("gone", [new_question("Q?", label="evidence", evidence=(Evidence("d" * 64, "a.txt", 0, 5),))])
    with pytest.raises(QuestionSetError, match=r"can be measured here: Its evidence was in a.txt, which was deleted"):
        evaluate(bench, "gone")


def test_evidence_is_a_span_or_a_page() -> None:
    """Neither, both, or a span of nothing is a mistake of the program, not a label."""
    for wrong in ({}, {"start": 5, "end": 5}, {"start": -1, "end": 5}, {"page": -1}, {"page": 2, "start": 1, "end": 3}):
        with pytest.raises(ValueError, match="span"):
            Evidence("d", "d.txt", **wrong)
    with pytest.raises(ValueError, match="exactly when"):
        new_question("Q?", label="evidence")


def test_feedback_waits_to_be_labelled(bench: Workbench) -> None:
    """A thumbs-down is a candidate until it is labelled or dismissed; judging an answer again replaces the first judgement."""
    feedback = Feedback(bench.catalog.engine)
    feedback.add("Why?", is_good=True, turn_id="t1")
    bad = feedback.add("Why?", is_good=False, note="wrong page", collection="main", turn_id="t1")
    feedback.add("How?", is_good=False, turn_id="t2")
    assert [("How?", False), ("Why?", False)] == [(item.question, item.is_good) for item in feedback.list()]
    feedback.settle(bad, "labelled")
    assert ["How?"] == [item.question for item in feedback.list()]
    assert "wrong page" == feedback.list("labelled")[0].note


def test_a_reader_may_label(bench: Workbench, sets: QuestionSets, tmp_path: Path) -> None:
    """A process beside the owner of the folder can add to a set, and measure it."""
    added(bench, TEXT)
    made = sets.create("ferry", [new_question("Is there a dog?", label="absent")])
    with rag.open_workbench(bench.data_dir, read_only=True) as reader:
        label_question(reader, made.id, "Is there a cat?", label="absent")
        assert 2 == len(evaluate(reader, "ferry").questions)
