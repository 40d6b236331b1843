"""What may be quoted: whole sentences at exact offsets, without the furniture of pages."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.generation.passages import Source, is_noise
from rag.types import Chunk, Document, Heading


def document(text: str, *headings: str) -> Document:
    spans = [(text.index(heading), text.index(heading) + len(heading)) for heading in headings]
    return Document("d", "d.txt", "text/plain", text, headings=tuple(Heading(1, text[s:e], s, e) for s, e in spans))


def chunk(text: str, start: int, end: int) -> Chunk:
    return Chunk("c", "d", 0, start, end, (1,), "", text[start:end])


def read(text: str, *headings: str) -> tuple[Source, list[str]]:
    """Return the source of a text that is one chunk, and its readable sentences."""
    source = Source.of(chunk(text, 0, len(text)), document(text, *headings))
    return source, [source.part(span) for span in source.sentences(0, len(text))]


@pytest.mark.parametrize(
    "line",
    [
        "2.3. Supply Chain .................... 20",
        "Results . . . . . . . . 7",
        "3.4. Cybercrime … 20",
        "_193f47f2-dd6f-11ec-8058-d65e1283ea00",
        "PLACEHOLDER_20",
        "Page 13",
        "Registered society 7714 R Page 3",
        "- 7 -",
        "12 of 30",
        "|---|---|",
        "",
    ],
)
def test_furniture_of_a_page_is_noise(line: str) -> None:
    """Dot leaders, identifiers, page numbers and rules are nobody's sentence."""
    assert is_noise(line)


@pytest.mark.parametrize("line", ["Net sales 31,657 30,109", "400", "See page 12 of the report.", "R&D", "营业收入"])
def test_what_may_answer_is_no_noise(line: str) -> None:
    """Rows and cells of a table, short words and other scripts are kept."""
    assert not is_noise(line)


def test_noise_is_cut_out_of_the_middle_of_a_sentence() -> None:
    """A sentence that runs over a page number and an identifier is read without them, at exact offsets."""
    text = "The plan was made in the spring and\nPage 5\n_193f47f2-dd6f-11ec-8058-d65e1283ea00\nit was kept."
    _, sentences = read(text)
    assert sentences == ["The plan was made in the spring and", "it was kept."]


def test_a_sentence_cut_by_its_chunk_is_read_whole() -> None:
    """Sentences at the edges of a chunk are followed into the document beside it."""
    text = "First one. The mill was\nclosed in 1998. It was\nrebuilt in 2014 by the town. Last one."
    start, end = text.index("closed"), text.index("by the town")
    source = Source.of(chunk(text, start, end), document(text))
    assert [source.part(span) for span in source.sentences(start, end)] == [
        "The mill was\nclosed in 1998.",
        "It was\nrebuilt in 2014 by the town.",
    ]


def test_without_the_document_the_chunk_is_read() -> None:
    """When the document is gone the chunk's own text is read, at the document's offsets."""
    part = Chunk("c", "d", 0, 1000, 1021, (1,), "", "It was kept. And then")
    source = Source.of(part, None)
    assert [(span, source.part(span)) for span in source.sentences(1000, 1021)] == [
        ((1000, 1012), "It was kept."),
        ((1013, 1021), "And then"),
    ]


def test_lines_are_joined_and_rows_items_and_titles_are_not() -> None:
    """Wrapped lines read on; titles, list items and rows of a table keep their lines."""
    text = (
        "Prices\n\nThe price rose by a fifth in the first half of the year and then\nfell. It is:\n\n"
        "• 4 pence for members\n\n• 5 pence for others\n\nSales 2,318 2,596\nGrants 174 160"
    )
    source, _ = read(text, "Prices")
    shown = source.shown(source.sentences(0, len(text)))
    assert "half of the year and then fell." in shown
    assert shown.splitlines()[0] == "Prices"
    assert {"• 4 pence for members", "• 5 pence for others", "Sales 2,318 2,596", "Grants 174 160"} <= set(
        shown.splitlines()
    )


def test_a_footnote_cannot_pose_as_a_citation() -> None:
    """Numbers in brackets are parted from their brackets in what is shown; the quote stays as it is."""
    source, sentences = read("It was so [3] and so [1, 2] again.")
    assert source.shown(source.sentences(0, 34)) == "It was so [ 3 ] and so [ 1, 2 ] again."
    assert sentences == ["It was so [3] and so [1, 2] again."]


def test_markdown_signs_of_titles_and_bold_are_not_shown() -> None:
    """Heading and bold signs of Markdown are left out of what is shown."""
    source, _ = read("## 4.2 Turbines\n\nNobody climbs **alone**.", "## 4.2 Turbines")
    assert source.shown(source.sentences(0, 41)) == "4.2 Turbines\nNobody climbs alone."


def test_titles_are_known_from_the_document_or_their_number() -> None:
    """A heading of the document is a title whatever it looks like; a numbered title is one without that."""
    source, _ = read("Long Down\n\nThe wind blew.\n\n1.2. National Archives Catalog\n\nIt rained.", "Long Down")
    spans = source.sentences(0, len(source.text))
    assert [source.part(span) for span in spans if source.is_title(span)] == [
        "Long Down",
        "1.2. National Archives Catalog",
    ]


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab .\n?!A1[]-•|é的\u2028"), max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_any_text_gives_ordered_spans_with_something_to_read(text: str, one: int, other: int) -> None:
    """Whatever the text: spans are in order, inside it, do not overlap, and hold more than white space."""
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    source = Source.of(chunk(text, start, end), document(text))
    spans = source.sentences(start, end)
    assert all(0 <= s < e <= len(text) and text[s:e].strip() == text[s:e] for s, e in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    source.shown(spans)
