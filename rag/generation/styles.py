"""How an answer shall be written: instructions with examples, all of it values that can be edited and kept."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


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
    '{"type": "object", "properties": {"answer": {"type": "string"}, "points": {"type": "array", "items": {"type": "object", '
    '"properties": {"statement": {"type": "string"}, "sources": {"type": "array", "items": {"type": "integer"}}}, '
    '"required": ["statement", "sources"]}}}, "required": ["answer", "points"]}'
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
            '{"answer": "Children pay 2 euros [2].", "points": [{"statement": "Children pay 2 euros [2].", "sources": [2]}]}',
        ),
    ),
    _SCHEMA,
)
STYLES = MappingProxyType({style.name: style for style in (BRIEF, DETAILED, STEPS, QUOTES, JSON)})
"""The styles that the product ships, by name."""
