"""Sentences of an answer are checked as they complete: what they say, where else it stands, and each of their figures."""

from __future__ import annotations

import time

import pytest

from rag.generation.checking import Checker, check_answer
from rag.generation.claims import claims, needs_no_source
from rag.types import CheckSummary, FigureCheck, SentenceCheck
from tests.generation.hits import document, hit, hits_of

HITS = hits_of(
    "Revenue was €5.1 million in 2025 and €4.2 million in 2024. The increase came from the new plant in Leeds.",
    "The board has nine members. Eleanor Pryce has chaired it since 2019.",
    "Tenants pay 16.5 pence a kilowatt-hour, about a third below the usual tariff.",
)


def only(answer: str) -> SentenceCheck:
    [check] = check_answer(answer, HITS)
    return check


def figure(check: SentenceCheck, text: str) -> FigureCheck:
    [found] = [f for f in check.figures if f.text == text]
    return found


def test_a_sentence_that_stands_in_its_source_is_supported() -> None:
    """Words and figures agree, and the figure names the words of the chunk and its marker."""
    check = only("The board has 9 members [2].")
    assert "supported" == check.verdict
    nine = figure(check, "9")
    assert ("supported", "nine", 2) == (nine.verdict, nine.found_as, nine.marker)


def test_a_wrong_figure_is_marked_with_what_stands_there() -> None:
    """The price is contradicted by the one in the chunk; the sentence is then only partly supported."""
    check = only("Tenants pay 15.6 pence a kilowatt-hour [3].")
    price = figure(check, "15.6 pence")
    assert ("contradicted", "16.5 pence", 3) == (price.verdict, price.found_as, price.marker)
    assert "partly" == check.verdict


def test_a_wrong_source_is_told_and_the_right_one_named() -> None:
    """A sentence that another hit says gets that hit's marker."""
    check = only("The board has nine members, and Eleanor Pryce has chaired it since 2019 [3].")
    assert ("not_found", 2) == (check.verdict, check.where)


def test_a_sentence_without_a_marker_is_told_where_it_stands() -> None:
    """No citation is a verdict of its own; its figures are looked up in all hits."""
    check = only("Tenants pay 16.5 pence a kilowatt-hour.")
    assert ("no_citation", 3) == (check.verdict, check.where)
    assert "supported" == figure(check, "16.5 pence").verdict


def test_an_invented_sentence_is_not_found() -> None:
    """Neither its words nor its figures stand anywhere."""
    check = only("The company will move to Berlin in 2031 [1].")
    assert ("not_found", None) == (check.verdict, check.where)
    assert ["not_found", "not_found"] == [f.verdict for f in check.figures]


def test_two_sources_together_support_a_sentence() -> None:
    """What one sentence draws from two hits is looked up in both."""
    check = only("Eleanor Pryce chairs the board, and tenants pay 16.5 pence a kilowatt-hour [2][3].")
    assert "supported" == check.verdict


def test_offsets_are_those_of_the_answer() -> None:
    """Sentence and figures lie where they read, markers and Markdown in between notwithstanding."""
    answer = "## Results\n\n- **Revenue** was [1] €5.1 million in *2025* [1].\n"
    [check] = check_answer(answer, HITS)
    assert answer[check.start : check.end].startswith("Revenue** was [1] €5.1 million")
    assert ["€5.1 million", "2025"] == [answer[f.start : f.end] for f in check.figures]


@pytest.mark.parametrize(
    ("source", "said", "figure_", "verdict"),
    [
        ("Revenue was 1.234,56 EUR.", "Revenue was 9.999,99 EUR", "9.999,99 EUR", "contradicted"),
        ("Revenue was 1.234,56 EUR.", "Revenue was EUR 1,234.56", "EUR 1,234.56", "supported"),
        ("Revenue was 1,23,456 rupees.", "Revenue was 9,99,999 rupees", "9,99,999 rupees", "contradicted"),
        ("Revenue was 123,456 rupees.", "Revenue was 1,23,456 rupees", "1,23,456 rupees", "supported"),
        ("About 1.2 million people live there.", "1 200 000 people live there", "1 200 000", "supported"),
        ("About 12,000 people live there.", "12 000 people live there", "12 000", "supported"),
        ("In 2024 100 people came.", "In 2024 100 people came", "100", "supported"),
        ("It needs version 3.11.2 of it.", "It needs version 3.11.1 of it", "3.11.1", "contradicted"),
        ("See section 4.2.1 for the rules.", "See section 4.2.1 for the rules", "4.2.1", "supported"),
        ("The server is at 10.0.0.1.", "The server is at 10.0.0.9", "10.0.0.9", "contradicted"),
        ("The board meets in May.", "The new release is 3.11.1", "3.11.1", "not_found"),
        ("On 3.4.2026 the board met.", "On 5.4.2026 the board met", "5.4.2026", "contradicted"),
    ],
)  # fmt: skip
def test_numbers_are_looked_up_however_they_are_written(source: str, said: str, figure_: str, verdict: str) -> None:
    """Groups by dots, spaces and in the Indian way; versions, sections and addresses sign by sign: none is passed over."""
    [check] = check_answer(f"{said} [1].", hits_of(source))
    assert verdict == figure(check, figure_).verdict


@pytest.mark.parametrize(
    "said",
    [
        "Here is a summary:", "In short:", "Based on the provided excerpts,", "The excerpts do not say who audits the accounts.",
        "No information on prices is given in the documents.", "Would you like more details?", "I could not find this.",
        "Not found in these documents.", "***", "Sure!", "Yes.", "Of course, here is what the report says.", "In summary,",
        "The documents you uploaded don't mention a merger.", "None of the excerpts names a director.", "Who chairs it is not stated in the documents.",
        "The sources provided say nothing about prices.", "If you need more details, ask me.", "The context is silent on it.",
        "Here are the main goals of the agency.", "The question cannot be answered from the excerpts.",
    ],
)  # fmt: skip
def test_what_claims_nothing_needs_no_source(said: str) -> None:
    """Introductions, questions and "not found" are never marked."""
    assert needs_no_source(said)
    assert () == check_answer(said, HITS)


@pytest.mark.parametrize(
    "said",
    [
        "Yes, the board has twelve members [2].", "In summary, revenue was 9 million euros in 1999 [1].", "I found that revenue was 9 million euros [1].",
        "**Revenue was 9 million euros [1].**", "**Revenue was nine million euros.**", "## Revenue was 9 million euros [1]",
        "Yes, the board approved it.", "No, tenants pay nothing.", "Here the revenue was 9 million euros.",
        "The documents must be filed no later than 5 June 2025 [1].", "The source of funding is not the state but a loan of 3 million euros [1].",
        "The excerpts do not name a director, but the budget is 99 million euros [1].", "The document says that the council did not mention the 9 million.",
        '```json\n{"answer": "Revenue was 9 million euros [1]."}\n```', "If you are late, the fee doubles.", "I have twelve sources of income [1].",
    ],
)  # fmt: skip
def test_what_claims_something_is_checked_however_it_begins(said: str) -> None:
    """A figure or a marker makes a claim of what begins like an introduction, and what is said of documents is a claim, too."""
    [check] = check_answer(said, HITS)
    assert check.verdict != "supported"


def test_headings_code_and_table_heads_are_not_checked() -> None:
    """Only what claims something is."""
    answer = "# The year 2031\n\n```\nx = 99\n```\n\n| Item | Value |\n| --- | --- |\n| Revenue | €5.1 million in 2025 [1] |\n"
    assert [answer.index("| Revenue")] == [check.start for check in check_answer(answer, HITS)]


def test_list_items_stand_under_the_marker_of_their_introduction() -> None:
    """Short items without a marker are held against the hit that introduced them."""
    found = claims("The board is as follows [2]:\n- nine members\n- chaired by Eleanor Pryce\n\nTenants pay less.")
    assert [(2,), (2,), (2,), ()] == [claim.markers for claim in found]


def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before() -> None:
    """Before or behind the stop, a marker ends its sentence."""
    found = claims("Revenue rose. [1] The board met [2]. Tenants paid.[3]")
    assert [(1,), (2,), (3,)] == [claim.markers for claim in found]


def test_checks_come_as_sentences_complete() -> None:
    """The first sentence is checked before the second has ended, and nothing is told twice."""
    checker = Checker(HITS)
    assert [] == checker.feed("The board has nine members [2]")
    [first] = checker.feed(". Tenants pay 15.6 pence a kilowatt-hour ")
    assert "supported" == first.verdict
    assert [] == checker.feed("[3].")
    assert ["supported", "partly"] == [check.verdict for check in checker.finish()]


def test_a_restart_forgets_the_text() -> None:
    """After a restart of the stream the checks are those of the new text."""
    checker = Checker(HITS)
    checker.feed("The moon is made of cheese [1].\n")
    checker.restart()
    checker.feed("The board has nine members [2].")
    assert ["supported"] == [check.verdict for check in checker.finish()]


def test_heading_and_name_of_the_document_count() -> None:
    """A year that only the file's name has is not an invented year."""
    doc = document("annual-report-2025.pdf", "Turnover came to £3.6 million.")
    [check] = check_answer("Turnover came to £3.6 million in 2025 [1].", [hit(doc, doc.text, heading="Mill Weir")])
    assert ["supported", "supported"] == [f.verdict for f in check.figures]


def test_the_summary_says_how_much_was_supported() -> None:
    """Counts of sentences and figures, in the singular where there is one; nothing when nothing was checked."""
    checks = check_answer("The board has nine members [2]. Tenants pay 15.6 pence a kilowatt-hour [3].", HITS)
    assert "1 of 2 sentences and 1 of 2 figures, dates and names supported" == str(CheckSummary.of(checks))
    assert "1 of 1 sentence supported" == str(CheckSummary(1, 1))
    assert "" == str(CheckSummary.of(()))


@pytest.mark.parametrize(
    ("claim", "passage", "verdict"),
    [
        ("It cost 1.2 billion euros [1].", "The cost was EUR 1,200 million.", "supported"),
        ("About 1.2 million people came [1].", "1,213,400 people came.", "supported"),
        ("Exactly 1,213,400 people came [1].", "About 1.2 million people came.", "not_found"),
        ("Sales fell by 12 % [1].", "Sales: -12 % on the year.", "supported"),
        ("Sales rose by 12 % [1].", "Sales: -12 % on the year.", "contradicted"),
        ("It weighs 2.5 t [1].", "Its weight is 2,500 kg.", "supported"),
        ("It weighs 2,500 t [1].", "Its weight is 2,500 kg.", "contradicted"),
        ("It starts on 3 March 2026 [1].", "It starts on 2026-03-03.", "supported"),
        ("It starts on 3 May 2026 [1].", "It starts on 2026-03-03.", "contradicted"),
        ("In 2024 it was $5 million [1].", "It was $4 million in 2024 and $5 million in 2025.", "contradicted"),
        ("The fee rose to 12 euros [1].", "The fee did not rise to 12 euros.", "contradicted"),
    ],
)
def test_what_a_figure_is_held_against(claim: str, passage: str, verdict: str) -> None:
    """Unit, rounding, sign, date, year and denial matter; the way of writing does not."""
    [check] = check_answer(claim, hits_of(passage))
    assert verdict in {f.verdict for f in check.figures}


@pytest.mark.parametrize(
    "hostile",
    [
        "1 " * 4000,
        "[1," * 4000,
        "." * 8000,
        "1-" * 4000,
        "one hundred and " * 2000,
        "5 kg " * 2000,
        "Ab " * 3000,
        '"ab ' * 3000,
        "| 1 " * 2500,
    ],
)
def test_hostile_text_costs_no_more_than_a_second(hostile: str) -> None:
    """Neither an answer nor a chunk made to be slow is slow: all expressions are linear, and counts are bounded."""
    began = time.thread_time()
    check_answer(hostile, HITS)
    check_answer("It weighs 5 kg [1].", hits_of(hostile.strip()[:4000]))
    assert time.thread_time() - began < 2.0


def test_a_name_with_and_in_it_is_one_name() -> None:
    """Halves that stand together in the source are one name there."""
    hits = hits_of("The Wage and Hour Division (WHD) protects 148 million workers.")
    [check] = check_answer("The Wage and Hour Division protects 148 million workers [1].", hits)
    assert ["Wage and Hour Division", "148 million"] == [f.text for f in check.figures if f.verdict == "supported"]
