"""Questions asked on Search, kept with the settings of then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from rag.store import history
from rag.types import SearchOptions


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[rag.Workbench]:
    with rag.open_workbench(tmp_path / "data") as bench:
        yield bench


def questions(bench: rag.Workbench) -> list[str]:
    return [past.question for past in bench.search_history.list()]


def test_the_newest_stands_first_with_its_settings(bench: rag.Workbench) -> None:
    """Everything that a rerun needs comes back as it was."""
    options = SearchOptions(mode="keyword", top_k=3, similarity_threshold=0.3, tags=("annual",))
    bench.search_history.add("first", "main", SearchOptions(), 6)
    bench.search_history.add("second", "main", options, 2)
    newest = bench.search_history.list()[0]
    assert ("second", "main", options, 2) == (newest.question, newest.collection, newest.options, newest.hits)
    assert ["second", "first"] == questions(bench)


def test_a_question_asked_again_moves_up(bench: rag.Workbench) -> None:
    """The same words to the same collection stand once, with the settings of the last time; another collection is another entry."""
    for collection, k in (("main", 1), ("other", 2), ("main", 3)):
        bench.search_history.add("What  now?" if k == 3 else "what now?", collection, SearchOptions(top_k=k), 0)
    assert [("main", 3), ("other", 2)] == [(p.collection, p.options.top_k) for p in bench.search_history.list()]


def test_it_survives_a_restart_and_can_be_cleared(tmp_path: Path) -> None:
    """It is in the catalog; clearing leaves nothing of it."""
    with rag.open_workbench(tmp_path / "data") as first:
        first.search_history.add("kept", "main", SearchOptions(), 1)
    with rag.open_workbench(tmp_path / "data") as second:
        assert ["kept"] == questions(second)
        second.search_history.clear()
        assert [] == questions(second)


def test_it_is_bounded(bench: rag.Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go when there are too many, and a pasted text is not kept at all."""
    monkeypatch.setattr(history, "MOST", 3)
    for n in range(5):
        bench.search_history.add(f"question {n}", "main", SearchOptions(), 0)
    bench.search_history.add("word " * 1000, "main", SearchOptions(), 0)
    assert ["question 4", "question 3", "question 2"] == questions(bench)


def test_what_another_version_wrote_is_passed_over(bench: rag.Workbench) -> None:
    """A row that cannot be read hides none of the others."""
    bench.catalog.set_setting("search_history", [{"question": "odd"}, "odder", {"question": "x", "search": 3}])
    assert [] == questions(bench)
    bench.search_history.add("fine", "main", SearchOptions(), 0)
    assert ["fine"] == questions(bench)
