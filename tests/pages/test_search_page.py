"""Search: candidates once, then every setting live over them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

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


# --- filters and the less usual settings ---


def key_of(page: Any, field: str) -> str:
    from pages.parts import controls

    return controls.keys(page.bench.collection())[field]


def test_a_filter_by_tag_and_by_pages_narrows_the_search(visit_with_samples: Visit) -> None:
    """Only documents with the tag are left, then only chunks of those pages; the line above the hits counts the filters."""
    page = visit_with_samples("search", q=QUESTION, t="0.1").open("search.filters")
    report = next(d for d in page.bench.catalog.documents() if d.name.endswith(".pdf"))
    page.bench.catalog.set_tags(report.id, ["annual"])
    results = page.run().pick(key_of(page, "tags"), ["annual"]).drawn("search.results")
    assert ".md" not in results and "1 filter" in results
    page.pick(key_of(page, "page_from"), 4)
    assert "p. 3 " not in page.drawn("search.results") and "2 filters" in page.drawn("search.results")
    assert "Filters · 2 in use" in [e.label for e in page.test.expander]
    page.press("Clear filters")
    assert "filter" not in page.drawn("search.results").partition("fetched")[0]


def test_a_tag_that_moved_moves_the_hits(visit_with_samples: Visit) -> None:
    """Tags change without a change of the collection: the candidates on screen are fetched anew all the same."""
    page = visit_with_samples("search", q=QUESTION, t="0.1").open("search.filters")
    one, other = page.bench.catalog.documents()[:2]
    page.bench.catalog.set_tags(one.id, ["2024"])
    results = page.run().pick(key_of(page, "tags"), ["2024"]).drawn("search.results")
    assert (True, False) == (one.name in results, other.name in results)
    page.bench.catalog.set_tags(one.id, [])
    page.bench.catalog.set_tags(other.id, ["2024"])
    results = page.run().drawn("search.results")
    assert (False, True) == (one.name in results, other.name in results)


def test_a_filter_that_nothing_passes_is_one_sentence(visit_with_samples: Visit) -> None:
    """It says which filter it is and what to do; the question stays."""
    page = visit_with_samples("search", q=QUESTION).pick("search.page_from", 900)
    assert ["Nothing in 'main' passes the filter (pages 900 to the last); widen or clear it."] == page.boxes()
    assert QUESTION == page.test.session_state["search.question"]


def test_a_filter_embeds_the_question_only_once(visit_with_samples: Visit) -> None:
    """Other candidates are fetched with the vector that is known: the ledger has the one search that was embedded."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick("search.page_from", 2).pick("search.pool", 100.0).pick("search.exact", True)
    assert "exact search" in page.drawn("search.results")
    searches = [r for r in page.bench.ledger.records() if r.action == "search"]
    assert 1 == sum(r.usage.input_tokens > 0 for r in searches)


def test_the_address_carries_every_setting(visit_with_samples: Visit) -> None:
    """A link sets filters and the less usual settings, too."""
    page = visit_with_samples("search")
    report = next(d for d in page.bench.catalog.documents() if d.name.endswith(".pdf"))
    page.bench.catalog.set_tags(report.id, ["annual", "kept, twice"])
    page = visit_with_samples(
        "search", q=QUESTION, d="0.30", n="2", pool="80", exact="1", pf="2", pt="5", af="2020-01-02", tag="kept, twice"
    )
    from pages.parts import controls

    kept = {name: page.test.session_state[key] for name, key in controls.keys(page.bench.collection()).items()}
    assert (0.3, 2, 80, True, 2, 5, ["kept, twice"]) == tuple(
        kept[n] for n in ("mmr", "neighbours", "pool", "exact", "page_from", "page_to", "tags")
    )
    assert "2020-01-02" == kept["added_from"].isoformat() and "diversity 0.30" in page.drawn("search.results")


@pytest.mark.parametrize(
    "day", [{"at": "9999-12-31"}, {"af": "0001-01-01"}, {"at": "2199-01-01"}, {"af": "1971-01-01"}]
)
def test_a_link_with_a_far_day_opens(visit_with_samples: Visit, day: dict[str, str]) -> None:
    """A day that no clock shows is passed over, like whatever a link says wrongly; one that is only far away is a filter."""
    page = visit_with_samples("search", q=QUESTION, **day).open("search.filters")
    assert [] == page.boxes()
    assert "turbine 3" in page.drawn("search.results")


def test_it_says_what_would_be_sent(visit_with_samples: Visit) -> None:
    """Chunks and tokens follow the sliders; extracts send nothing, and say so."""
    page = visit_with_samples("search", q=QUESTION, t="0.1")
    assert "6 chunks" in page.drawn("search.results") and "nothing is sent, $0" in page.drawn("search.results")
    page.pick("search.top_k", 1.0)
    assert "1 chunk , about" in page.drawn("search.results")
    page.pick(threshold_key(page), 0.99)
    assert "send nothing, $0" in page.drawn("search.results")


def test_a_miss_is_never_zero_short(visit_with_samples: Visit) -> None:
    """A candidate that misses by less than a hundredth is just below; no rounding makes it look like a hit."""
    from dataclasses import replace

    import rag
    from pages.parts.hits import short_text

    page = visit_with_samples("search", q=QUESTION)
    hit = rag.search(page.bench, QUESTION).candidates[0]
    assert ["just below", "just below", "0.01 short"] == [
        short_text(replace(hit, short_by=by)) for by in (0.0001, 0.0049, 0.0051)
    ]


# --- side by side ---


def test_a_profile_stands_beside_the_settings_on_screen(visit_with_samples: Visit) -> None:
    """Both thresholds, what entered and left and by how much it moved; the sliders act on the left side."""
    from rag.types import Profile, SearchOptions

    page = visit_with_samples("search", q=QUESTION, t="0.2")
    page.bench.profiles.save(Profile("words", SearchOptions(mode="keyword", top_k=3, similarity_threshold=0.35)))
    page = visit_with_samples("search", q=QUESTION, t="0.2", vs="profile:words")
    both = page.drawn("search.compared")
    assert "Profile words" in both and "threshold 0.20" in both and "threshold 0.35" in both
    assert "only left" in both and "beyond top 3" in both
    page.pick("search.top_k", 1.0)
    assert "beyond top 1" in page.drawn("search.compared")
    assert 1 == sum(r.action == "search" for r in page.bench.ledger.records()) - 1  # each visitor embedded it once


def test_the_same_settings_side_by_side_say_so(visit_with_samples: Visit) -> None:
    """Nothing entered and nothing moved: a sentence, not an empty table."""
    page = visit_with_samples("search", q=QUESTION, vs="profile:")
    assert "The same hits in the same order." in page.drawn("search.compared")


def test_another_collection_stands_beside_this_one(visit_with_samples: Visit) -> None:
    """The same documents in other chunks: hits of the same place stand side by side. One deleted meanwhile is let go."""
    import rag

    page = visit_with_samples("search")
    samples = rag.load_samples().uploads
    page.bench.create_collection("small", options=rag.ChunkOptions(chunk_size_tokens=80))
    rag.ingest(page.bench, samples, collection="small")
    page = visit_with_samples("search", q=QUESTION, vs="collection:small")
    both = page.drawn("search.compared")
    assert "Collection small" in both and "gearbox" in both
    page.bench.catalog.delete_collection("small")
    assert not page.run().has("search.compared") and "gearbox" in page.drawn("search.results")


# --- the history ---


def test_questions_are_kept_with_the_settings_they_were_left_with(visit_with_samples: Visit) -> None:
    """The list has every question once, newest first, as its sliders stood when the next one was asked."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick("search.top_k", 3.0)
    page.test.text_input(key="search.question").set_value("Who voted against the battery?")
    page.run()
    listed = page.drawn("search.history")
    assert listed.index("Who voted") < listed.index(QUESTION)
    assert "top 3" in listed.partition(QUESTION)[2]
    assert QUESTION in visit_with_samples("search").drawn("search.history")


def test_the_history_is_cleared(visit_with_samples: Visit) -> None:
    """One press, and the list is empty."""
    page = visit_with_samples("search", q=QUESTION)
    page.press("Clear")
    assert [] == page.bench.search_history.list()


# --- bad input ---


def test_a_pasted_book_is_a_sentence_and_stays_out_of_the_address(visit_with_samples: Visit) -> None:
    """50,000 characters are refused with their number and the limit; the page and its address go on working."""
    page = visit_with_samples("search")
    page.test.text_input(key="search.question").set_value("word " * 10_000)
    page.run()
    assert 1 == len(page.boxes()) and "49,999 characters" in page.boxes()[0]
    assert "" == page.address("q")


def test_blanks_are_no_question(visit_with_samples: Visit) -> None:
    """Nothing is searched, and the page says what it is for."""
    page = visit_with_samples("search")
    page.test.text_input(key="search.question").set_value("   ")
    assert "Ask for something" in page.run().drawn("search.hint")
    assert [] == page.boxes()


def test_a_collection_deleted_in_another_tab_is_one_sentence(visit_with_samples: Visit, monkeypatch: Any) -> None:
    """A slider that is moved in a tab that does not know yet says what happened, and the question stays."""
    from pages.parts import shared

    page = visit_with_samples("search", q=QUESTION)
    gone = page.bench.collection()
    page.bench.catalog.delete_collection(gone.name)
    monkeypatch.setattr(shared, "collection", lambda bench: gone)  # what the fragment was drawn with
    page.pick("search.top_k", 2.0)
    assert ["The collection was deleted; choose another."] == page.boxes()
    assert QUESTION == page.test.session_state["search.question"]
