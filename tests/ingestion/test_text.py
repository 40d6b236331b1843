"""Sentences and paragraphs are found where a reader would see them, and nothing of the text is lost."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text import paragraphs, sentences


def said(text: str) -> list[str]:
    return [text[s:e] for s, e in sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "The company has its seat in St. Paul, Minnesota.",
        "Dr. J. Smith and Mrs. A. B. Jones met Gen. Lee.",
        "The U.S. Department of Labor is in Washington, D.C. under Title 5.",
        "See No. 5, Fig. 3 and Sec. 2.1 on pp. 10 to 12.",
        "It cost 3.5 million, e.g. for roads, i.e. for concrete.",
        "Acme Inc. and Widget Co. Ltd. were founded by Smith et al. (1999).",
        "At 9 a.m. Eastern time the office opens.",
        "“Why?” he asked.",
        "Returns a\nstatus of zero\nwhen done.",
        "1. Open the box.",
        "It took ... a while to finish.",
        "Vision … 3",
    ],
)
def test_one_sentence_stays_one(text: str) -> None:
    """Abbreviations, initials, decimals, list numbers and line breaks do not end a sentence."""
    assert [text] == said(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. It pours.", ["It rains.", "It pours."]),
        ("He lives in the U.S. The house is big.", ["He lives in the U.S.", "The house is big."]),
        ("Is it so? Yes! “Good.” Then go.", ["Is it so?", "Yes!", "“Good.”", "Then go."]),
        ("We said no. We meant it.", ["We said no.", "We meant it."]),
        ("In 2020. Then 2021.", ["In 2020.", "Then 2021."]),
        ("Title here\n\nA sentence.", ["Title here", "A sentence."]),
        ("我们去。他们来！", ["我们去。", "他们来！"]),
        ("We need:\n• apples and pears\n• oranges", ["We need:", "• apples and pears", "• oranges"]),
        ("Bought by Acme Inc. It grew.", ["Bought by Acme Inc.", "It grew."]),
    ],
)
def test_sentences_end_where_they_end(text: str, expected: list[str]) -> None:
    """Stops, questions, quotes, blank lines and list items end a sentence."""
    assert expected == said(text)


def test_a_short_line_before_a_long_one_is_a_title() -> None:
    """A title without a full stop is not read into the sentence below it."""
    body = (
        "The harbour was dredged to a depth of nine metres last year,\nwhich took from March until the end of October."
    )
    assert ["Harbour works", body] == said(f"Harbour works\n{body}")


def test_long_lines_are_paragraphs() -> None:
    """A text with a line per paragraph, never wrapped, has a paragraph per line."""
    line = "Words and more words. " * 12
    text = f" = Title = \n {line}\n {line}"
    assert ["= Title =", line.strip(), line.strip()] == [text[s:e] for s, e in paragraphs(text)]


@given(st.text(alphabet="aB1.!? \n“”-•…,", max_size=300))
def test_every_character_lies_in_exactly_one_sentence(text: str) -> None:
    """Sentences are in order, apart, without white space around them, and together hold all that is not white space."""
    spans = sentences(text)
    assert spans == sorted(spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert all(text[s:e] == text[s:e].strip() != "" for s, e in spans)
    assert "".join(text.split()) == "".join("".join(text[s:e].split()) for s, e in spans)


@pytest.mark.parametrize(
    "text", [" " * 300_000, "a" * 300_000, "\n " * 150_000, "a.b." * 75_000, ". " * 150_000, "(" * 300_000]
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    """No text makes the splitter hang."""
    begun = time.process_time()
    sentences(f"x{text}x")
    assert time.process_time() - begun < 3
