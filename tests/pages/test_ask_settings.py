"""Ask: the settings above the question are those of the chosen profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rag.types import Profile, SearchOptions

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"


@pytest.fixture
def page(visit_with_samples: Visit) -> Any:
    """The Ask page, opened with the built-in settings, and two profiles that look in one document each."""
    page = visit_with_samples("ask")
    for name, words in (("report only", "annual-report"), ("handbook only", "handbook")):
        page.bench.profiles.save(Profile(name, SearchOptions(document_ids=(document(page, words).id,))))
    return page.run()


def document(page: Any, words: str) -> Any:
    return next(d for d in page.bench.catalog.documents() if words in d.name)


def widget(page: Any, kind: str, label: str) -> Any:
    return next(w for w in page.test.get(kind) if w.label == label)


def change(page: Any, kind: str, label: str, value: Any) -> Any:
    """Give a widget a value, as its reader would."""
    widget(page, kind, label).set_value(value)
    return page.run()


def looked_in(page: Any) -> list[str]:
    """Return the documents that "Look only in" names."""
    return list(widget(page, "multiselect", "Look only in").value)


def searched_in(page: Any) -> tuple[str, tuple[str, ...]]:
    """Ask, and return the profile that the answer names with the documents that were searched."""
    import rag

    page.test.chat_input[0].set_value(QUESTION)
    page.run()
    turn = rag.conversation(page.bench, page.address("c")).turns[-1]
    return turn.answer.profile, page.bench.turns.record(turn.stream_id).search.document_ids


def test_a_chosen_profile_brings_its_documents(page: Any) -> None:
    """Whatever was looked in before: the built-in settings or another profile's documents."""
    report, handbook = document(page, "annual-report").id, document(page, "handbook").id
    assert [] == looked_in(page)
    change(page, "selectbox", "Profile", "report only")
    assert [report] == looked_in(page)
    assert ("report only", (report,)) == searched_in(page)
    change(page, "selectbox", "Profile", "handbook only")
    assert [handbook] == looked_in(page)
    assert ("handbook only", (handbook,)) == searched_in(page)
    change(page, "selectbox", "Profile", "")
    assert [] == looked_in(page)
    assert ("", ()) == searched_in(page)
