"""What the checks left open, in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pages.parts.export as export
import rag
from rag.generation.checking import check_answer
from rag.reporting import open_points
from rag.store.conversations import Conversation, Turn
from rag.types import Answer, Usage
from tests.generation.hits import hits_of, read

HITS = hits_of("The gearbox of turbine 3 failed. It stood still for 12 days.")
SAID = (
    "Turbine 3 stood still for 12 days [1]. The gearbox of turbine 3 failed in 1987 [1]. Giraffes dance. See also.\n\n"
    "| Year | Claims |\n|---|---|\n| 2021 | 14 |\n"
)


def answered() -> Answer:
    text, citations = read(HITS, [SAID])
    return Answer(text, tuple(citations), True, "fake/good", "complete", Usage(), None, checks=check_answer(text, HITS))


def test_each_sentence_has_one_verdict_in_words() -> None:
    """A row of a table reads as text; what has no source is not held against one; a pointer claims nothing."""
    points = dict(open_points(answered()))
    assert "No source is given for this." == points["2021 · 14"] == points["Giraffes dance."]
    assert points["The gearbox of turbine 3 failed in 1987."].endswith("Not in the source: 1987.")
    assert 3 == len(points)


def test_markdown_says_what_is_not_supported_and_lists_a_source_once(bench: rag.Workbench) -> None:
    """The file stands alone: a reader of it sees the same doubts as on the page."""
    turn = Turn("How long?", answered(), "complete", "t", datetime.now(UTC))
    text = export.conversation(bench, Conversation("c", "How long?", "main", (turn,)))
    doubts = text.partition("**Not supported by the sources**")[2].partition("**Sources**")
    assert "- “Giraffes dance.” No source is given for this." in doubts[0] and "1987" in doubts[0]
    assert 1 == doubts[2].count("- [1] report.pdf")
