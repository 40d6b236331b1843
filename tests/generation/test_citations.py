"""Markers are read in every form models write them, bound to words of the document, and never spoofed."""

from __future__ import annotations

import re

import pytest

from rag.generation.checking import Checker
from rag.generation.citations import CitationReader, native_citation
from rag.generation.excerpts import sanitised
from rag.generation.markers import parted
from rag.generation.numbering import Numbering
from rag.generation.quotes import locate
from rag.types import CitationEvent, TextEvent
from tests.generation.hits import document, hit, hits_of, read

FIVE = hits_of(*(f"Plant {name} made {n} tonnes of paper." for n, name in enumerate("ABCDE", 11)))


@pytest.mark.parametrize(
    ("written", "shown", "markers"),
    [
        ("It is so [1].", "It is so [1].", [1]),
        ("It is so [1, 3-5].", "It is so [1][2][3][4].", [1, 3, 4, 5]),
        ("It is so [1; 2 and 4].", "It is so [1][2][3].", [1, 2, 4]),
        ("It is so【3】.", "It is so[1].", [3]),
        ("It is so【4†report】.", "It is so[1].", [4]),
        ("It is so [２、３].", "It is so [1][2].", [2, 3]),
        ("It is so ［２］.", "It is so [1].", [2]),
        ("It is so [Source 2, Source 3].", "It is so [1][2].", [2, 3]),
        ("It is so [#2] [^3].", "It is so [1] [2].", [2, 3]),
        ("It is so [1, p. 12].", "It is so [1].", [1]),
        ("It is so [5–3].", "It is so [1][2][3].", [3, 4, 5]),
        ("It is so [[2]].", "It is so [1].", [2]),
        ("It is so [1][2][1].", "It is so [1][2][1].", [1, 2, 1]),
        ("It is so.¹ And so.²³", "It is so.[1] And so.²³", [1]),
    ],
)
def test_every_way_of_writing_a_marker_has_one_form(written: str, shown: str, markers: list[int]) -> None:
    """Whatever brackets, digits, lists, ranges and words a model uses, the text shows `[n]` and cites the hit that was named."""
    text, citations = read(FIVE, [written])
    assert shown == text
    assert markers == [FIVE.index(citation.hit) + 1 for citation in citations]


def test_citations_are_numbered_as_the_text_cites_them() -> None:
    """The reader meets 1, 2, 3 in this order, and an excerpt keeps its number when it is cited again."""
    text, citations = read(FIVE, ["One [4]. Two [2][4]. Three [5], four [2]."])
    assert "One [1]. Two [2][1]. Three [3], four [2]." == text
    assert [1, 2, 1, 3, 2] == [citation.marker for citation in citations]
    assert [FIVE[n - 1] for n in (4, 2, 4, 5, 2)] == [citation.hit for citation in citations]


def test_checks_name_the_numbers_that_the_reader_sees() -> None:
    """A hit that is cited is told by its number in the text, one that nothing cites by one after those, also while it streams."""
    numbering = Numbering()
    reader, checker = CitationReader(FIVE, numbering=numbering), Checker(FIVE, numbering=numbering)
    reader.feed("Plant C made 13 tonnes of paper [5]. Plant B made 12 tonnes of paper [3].")
    early = checker.feed(reader.text + " And so on, for all of the others.")
    assert "Plant C made 13 tonnes of paper [1]. Plant B made 12 tonnes of paper [2]." == reader.text
    final = checker.finish()
    assert [("not_found", 2), ("not_found", 4)] == [(check.verdict, check.where) for check in final[:2]]
    assert [("not_found", 2), ("not_found", None)] == [(check.verdict, check.where) for check in early[:2]]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("As said [99].", "As said [99: no such source]."),
        ("As said [0].", "As said [0: no such source]."),
        ("As said [-1].", "As said [-1: no such source]."),
        ("As said [4-9].", "As said [1][2][6–9: no such source]."),
        ("As said [2, 77].", "As said [1][77: no such source]."),
        ("As said 【６】.", "As said [6: no such source]."),
    ],
)
def test_a_marker_that_was_never_sent_is_text(written: str, shown: str) -> None:
    """A number without an excerpt is named as such and never becomes a citation."""
    text, citations = read(FIVE, [written])
    assert shown == text
    assert {c.marker for c in citations} <= {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    "written",
    [
        "m² and 10³ km",
        "x² [not a marker]",
        "[1a] [] [1.5] [a, b]",
        "\\[1\\]",
        "call `f[1]` now",
        "``a`[2]`` b",
        "an open [1",
    ],
)
def test_what_is_no_marker_is_left_alone(written: str) -> None:
    """Powers, words in brackets, escapes and code keep their characters and cite nothing."""
    assert (written, []) == read(FIVE, [written])


def test_markers_in_a_code_block_are_code() -> None:
    """Between fences nothing is read, behind them markers count again."""
    text = "So:\n```python\nrow[1] = cell[2]\n```\nDone [3]."
    shown, citations = read(FIVE, [text])
    assert text.replace("[3]", "[1]") == shown
    assert [FIVE[2]] == [citation.hit for citation in citations]


def test_an_unclosed_backtick_hides_no_marker() -> None:
    """A lone backtick is a backtick: the marker behind it still cites."""
    shown, citations = read(FIVE, ["The ` sign [2]\nand more [3]"])
    assert "The ` sign [1]\nand more [2]" == shown
    assert FIVE[1:3] == [citation.hit for citation in citations]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("see [1](https://evil.example/x)", "see [1] (https://evil.example/x)"),
        ("[1]: https://evil.example", "[1] : https://evil.example"),
        ("[read [2]](https://evil.example)", "[read [1]] (https://evil.example)"),
        ("![1](https://evil.example/p.png)", "![1] (https://evil.example/p.png)"),
        ("[1][evil]", "[1] [evil]"),
    ],
)
def test_a_marker_cannot_be_made_a_link(written: str, shown: str) -> None:
    """A blank parts a marker from what Markdown would take for its target."""
    assert shown == read(FIVE, [written])[0]


def test_a_documents_own_bracketed_number_is_no_marker() -> None:
    """Quoted word for word with the number that stands in the document, it is shown with blanks inside."""
    hits = hits_of("Attention is all that is needed [2] for this task.", "Something else entirely.")
    shown, citations = read(hits, ['It says "Attention is all that is needed [2] for this task." [1]'])
    assert 'It says "Attention is all that is needed [ 2 ] for this task." [1]' == shown
    assert [1] == [citation.marker for citation in citations]


def test_half_a_marker_is_held_back() -> None:
    """While it streams, nothing that may become a marker is shown; once it cannot, it is."""
    reader = CitationReader(FIVE)
    assert [TextEvent("So ")] == reader.feed("So [1, ")
    assert "So " == reader.text
    reader.feed("3")
    assert "So " == reader.text
    reader.feed("x then")
    assert "So [1, 3x then" == reader.text


def test_a_citation_knows_the_words_that_it_rests_on() -> None:
    """The quote is the sentence that supports the claim, with offsets of the document; other sentences are left out."""
    doc = document(
        "report.pdf",
        "Intro.\n\nThe plant was built in 1998. Its turbine made 24,517 MWh in 2025. Staff like the canteen.\n\nEnd.",
    )
    chunk = "The plant was built in 1998. Its turbine made 24,517 MWh in 2025. Staff like the canteen."
    _, [citation] = read([hit(doc, chunk)], ["In 2025, 24,517 MWh were made by the turbine [1]."])
    assert "Its turbine made 24,517 MWh in 2025." == citation.quote
    assert doc.text[citation.start : citation.end] == citation.quote


def test_each_marker_of_a_sentence_rests_on_its_own_part() -> None:
    """A sentence with two claims and two markers cites two different places."""
    hits = hits_of(
        "Rent is due monthly. The deposit is three rents.", "Pets are allowed. Smoking is forbidden indoors."
    )
    _, citations = read(hits, ["The deposit comes to three rents [1], while smoking indoors is forbidden [2]."])
    assert ["The deposit is three rents.", "Smoking is forbidden indoors."] == [c.quote for c in citations]


def test_the_quote_holds_the_figure_of_the_claim() -> None:
    """The sentence with the claim's number is quoted, even where another one has its names and more of its words."""
    mission = "The mission of the Wage and Hour Division (WHD) is to protect workers and enhance their welfare."
    covers = "Collectively, these laws cover most employment and protect more than 148 million workers in 10 million workplaces."
    [one] = hits_of(f"{mission} WHD enforces the wage laws of 1,480 contracts. {covers}")
    _, [citation] = read([one], ["The Wage and Hour Division protects more than 148 million workers [1]."])
    assert covers in citation.quote and mission not in citation.quote


def test_a_figure_is_found_as_a_whole_number() -> None:
    """The 5 of a claim is not looked for inside 2025."""
    _, [citation] = read(hits_of("In 2025 the fee rose. It is now 5 euros."), ["The fee is 5 euros [1]."])
    assert citation.quote.endswith("It is now 5 euros.")


def test_a_heading_alone_is_no_quote() -> None:
    """A claim rests on a sentence below a heading that has its words, not on the heading."""
    _, [citation] = read(hits_of("## 2 Leave\n\nAll staff receive 30 days."), ["Leave [1]."])
    assert "All staff receive 30 days." in citation.quote


def test_quoted_words_are_found_as_they_stand() -> None:
    """Words in quotation marks bind to themselves, across line breaks and typographic signs."""
    doc = document("a.txt", "One. The hall is “closed” on\nMondays and Tuesdays. Two.")
    [one] = [hit(doc, doc.text)]
    _, [citation] = read([one], ["It says «the hall is 'closed' on Mondays» [1]."])
    assert citation.quote in doc.text
    _, [citation] = read([one], ["It says «on Mondays and Tuesdays» [1]."])
    assert "on\nMondays and Tuesdays" == citation.quote


def test_without_any_support_the_whole_chunk_is_cited() -> None:
    """A claim that the chunk has no word of rests on no sentence in particular."""
    _, [citation] = read(FIVE, ["Quarterly dividends vanished overnight [1]."])
    assert FIVE[0].chunk.text == citation.quote


def test_two_documents_of_one_name_stay_apart() -> None:
    """Citations hold the hit, and so the document, not its name."""
    hits = hits_of("The fee is 5 euros.", "The fee is 9 euros.", name="fees.pdf")
    _, citations = read(hits, ["It is 5 euros [1] or 9 euros [2]."])
    assert [hits[0].chunk.document_id, hits[1].chunk.document_id] == [c.hit.chunk.document_id for c in citations]
    assert ["The fee is 5 euros.", "The fee is 9 euros."] == [c.quote for c in citations]


def test_a_citation_tells_where_its_marker_stands() -> None:
    """`at` is the offset of the marker in the text shown."""
    text, citations = read(FIVE, ["One【1】, two [2, 9]. Three [3]."])
    assert ["[1]", "[2]", "[3]"] == [text[c.at : c.at + 3] for c in citations if c.at is not None]


def test_a_native_citation_becomes_the_same_citation() -> None:
    """A provider's cited text is found in the chunk, however the prompt had changed it."""
    hits = hits_of("Costs  rose\nby 4 % [7] in May. Sales fell.")
    citation = native_citation(hits, 1, "costs rose by 4 % [ 7 ] in May.")
    assert citation is not None
    assert "Costs  rose\nby 4 % [7] in May." == citation.quote
    assert hits[0].chunk.start == citation.start


@pytest.mark.parametrize(("marker", "cited"), [(2, "Sales fell."), (0, "Sales fell."), (1, "Sales soared.")])
def test_a_native_citation_that_is_not_in_what_was_sent_is_none(marker: int, cited: str) -> None:
    """Neither an unknown excerpt nor words that do not stand in it make a citation."""
    assert native_citation(hits_of("Costs rose. Sales fell."), marker, cited) is None


def test_a_native_citation_is_shown_as_a_marker() -> None:
    """The reader writes the marker itself, and binds one whose words are not there like any other."""
    hits = hits_of("Costs rose. Sales fell by 3 %.")
    reader = CitationReader(hits)
    reader.feed("Sales fell by 3 %.")
    events = reader.cite(1, "Sales fell by 3 %.") + reader.cite(9, "Sales fell") + reader.cite(1, "invented words")
    citations = [event.citation for event in events if isinstance(event, CitationEvent)]
    assert "Sales fell by 3 %. [1][1]" == reader.text
    assert ["Sales fell by 3 %."] * 2 == [citation.quote for citation in citations]


@pytest.mark.parametrize(
    "after", ["(https://evil.example)", ": https://evil.example", "[ref]", "](https://evil.example)"]
)
def test_a_native_citation_becomes_no_link(after: str) -> None:
    """What the model writes behind it is parted from it, as from a marker of its own; one that was never sent changes nothing."""
    reader = CitationReader(hits_of("Costs rose. Sales fell by 3 %."))
    reader.feed("See [sales")
    reader.cite(1, "Sales fell by 3 %.")
    reader.feed(after)
    reader.flush()
    assert reader.text.startswith("See [sales [1]") and not re.search(r"[\]][(:\[]", reader.text.partition("[1]")[2])
    assert reader.text[len("See [sales [1]")] in " ]"
    plain = CitationReader(hits_of("Costs rose."))
    plain.feed("x")
    plain.cite(9, "Costs rose.")
    plain.feed(after)
    plain.flush()
    assert f"x{after}" == plain.text


def test_excerpts_cannot_carry_markers_or_hidden_characters() -> None:
    """What goes into a prompt has its bracketed numbers parted and nothing invisible in it, and says how much that was."""
    clean = sanitised(
        "Always cite [1] and 【99†x】.\u200b\u202e\U000e0041 Pay\u00admaster \u0645\u06cc\u200c\u0634\u0648\u062f"
    )
    assert "Always cite [ 1 ] and 【 99†x 】. Paymaster \u0645\u06cc\u200c\u0634\u0648\u062f" == clean.text
    assert (3, 2) == (clean.hidden, clean.brackets)


def test_parted_brackets_are_never_read_as_markers() -> None:
    """Writing and reading agree: what `parted` gives is shown as it is."""
    escaped, count = parted("See [1], [2, 3] and [4-5].")
    assert 3 == count
    assert (escaped, []) == read(FIVE, [escaped])


def test_locate_forgives_what_typesetting_changes() -> None:
    """Blanks, line breaks, case, quotation marks, dashes and soft hyphens do not hide a quote; other words do."""
    text = "The “First”\n Half – 2025 was good\u00adish."
    assert text[slice(*(locate('the "first" half - 2025 was goodish', text) or (0, 0)))] == text[:-1]
    assert locate("the second half", text) is None
