"""Keyword search: what a word is, and that finding, scoring and coverage agree with each other and with the BM25 formula."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.store import keyword_search
from rag.store.catalog import Catalog
from rag.store.keywords import query_terms, terms, word_spans
from rag.types import Collection
from tests.store.made import collection, cut, look_up, put, rowids_of, search, words


def test_words_lose_case_accents_and_endings() -> None:
    """A question in other letters or another form of the word finds the same chunks."""
    assert terms("Connecting CONNECTIONS connected") == ["connect"] * 3
    assert terms("Crème brûlée") == terms("creme brulee") == terms("cre\u0300me bru\u0302le\u0301e")
    assert ["strass"] == terms("Straße") == terms("STRASSE")
    assert ["10", "k", "2025", "q3"] == terms("10-K_2025, Q3!")
    assert [] == terms(" \x00… —")


def test_a_question_keeps_its_telling_words_once() -> None:
    """Stop words say nothing, unless they are all there is."""
    assert ("hotel", "limit") == query_terms("What is the hotel limit for the hotels?")
    assert ("who", "ar", "you") == query_terms("Who are you?")
    assert () == query_terms("?!")


@given(st.text(max_size=200))
def test_spans_are_where_the_words_stand(text: str) -> None:
    """Marking on screen and searching see the same words, in any script."""
    spans = word_spans(text)
    assert terms(text) == [stem for _, _, stem in spans]
    assert all(text[a:b] and stem and " " not in stem for a, b, stem in spans)
    assert spans == sorted(spans)


def brute_force(catalog: Catalog, into: Collection, wanted: Sequence[str]) -> dict[str, float]:
    """Score every chunk by the BM25 formula as the FTS5 documentation has it."""
    rows = {}
    for info in catalog.documents(into.id):
        for chunk in catalog.chunks_of(into.id, info.id):
            rows[chunk.id] = Counter(terms(f"{info.name} {chunk.heading}") + terms(chunk.text))
    average = sum(row.total() for row in rows.values()) / len(rows)
    scores = {}
    for chunk_id, row in rows.items():
        score = 0.0
        for term in wanted:
            n = sum(term in other for other in rows.values())
            idf = max(1e-6, math.log((len(rows) - n + 0.5) / (n + 0.5)))
            score += idf * row[term] * 2.2 / (row[term] + 1.2 * (0.25 + 0.75 * row.total() / average))
        if any(row[term] for term in wanted):
            scores[chunk_id] = score
    return scores


@pytest.fixture
def library(catalog: Catalog) -> Collection:
    """A collection of 20 documents and another that must not disturb it."""
    main, other = collection(catalog), collection(catalog, "other")
    for n in range(20):
        put(catalog, main, f"paper {n}.txt", words(n) + " budget" * (n % 4) + " revenue" * (n % 7 == 0))
        put(catalog, other, f"paper {n}.txt", "revenue budget " + words(n))
    return main


WANTED = ["budget", "revenu", "paper", "absent"]


def test_scores_are_the_bm25_of_the_collection(catalog: Catalog, library: Collection) -> None:
    """Search, and scores of given chunks, are the formula over this collection alone, titles included."""
    expected = brute_force(catalog, library, WANTED)
    rowids = rowids_of(catalog, library)

    found = search(catalog, library, WANTED, 1000)
    asked = look_up(catalog, library, WANTED, 0, also=[*expected, "gone"])

    assert pytest.approx(expected) == dict(found)
    assert () == asked.best
    assert pytest.approx({rowids[i]: score for i, score in expected.items()}) == asked.scores
    assert sorted((s for _, s in found), reverse=True) == [s for _, s in found]


def test_search_returns_the_best_k(catalog: Catalog, library: Collection) -> None:
    """The first of many are the same as the few."""
    everything = search(catalog, library, WANTED, 1000)
    assert everything[:5] == search(catalog, library, WANTED, 5)


@pytest.mark.parametrize("read_all", [0, 300])
def test_search_within_documents_finds_nothing_else(
    catalog: Catalog, library: Collection, monkeypatch: pytest.MonkeyPatch, read_all: int
) -> None:
    """A filter narrows what is found and leaves the scores as they are, whether all that passes is read or FTS5 is asked."""
    monkeypatch.setattr(keyword_search, "_READ_ALL", read_all)
    chosen = [d.id for d in catalog.documents(library.id)][2:14:3]
    expected = {c.id for d in chosen for c in catalog.chunks_of(library.id, d)}
    everything = search(catalog, library, WANTED, 1000)

    assert [(i, s) for i, s in everything if i in expected] == search(catalog, library, WANTED, 1000, only=chosen)
    assert [(i, s) for i, s in everything if i in expected][:3] == search(catalog, library, WANTED, 3, only=chosen)
    assert [] == search(catalog, library, WANTED, 10, only=["gone"])


def test_common_words_rank_what_rarer_words_find(
    catalog: Catalog, library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large collection the chunks with the rarest word are found, in the order and with the scores of the whole question."""
    rare = {i for i, _ in search(catalog, library, ["revenu"], 1000)}
    expected = [(i, s) for i, s in search(catalog, library, WANTED, 1000) if i in rare]
    assert 0 < len(expected) < len(search(catalog, library, ["paper"], 1000))
    monkeypatch.setattr(keyword_search, "FREE_MATCHES", 0)

    assert expected == search(catalog, library, WANTED, 1000)


def test_common_words_find_when_there_are_no_others(
    catalog: Catalog, library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question of nothing but common words is still answered."""
    expected = search(catalog, library, ["paper"], 1000)
    monkeypatch.setattr(keyword_search, "FREE_MATCHES", 0)
    assert expected == search(catalog, library, ["paper"], 1000) != []


def test_a_small_filter_finds_by_common_words_too(
    catalog: Catalog, library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few chunks each is looked at, so that a question within one document loses nothing to the size of the collection."""
    monkeypatch.setattr(keyword_search, "FREE_MATCHES", 0)
    one = catalog.documents(library.id)[4].id
    found = {i for i, _ in search(catalog, library, WANTED, 1000, only=[one])}
    assert {c.id for c in catalog.chunks_of(library.id, one)} == found


def test_coverage_tells_which_words_stand_in_title_or_text(catalog: Catalog) -> None:
    """A word in the document's name counts for each of its chunks."""
    main = collection(catalog)
    parsed = put(catalog, main, "Travel.txt", "hotels cost 200 euros a night in Berlin, flights are paid in full")
    first, second = (c.id for c in cut(parsed, main.id))
    rowids = rowids_of(catalog, main)

    found = look_up(catalog, main, ["travel", "hotel", "flight", "dog"], 0, also=[first, second, "gone"]).present

    assert {rowids[first]: {"travel", "hotel"}, rowids[second]: {"travel", "flight"}} == found


def test_ten_thousand_words_can_be_asked(catalog: Catalog, library: Collection) -> None:
    """However many words a question has, the best chunk is the one with most of them."""
    text = catalog.document(catalog.documents(library.id)[0].id).text
    wanted = query_terms(text + " " + " ".join(f"word{n}" for n in range(3000)))
    best = search(catalog, library, wanted, 1)[0][0]
    assert catalog.chunks([best])[best].document_id == catalog.documents(library.id)[0].id


def test_frequencies_follow_every_change(catalog: Catalog) -> None:
    """Counts are remembered only until the collection changes."""
    main = collection(catalog)
    put(catalog, main, "a.txt", "budget")
    assert ({"budget": 1, "x": 0}, 1) == catalog.document_frequencies(main.id, ["budget", "x"])

    parsed = put(catalog, main, "b.txt", "budget x")
    assert ({"budget": 2, "x": 1}, 2) == catalog.document_frequencies(main.id, ["budget", "x"])

    catalog.delete_document(parsed.id)
    assert ({"budget": 1, "x": 0}, 1) == catalog.document_frequencies(main.id, ["budget", "x"])


def test_an_empty_collection_finds_nothing(catalog: Catalog) -> None:
    """No chunk, no word, no error."""
    main = collection(catalog)
    assert [] == search(catalog, main, ["budget"], 5) == search(catalog, main, [], 5)
    assert {} == look_up(catalog, main, ["budget"], 0, also=["gone"]).scores
    assert ({"budget": 0}, 0) == catalog.document_frequencies(main.id, ["budget"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(min_size=1, max_size=60), number=st.integers(0, 10**9))
def test_every_chunk_is_found_by_its_own_words(catalog: Catalog, text: str, number: int) -> None:
    """Whatever the script and whatever signs FTS5 gives a meaning to, the words of a chunk find it."""
    text = text.encode("utf-8", "replace").decode()
    main = collection(catalog, f"c{number}-{len(catalog.collections())}")
    parsed = put(catalog, main, 'NEAR(* "x" AND', text, size=1000)
    wanted = query_terms(text)
    found = [chunk_id for chunk_id, _ in search(catalog, main, wanted, 5)]
    assert found == [c.id for c in cut(parsed, main.id, 1000) if wanted]
    catalog.delete_collection(main.name)
