"""Questions come in from files; what fits no document is told row by row and kept as a draft."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag import Upload, Workbench
from rag.errors import QuestionSetError
from rag.evaluation import QuestionSets, import_qrels, import_questions, to_csv, to_jsonl
from rag.evaluation.quotes import locate
from rag.types import LabelledQuestion

TEXT = "The ferry leaves at nine.\n\nA ticket to the is-\nland costs “eleven”\ncrowns for everybody.\n"


@pytest.fixture(scope="module")
def ferry(tmp_path_factory: pytest.TempPathFactory, samples: list[Upload]):  # type: ignore[no-untyped-def]
    with rag.open_workbench(tmp_path_factory.mktemp("ferry")) as bench:
        rag.ingest(bench, [Upload("Ferry.txt", TEXT.encode()), samples[0]])
        yield bench


def read(bench: Workbench, text: str | bytes, name: str = "q.csv"):  # type: ignore[no-untyped-def]
    return import_questions(bench, name, text if isinstance(text, bytes) else text.encode())


def test_csv_rows_become_questions(ferry: Workbench) -> None:
    """Pages, spans, quotes and "not in the documents", in any order of columns; rows of one question are one question."""
    got = read(
        ferry,
        "Answerable,Document,Page,START,end,quote,Question\n"
        ",ferry,,0,9,,When does it leave?\n"
        'true,FERRY.TXT,,,,"the island costs ""eleven"" crowns",What does it cost?\n'
        ",brackwater-annual-report-2025.pdf,3,,,,How many trout?\n"
        ",brackwater-annual-report-2025,2,,,,how many trout?\n"
        "no,,,,,,Is there a dog?\n"
        ",,,,,,Who rows?\n",
    )
    assert () == got.problems
    assert 1 == got.drafts
    leave, cost, trout, dog, who = got.questions
    assert (0, 9, "The ferry") == (leave.evidence[0].start, leave.evidence[0].end, leave.evidence[0].quote)
    assert "the is-\nland costs “eleven”\ncrowns" == cost.evidence[0].quote
    assert [3, 2] == [piece.page for piece in trout.evidence]
    assert ("absent", "draft") == (dog.label, who.label)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("other.txt,1,,,", "no document of the library is named 'other.txt'"),
        (",3,,,", "it names no document"),
        ("ferry.txt,,,,", "neither a page nor a place"),
        ("ferry.txt,1,,,", "Ferry.txt has no pages, so there is no page 1"),
        ("brackwater-annual-report-2025.pdf,99,,,", "so there is no page 99"),
        ("ferry.txt,,5,5,", "its place 5 to 5 is not in Ferry.txt"),
        ("ferry.txt,,5,99999,", "which has 89 characters"),
        ("ferry.txt,,5,,", "it gives one end of its place and not the other"),
        ("ferry.txt,,x,9,", "its start is 'x', which is no whole number"),
        ("ferry.txt,1.5,,,", "its page is '1.5', which is no whole number"),
        ("ferry.txt,,,,a ticket to the moon", "its quote does not stand in Ferry.txt"),
        ("brackwater-annual-report-2025.pdf,1,,,1870 sea trout were counted", "does not stand in page 1 of"),
    ],
)
def test_a_row_that_fits_no_document_is_a_draft(ferry: Workbench, row: str, sentence: str) -> None:
    """One sentence names the row and what is wrong; the question is kept, and so are the other rows."""
    got = read(ferry, f"question,document,page,start,end,quote\nWhat is it?,{row}\nAnd it?,ferry,,0,9,\n")
    assert ("draft", "evidence") == tuple(question.label for question in got.questions)
    assert 1 == len(got.problems)
    assert got.problems[0].startswith("Row 2 (What is it?): ") and got.problems[0].endswith("it is kept as a draft.")
    assert sentence in got.problems[0]
    assert got.questions[0].note[0].isupper()


def test_one_bad_piece_does_not_spoil_the_others(ferry: Workbench) -> None:
    """A question with one good and one bad piece of evidence keeps the good one, and the bad one is told."""
    got = read(ferry, "question,document,start,end\nWhen?,ferry,0,9\nWhen?,gone.txt,0,9\n")
    assert "evidence" == got.questions[0].label
    assert got.problems[0].endswith("what else is known of the question is kept.")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"question": "When?", "document": "ferry", "quote": "leaves at NINE"}\n\n"Who?"\n', "q.jsonl"),
        (b'[{"text": "When?", "evidence": [{"document": "ferry", "start": 10, "end": 24}]}, "Who?"]', "q.json"),
        (b'{"questions": [{"text": "When?", "doc_id": "Ferry", "start": 10, "end": 24}, "Who?"]}', "q.json"),
        ("question;document;quote\r\nWhen?;ferry;leaves at nine\r\nWho?;;\r\n".encode("utf-16"), "q.csv"),
        ("\ufeffquestion\tdocument\tquote\nWhen?\tferry\tleaves at nine\nWho?\t\t\n".encode(), "q.tsv"),
    ],
    ids=["jsonl", "json list", "json object", "utf-16 semicolons", "tabs with mark"],
)
def test_the_ways_in_which_tables_come(ferry: Workbench, data: bytes, name: str) -> None:
    """JSON lines, JSON lists, and CSV with other delimiters and encodings all give the same questions."""
    got = import_questions(ferry, name, data)
    assert ((), ["evidence", "draft"]) == (got.problems, [question.label for question in got.questions])
    assert "leaves at nine" == got.questions[0].evidence[0].quote


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (b"", "q.csv", "q.csv is empty"),
        (b"\n \n", "q.jsonl", "q.jsonl is empty"),
        (b"a,b\n1,2\n", "q.csv", 'q.csv has no column "question" or "text"'),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe\x81", "q.csv", "no column|not a text file"),
        (b"question\n", "q.csv", "has no questions"),
        (b"[]", "q.json", "has no questions"),
    ],
)
def test_a_file_that_is_no_table_of_questions(ferry: Workbench, data: bytes, name: str, sentence: str) -> None:
    """One sentence says what the file should be."""
    with pytest.raises(QuestionSetError, match=sentence):
        import_questions(ferry, name, data)


def test_a_list_of_questions_may_hold_commas(ferry: Workbench) -> None:
    """In one column they belong to the question; in several a row with a cell too many is told, and not cut."""
    got = read(ferry, "question\nWho approved the budget, and when?\nWhy, how, when?\n")
    assert ["Who approved the budget, and when?", "Why, how, when?"] == [q.text for q in got.questions]
    got = read(ferry, "question,document\nWho, and when?,ferry.txt\nWhy?,\n")
    assert ["Why?"] == [q.text for q in got.questions]
    assert "Row 2 has more cells than the first row names" in got.problems[0]


def test_rows_that_are_no_questions_are_told(ferry: Workbench) -> None:
    """Broken JSON, a number, a row without words and contradictions are told; the rest comes in."""
    got = read(
        ferry,
        '{"question": "When?", "document": "ferry", "start": 0, "end": 9}\n{"question": \n17\n{"page": 3}\n'
        '{"question": "When?", "answerable": false}\n{"question": "What?", "evidence": ["x"]}\n'
        '{"question": "Where?", "answerable": true}\n',
        "q.jsonl",
    )
    assert [question.text for question in got.questions] == ["When?", "What?", "Where?"]
    assert {"draft"} == {question.label for question in got.questions}
    assert got.questions[0].note == "One row says that it is not in the documents, another says where it is."
    assert [problem.partition(" (")[0].partition(" is")[0].partition(" has")[0] for problem in got.problems] == [
        "Row 2", "Row 3", "Row 4", "Row 6", "Row 7",
    ]  # fmt: skip


@settings(max_examples=80)
@given(data=st.binary(max_size=200), name=st.sampled_from(["q.csv", "q.jsonl"]))
def test_any_bytes_give_questions_or_a_sentence(ferry: Workbench, data: bytes, name: str) -> None:
    """No file makes another kind of error."""
    try:
        assert all(question.text for question in import_questions(ferry, name, data).questions)
    except QuestionSetError as error:
        assert str(error).endswith(".")


# --- and out again ---


def bare(questions: tuple[LabelledQuestion, ...]) -> list[object]:
    return [(q.text, q.label, q.evidence, q.note) for q in questions]


@pytest.mark.parametrize(("write", "name"), [(to_csv, "q.csv"), (to_jsonl, "q.jsonl")], ids=["csv", "jsonl"])
def test_what_is_written_can_be_read(ferry: Workbench, write, name: str) -> None:  # type: ignore[no-untyped-def]
    """Export and import give the same questions, labels and evidence."""
    got = read(
        ferry,
        'question,document,start,end,page,answerable,kind\n"When, ""exactly""?",ferry,0,9,,,\n=1+1?,ferry,10,30,,,\n'
        "Trout?,brackwater-annual-report-2025,,,3,,\nTrout?,brackwater-annual-report-2025,,,2,,\nDog?,,,,,false,\n"
        "Cat?,,,,,false,adversarial\nWho?,,,,,,\n",
    )
    cat = replace(got.questions[-2], note="Asked by the board.")
    suggested = replace(got.questions[0], id="s", text="Suggested?", label="draft", note="Suggested by a model.")
    questions = (*got.questions[:-2], cat, got.questions[-1], suggested)
    made = QuestionSets(ferry.catalog.engine).create(name, questions)
    again = import_questions(ferry, name, write(made))
    assert bare(made.questions) == bare(again.questions)
    assert () == again.problems


def test_no_cell_is_a_formula(ferry: Workbench) -> None:
    """A spreadsheet that opens the export runs nothing of it."""
    got = read(ferry, "question\n=cmd|' /C calc'!A0\n@SUM(1)\n")
    made = QuestionSets(ferry.catalog.engine).create("formulas", got.questions)
    cells = [row[0] for row in csv.reader(io.StringIO(to_csv(made).decode("utf-8-sig")))]
    assert ["question", "'=cmd|' /C calc'!A0", "'@SUM(1)"] == cells


def test_benchmarks_come_in_two_files(ferry: Workbench) -> None:
    """Queries and relevance judgements are joined by their id; adversarial questions are told apart."""
    queries = [
        {"qid": 1, "text": "When?", "answerable": True, "kind": "answerable"},
        {"qid": 2, "text": "Dog?", "answerable": False, "kind": "offcorpus"},
        {"qid": 3, "text": "Price of dogs?", "answerable": False, "kind": "adversarial"},
        {"qid": 4, "text": "Lost?", "answerable": True},
    ]
    qrels = [{"qid": 1, "doc_id": "Ferry", "start": 0, "end": 9}, {"qid": 1, "doc_id": "Ferry", "start": 10, "end": 24}]
    lines = ["\n".join(map(json.dumps, rows)).encode() for rows in (queries, qrels)]
    got = import_qrels(ferry, *lines)
    assert ["evidence", "absent", "adversarial", "draft"] == [question.label for question in got.questions]
    assert 2 == len(got.questions[0].evidence)
    assert got.problems == (
        "Row 4 (Lost?): it says that the question can be answered, but not where; it is kept as a draft.",
    )


# --- quotes ---


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("leaves  at\nNINE", "leaves at nine"),
        ("to the island", "to the is-\nland"),
        ('costs "eleven" crowns', "costs “eleven”\ncrowns"),
        ("ab", None),
        ("", None),
        ("leaves at noon", None),
    ],
)
def test_quotes_are_found_however_lines_break(quote: str, found: str | None) -> None:
    """White space, line-end hyphens, case and the form of quotation marks do not count; two letters are no place."""
    span = locate(TEXT, quote)
    assert found == (TEXT[slice(*span)] if span else None)


def test_of_several_places_the_nearest_is_taken() -> None:
    """A quote that stands several times is found next to where it was said to be, and only within its page."""
    text = "abc abc abc"
    assert (0, 3) == locate(text, "abc")
    assert (8, 11) == locate(text, "abc", near=9)
    assert (4, 7) == locate(text, "abc", within=(3, 8))
    assert None is locate(text, "abc", within=(1, 3))


@settings(max_examples=100)
@given(text=st.text(max_size=80), start=st.integers(0, 60), length=st.integers(3, 40))
def test_any_piece_of_a_text_is_found(text: str, start: int, length: int) -> None:
    """What is cut out of a text is found in it, whatever its script, at a place that reads the same."""
    quote = text[start : start + length].strip()
    span = locate(text, quote, near=start)
    if len(quote) >= 3:
        assert span is not None and text[slice(*span)] == quote
