"""Ask: the settings above the question are those of the chosen profile, or what was made of them here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rag.types import GenerateOptions, Profile, SearchOptions

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


def test_what_is_chosen_stays_over_other_pages(page: Any) -> None:
    """Documents, style and its texts, and rewriting come back as they were left; the next question is asked with them."""
    handbook = document(page, "handbook").id
    change(page, "multiselect", "Look only in", [handbook])
    change(page, "selectbox", "Answer", "json")
    change(page, "text_area", "Instruction", "Answer as a sailor would.")
    change(page, "text_area", "Examples", "")
    change(page, "text_area", "JSON schema", '{"type": "object"}')
    change(page, "checkbox", "Rewrite follow-up questions for the search", False)
    page.go("documents").go("search").go("ask")
    assert [handbook] == looked_in(page)
    assert "json" == widget(page, "selectbox", "Answer").value
    texts = [widget(page, "text_area", label).value for label in ("Instruction", "Examples", "JSON schema")]
    assert ["Answer as a sailor would.", "", '{"type": "object"}'] == texts
    assert widget(page, "checkbox", "Rewrite follow-up questions for the search").value is False
    assert ("", (handbook,)) == searched_in(page)


def test_an_emptied_filter_stays_empty_over_other_pages(page: Any) -> None:
    """What was taken out of a profile's documents is not put in again by a look at another page."""
    change(page, "selectbox", "Profile", "report only")
    change(page, "multiselect", "Look only in", [])
    assert [] == looked_in(page.go("documents").go("ask"))
    assert ("report only", ()) == searched_in(page)


def test_a_document_that_is_deleted_leaves_the_filter(page: Any) -> None:
    """The others stay chosen, whether another page is open then or this one."""
    ids = {name: document(page, name).id for name in ("annual-report", "board-minutes", "handbook")}
    change(page, "multiselect", "Look only in", list(ids.values()))
    page.go("documents")
    page.bench.catalog.delete_document(ids["handbook"])
    assert [ids["annual-report"], ids["board-minutes"]] == looked_in(page.go("ask"))
    page.bench.catalog.delete_document(ids["board-minutes"])
    assert [ids["annual-report"]] == looked_in(page.run())
    assert ("", (ids["annual-report"],)) == searched_in(page)


def test_a_profile_that_was_changed_elsewhere_brings_what_it_says_now(page: Any) -> None:
    """What was on screen before was the profile's as well, and nobody's choice; what somebody chose stays."""
    report, handbook = document(page, "annual-report").id, document(page, "handbook").id
    change(page, "selectbox", "Profile", "report only")
    page.go("search")
    page.bench.profiles.save(
        Profile("report only", SearchOptions(document_ids=(handbook,)), GenerateOptions(style="quotes", rewrite=False))
    )
    page.go("ask")
    assert [handbook] == looked_in(page)
    assert "quotes" == widget(page, "selectbox", "Answer").value
    assert widget(page, "checkbox", "Rewrite follow-up questions for the search").value is False
    assert ("report only", (handbook,)) == searched_in(page)
    page.bench.profiles.save(Profile("report only", SearchOptions(document_ids=(report,))))
    assert [report] == looked_in(page.run())
    change(page, "selectbox", "Answer", "brief")
    page.bench.profiles.save(Profile("report only", SearchOptions(), GenerateOptions(style="steps")))
    assert ([], "brief") == (looked_in(page.run()), widget(page, "selectbox", "Answer").value)


def test_cleared_examples_are_kept_as_an_empty_field(page: Any) -> None:
    """A profile notes that none are sent with a sign of its own, which is no example."""
    change(page, "selectbox", "Profile", "report only")
    change(page, "text_area", "Examples", "").press("Keep in the profile")
    assert "" == widget(page, "text_area", "Examples").value
    assert "" == widget(page.go("documents").go("ask"), "text_area", "Examples").value
    assert next(b for b in page.test.button if b.label == "Keep in the profile").disabled
