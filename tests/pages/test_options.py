"""Options of lists: each can be chosen, whatever the names are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from pages.parts.options import told_apart

Visit = Callable[..., Any]
SERIES = "Quarterly report of the Department of Agriculture and Food to Parliament, volume {}.txt"


@given(st.lists(st.text(alphabet="ab \u202e…()2", max_size=40), max_size=8), st.integers(8, 30))
def test_no_two_options_read_the_same(names: list[str], longest: int) -> None:
    """Each option has a label, all are different, and none is much longer than was asked for."""
    labels = told_apart(dict(enumerate(names)), longest)
    assert list(range(len(names))) == list(labels)
    assert len(set(labels.values())) == len(names)
    assert all(len(label) <= longest + 4 for label in labels.values())


@pytest.mark.parametrize(
    ("page_name", "title"), [("search", "Documents"), ("embedding", "Documents"), ("ask", "Look only in")]
)
def test_documents_of_a_series_can_be_told_apart(visit_with_samples: Visit, page_name: str, title: str) -> None:
    """Two files that differ at the end of a long name are two options, and both ends can be read."""
    page = visit_with_samples(page_name)
    for volume in (1, 2):
        rag.ingest(page.bench, [rag.Upload(SERIES.format(volume), f"Volume {volume} is about barley.".encode())])
    page.test.session_state["search.filters"] = True
    page.run()
    (options,) = [list(m.options) for m in page.test.multiselect if m.label == title]
    assert 2 == len([o for o in options if o.startswith("Quarterly report")]) and len(options) == len(set(options))
    assert any("volume 1.txt" in o for o in options) and any("volume 2.txt" in o for o in options)
