"""Search: candidates once, then every setting live over them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"


def hits(page: Any) -> int:
    return int(re.match(r"(\d+) of", page.drawn("search.results"))[1])


def threshold_key(page: Any) -> str:
    return f"search.threshold.{page.bench.collection().id}"


def test_without_documents_it_says_where_to_add_them(visit: Visit) -> None:
    """An empty collection leads to Documents."""
    assert "Nothing to search yet" in visit("search").drawn("search.empty")


def test_a_linked_question_is_answered_at_once(visit_with_samples: Visit) -> None:
    """The address carries the question; hits show their place, their score and its parts."""
    results = visit_with_samples("search", q=QUESTION).drawn("search.results")
    assert "gearbox of turbine 3 failed" in results
    assert "meaning" in results and "words" in results and "keyword" in results
    assert "threshold 0.42" in results and "fetched in" in results


def test_moving_the_threshold_asks_nobody_again(visit_with_samples: Visit) -> None:
    """Threshold and number are applied to the candidates in memory: the ledger has one search however far they move."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick(threshold_key(page), 0.2)
    low = hits(page)
    page.pick("search.top_k", 2.0)
    assert low > 2 == hits(page)
    page.pick(threshold_key(page), 0.99)
    assert 0 == hits(page)
    assert "not found in these documents" in page.drawn("search.results")
    assert 1 == sum(r.action == "search" for r in page.bench.ledger.records())


def test_near_misses_say_how_much_they_miss(visit_with_samples: Visit) -> None:
    """What lies just below the line is listed below it, with the distance it fell short by."""
    page = visit_with_samples("search", q=QUESTION)
    before, _, below = page.drawn("search.results").rpartition("threshold 0.42")
    assert "short" not in before
    assert re.search(r"0\.\d\d short", below)


def test_only_chosen_documents_are_searched(visit_with_samples: Visit) -> None:
    """The filter leaves hits of the chosen document alone."""
    page = visit_with_samples("search", q=QUESTION)
    handbook = next(d for d in page.bench.catalog.documents() if d.name.endswith(".md"))
    page.pick(threshold_key(page), 0.0)
    page.pick(f"search.documents.{page.bench.collection().id}", [handbook.id])
    results = page.drawn("search.results")
    assert handbook.name in results and ".pdf" not in results


def test_a_kept_threshold_becomes_the_collections_own(visit_with_samples: Visit) -> None:
    """What was tuned here is what Ask goes by."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick(threshold_key(page), 0.55).press("Keep this threshold")
    assert 0.55 == page.bench.collection().similarity_threshold


def test_a_hit_opens_in_its_document(visit_with_samples: Visit) -> None:
    """The page of the PDF is shown with the passage, its place named above."""
    page = visit_with_samples("search", q=QUESTION)
    result = page.drawn("search.results")
    assert "brackwater-annual-report-2025.pdf p. 3" in result
    import rag

    hit = rag.search(page.bench, QUESTION).hits[0]
    page.pick("search.open", hit.chunk.id)
    assert "brackwater-annual-report-2025.pdf" in page.drawn("search.passage.head")
    assert page.pictures()


def test_an_overlong_question_is_a_sentence(visit_with_samples: Visit) -> None:
    """An expected failure is one sentence in a box."""
    page = visit_with_samples("search", q="word " * 5000)
    assert any("ask a shorter one" in sentence for sentence in page.boxes())
