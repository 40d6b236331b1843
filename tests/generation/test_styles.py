"""Styles as values: what a user changes in one, and what goes into the prompt of it."""

from __future__ import annotations

import json

import pytest

from rag.generation.extractive import most_passages, unheard
from rag.generation.prompting import system_text
from rag.generation.styles import (
    JSON,
    NO_EXAMPLES,
    STYLES,
    Example,
    Style,
    examples_of,
    schema_problem,
    style_of,
    written,
)
from rag.providers.structured import parse
from rag.types import GenerateOptions
from tests.generation.hits import hits_of, read


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_examples_outlive_being_edited(style: Style) -> None:
    """What is shown for editing reads back as what it was made of."""
    plain = tuple(Example(e.question, e.excerpts, e.answer) for e in style.examples)
    assert plain == examples_of(written(style.examples))


def test_a_user_changes_instruction_and_examples() -> None:
    """Both take the place of the style's own; "-" sends no example; nothing said takes the style as it is."""
    options = GenerateOptions(style="brief", instruction="Answer in verse.", examples=NO_EXAMPLES)
    said = system_text(style_of(options))
    assert "Answer in verse." in said and "Example" not in said
    assert STYLES["brief"] == style_of(GenerateOptions(style="brief"))
    with pytest.raises(ValueError, match="unknown style"):
        GenerateOptions(style="of another version")


def test_the_json_example_fits_its_schema() -> None:
    """A model that does as it is shown does right."""
    assert "" == schema_problem(JSON.schema)
    for example in JSON.examples:
        assert [] == parse(example.answer, json.loads(JSON.schema))[1]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '{"type": "nothing known"}', '{"$ref": "#/$defs/missing"}', '{"properties": {"a": {"$ref": "http://x.example/s"}}}',
        '{"anyOf": [{"type": "string"}, {"$ref": "other.json"}]}',
    ],
)  # fmt: skip
def test_what_is_no_schema_is_said(text: str) -> None:
    """One sentence that says what to do."""
    assert schema_problem(text)
    assert "" == schema_problem('{"$defs": {"year": {"type": "integer"}}, "items": {"$ref": "#/$defs/year"}}')


def test_extracts_say_what_they_cannot_do() -> None:
    """Brief is one passage; steps and JSON are not for them."""
    assert 1 == most_passages(GenerateOptions(style="brief")) < most_passages(GenerateOptions())
    assert "step by step" in unheard(GenerateOptions(style="steps")) and "JSON" in unheard(
        GenerateOptions(style="json")
    )
    assert "" == unheard(GenerateOptions(style="quotes")) == unheard(GenerateOptions(style="brief"))


def test_markers_in_json_stand_in_strings_only() -> None:
    """An array of numbers stays an array, a quotation mark that is escaped ends no string, however the text is cut."""
    from rag.generation.citations import CitationReader

    hits = hits_of("The fee is 5 euros.", "The fee is 9 euros.")
    text = '{"a": "It is \\"9\\" euros [2].", "sources": [2, 1], "b": ["5 euros [1]"]}'
    for size in (1, 4, len(text)):
        reader = CitationReader(hits, is_json=True)
        for i in range(0, len(text), size):
            reader.feed(text[i : i + size])
        reader.flush()
        assert '{"a": "It is \\"9\\" euros [1].", "sources": [2, 1], "b": ["5 euros [2]"]}' == reader.text
        json.loads(reader.text)
    assert read(hits, ["[2]"])[0] == "[1]"
