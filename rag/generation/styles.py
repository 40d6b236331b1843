"""How an answer shall be written: instructions with examples, all of it values that can be edited and kept."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from rag.types import GenerateOptions


@dataclass(frozen=True, slots=True)
class Example:
    """One question with excerpts and the answer that it should get; teaches by showing."""

    question: str
    excerpts: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Style:
    name: str
    title: str
    """As the page calls it."""
    instruction: str
    examples: tuple[Example, ...] = ()
    schema: str = ""
    """JSON schema, as text, that the whole answer shall fit; empty for prose."""


_EXCERPTS = (
    "The swimming hall was opened in 1974. Repairs in 2023 cost 1.2 million euros.",
    "Admission is 4.50 euros for adults and 2 euros for children. The hall is closed on Mondays.",
)
_SCHEMA = (
    '{"type": "object", "properties": {"answer": {"type": "string"}, "points": {"type": "array", "items": {"type": "string"}}}, '
    '"required": ["answer", "points"], "additionalProperties": false}'
)

BRIEF = Style(
    "brief",
    "Brief",
    "Answer in one to three sentences, the answer itself first. No introduction and no closing remark.",
    (Example("What did the repairs cost?", _EXCERPTS, "The repairs in 2023 cost 1.2 million euros [1]."),),
)
DETAILED = Style(
    "detailed",
    "Detailed",
    "Answer in full: the answer first, then what it rests on, conditions and exceptions included. Use short paragraphs or a list.",
    (
        Example(
            "What should a visitor know about the hall?",
            _EXCERPTS,
            "The hall is open every day but Monday [2].\n\n- Adults pay 4.50 euros, children 2 euros [2].\n"
            "- The building dates from 1974 and was repaired in 2023 for 1.2 million euros [1].",
        ),
    ),
)
STEPS = Style(
    "steps",
    "Step by step",
    "Answer as a numbered list of steps in the order in which they are done or concluded, one statement a step, each with its marker.",
    (
        Example(
            "Did a family of two adults pay more than 8 euros?",
            _EXCERPTS,
            "1. An adult pays 4.50 euros [2].\n2. Two adults therefore pay 9 euros, which is more than 8 euros [2].",
        ),
    ),
)
QUOTES = Style(
    "quotes",
    "Strict quotes",
    "Answer only with sentences copied word for word from the excerpts, each in quotation marks with its marker behind it. "
    "Add no words of your own beyond a connecting phrase.",
    (Example("When is the hall closed?", _EXCERPTS, '"The hall is closed on Mondays." [2]'),),
)
JSON = Style(
    "json",
    "JSON",
    "Answer with one JSON object that fits the schema and nothing around it. Put the markers inside the strings, behind what they support.",
    (
        Example(
            "What do children pay?",
            _EXCERPTS,
            '{"answer": "Children pay 2 euros [2].", "points": ["Children pay 2 euros [2].", "Adults pay 4.50 euros [2]."]}',
        ),
    ),
    _SCHEMA,
)
STYLES = MappingProxyType({style.name: style for style in (BRIEF, DETAILED, STEPS, QUOTES, JSON)})
"""The styles that the product ships, by name."""


# --- edited by the user -----------------------------------------------------------------------------------------------

NO_EXAMPLES = "-"
_EXAMPLE = re.compile(
    r"(?ms)^Question:[ \t]*(?P<question>.*?)\n(?P<excerpts>(?:\[\d+\].*?)?)^Answer:[ \t]*(?P<answer>.*?)(?=\nQuestion:|\Z)"
)
_EXCERPT = re.compile(r"(?ms)^\[\d+\][ \t]*(.*?)(?=\n\[\d+\]|\Z)")


def written(examples: Sequence[Example]) -> str:
    """Return examples as a text that can be edited; `examples_of` reads it.

    >>> print(written([Example("How old?", ("It is 9.",), "Nine [1].")]))
    Question: How old?
    [1] It is 9.
    Answer: Nine [1].
    """
    return "\n\n".join(
        "\n".join(
            (
                f"Question: {e.question}",
                *(f"[{n}] {text}" for n, text in enumerate(e.excerpts, 1)),
                f"Answer: {e.answer}",
            )
        )
        for e in examples
    )


def examples_of(text: str) -> tuple[Example, ...]:
    """Return the examples of a text; what stands outside of "Question: … Answer: …" is passed over."""
    return tuple(
        Example(
            " ".join(found["question"].split()),
            tuple(" ".join(excerpt.split()) for excerpt in _EXCERPT.findall(found["excerpts"])),
            found["answer"].strip(),
        )
        for found in _EXAMPLE.finditer(text)
    )


def style_of(options: GenerateOptions) -> Style:
    """Return the style that the options ask for, with what the user changed in it; an unknown name is "detailed"."""
    style = STYLES[options.style]
    examples = () if options.examples == NO_EXAMPLES else examples_of(options.examples) or style.examples
    return replace(
        style,
        instruction=options.instruction.strip() or style.instruction,
        examples=examples,
        schema=(options.schema.strip() or style.schema) if style.schema else "",
    )


def schema_problem(text: str) -> str:
    """Return why a text is no JSON schema, as a sentence; empty when it is one."""
    from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]  # published without types

    try:
        schema = json.loads(text)
        Draft202012Validator.check_schema(schema)
    except ValueError as error:
        return f"The schema is not JSON ({error}); correct it."
    except SchemaError as error:
        return f"This is no JSON schema ({error.message[:120]}); correct it."
    if not isinstance(schema, dict):
        return "A JSON schema is an object in braces; write one."
    lost = _unresolved(schema)
    return (
        f"The schema refers to {lost[:120]!r}, which is not in it; define it under $defs or take it out."
        if lost
        else ""
    )


def _unresolved(schema: dict[str, Any]) -> str:
    """Return the first reference of a schema that leads nowhere in itself; empty when there is none."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    parts: list[Any] = [schema]
    while parts:
        part = parts.pop()
        parts.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
        if isinstance(part, dict) and isinstance(ref := part.get("$ref"), str):
            try:
                resolver.lookup(ref)
            except Unresolvable:
                return ref
    return ""
