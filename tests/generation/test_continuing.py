"""An answer that was cut off and gone on with is one answer, whatever the model repeats."""

from __future__ import annotations

import pytest

from rag.generation.continuing import Joint, begun
from rag.types import Answer, Usage
from tests.generation.hits import hits_of, read

HITS = hits_of("The hall was opened in 1974.", "Repairs cost 1.2 million euros.", "It is closed on Mondays.")


def answer(text: str) -> Answer:
    shown, citations = read(HITS, [text])
    return Answer(shown, tuple(citations), True, "fault/ok", "length", Usage(), None)


def test_what_was_begun_has_the_prompts_numbers_and_whole_words() -> None:
    """The model meets the numbers that it wrote, and the word that the cut may have halved is left to it."""
    assert "Closed on Mondays [3]. Opened in 1974 [1]. It " == begun(
        answer("Closed on Mondays [3]. Opened in 1974 [1]. It cos"), HITS
    )


def test_nothing_begun_is_nothing() -> None:
    """An answer without a whole word begins anew."""
    assert "" == begun(answer("Closed"), HITS) == begun(answer(""), HITS)


@pytest.mark.parametrize(
    ("before", "more", "joined"),
    [
        ("The hall was ", "opened in 1974.", "opened in 1974."),
        ("The hall was ", " opened in 1974.", "opened in 1974."),
        ("The hall was ", "The hall was opened.", "opened."),
        ("It cost a lot. The hall was ", "The hall was opened.", "opened."),
        ("- one\n- two\n", "- three", "- three"),
        ("The hall was ", "The house fell.", "The house fell."),
    ],
)
def test_the_joint_takes_repetitions_away(before: str, more: str, joined: str) -> None:
    """However the continuation is cut, its text is the same, and what it repeats of the beginning is left out."""
    for size in (1, 3, len(more)):
        joint = Joint(before)
        pieces = [joint.feed(more[i : i + size]) for i in range(0, len(more), size)]
        assert joined == "".join(pieces) + joint.flush()
