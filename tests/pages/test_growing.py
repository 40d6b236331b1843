"""A text that grows on the screen: what is drawn of its beginning stays when the rest comes."""

from __future__ import annotations

from typing import Any

import pytest

from pages.parts.growing import steady
from rag.reporting.model_text import markdown
from rag.reporting.trees import text_of

ANSWER = (
    "## Costs\n\nThe **repairs** cost 1.2 *million* euros [1], __all__ told.\n\n- one [2]\n- **two** and ~~three~~\n\n"
    "| Year | Sum |\n|:--|--:|\n| 2023 | 9 [1] |\n| 2024 | 11 |\n\nThen:\n\n```python\nrow[1] = a | b\n```\n\nDone **at last**."
)


def kinds(nodes: Any) -> list[str]:
    return [node[0] for node in nodes]


@pytest.mark.parametrize("end", range(1, len(ANSWER) + 1))
def test_blocks_stay_what_they_are(end: int) -> None:
    """At every cut the blocks drawn are those of the whole answer so far, and no star or bar of the notation is seen."""
    drawn = markdown(steady(ANSWER[:end]))
    whole = kinds(markdown(ANSWER))
    assert kinds(drawn)[:-1] == whole[: max(0, len(drawn) - 1)]
    text = "".join(text_of([node for node in drawn if node[0] != "pre"]))
    assert "|" not in text and "**" not in text and "~~" not in text


@pytest.mark.parametrize(
    ("cut", "drawn"),
    [
        ("| a | b |", ""),
        ("| a | b |\n|---|", ""),
        ("| a | b |\n|---|---|\n", "| a | b |\n|---|---|\n"),
        ("| a | b |\n|---|---|\n| 1 |", "| a | b |\n|---|---|\n"),
        ("5 * 3 and **", "5 * 3 and "),
        ("**Note*", "**Note**"),
    ],
)
def test_what_is_half_written_waits(cut: str, drawn: str) -> None:
    """Half a row, a head without its line and an opening of bold are held back, or closed."""
    assert drawn == steady(cut)
