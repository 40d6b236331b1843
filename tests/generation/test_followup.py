"""Follow-up questions without a model: names of the question before are added where one plainly leans on it."""

from __future__ import annotations

import pytest

from rag.generation.followup import leans_plainly, with_names


@pytest.mark.parametrize(
    ("question", "past", "searched"),
    [
        ("Who voted against it?", ["Did the board approve the Saltmarsh battery?"], "Who voted against it? Saltmarsh"),
        ("And in 2024?", ["What did Mill Weir generate in 2025?"], "And in 2024? Mill Weir 2025"),
        ("What did it cost?", ["Why was the gearbox replaced?"], "What did it cost? gearbox replaced"),
        ("Did Saltmarsh cost more?", ["What is Saltmarsh?"], "Did Saltmarsh cost more?"),
        ("What about them?", ["Who is Eleanor Pryce?", "And where is it?"], "What about them? Eleanor Pryce"),
    ],
)
def test_names_of_the_question_before_are_added(question: str, past: list[str], searched: str) -> None:
    """Its names and figures, else its last two telling words; what the question has already is not said twice."""
    if question == "What about them?":
        past = past[:1]
    assert searched == with_names(question, past)


@pytest.mark.parametrize(
    "question", ["Who voted against it?", "And in 2024?", "What about solar?", "Why?", "Was this known?"]
)
def test_what_leans_is_seen(question: str) -> None:
    """Pronouns, beginnings that go on, and very short questions."""
    assert leans_plainly(question)


@pytest.mark.parametrize(
    "question",
    [
        "Why was turbine 3 out of service and for how long?",
        "How does NARA protect its holdings?",
        "Where is Mill Weir?",
    ],
)
def test_what_stands_by_itself_is_left_alone(question: str) -> None:
    """A question with a name of its own is searched for as it stands."""
    assert not leans_plainly(question)
