"""Filters: the catalog, exact search, keywords and the ranking in memory agree on which chunks may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import rag
from rag import SearchOptions, Upload, Workbench
from rag.errors import FilterError
from rag.retrieval import serves
from rag.retrieval.filtering import passes
from rag.store import schema
from rag.store.profiles import from_json
from rag.types import Chunk, SearchResult

QUESTION = "How many sea trout passed Mill Weir?"
ALL = SearchOptions(similarity_threshold=0, top_k=200, pool=1000)
NOW = datetime.now().astimezone()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    """The three samples: the report tagged and added today, the minutes added a week ago, the handbook neither."""
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("filters"))) as bench:
        ids = names(bench)
        bench.catalog.set_tags(ids["report"], ["Published", "2025"])
        bench.catalog.set_tags(ids["minutes"], ["internal"])
        added(bench, ids["minutes"], NOW - timedelta(days=7))
        yield bench


def names(bench: Workbench) -> dict[str, str]:
    """Return the documents' ids by a short name."""
    short = {"report": ".pdf", "minutes": ".txt", "handbook": ".md"}
    return {key: next(d.id for d in bench.catalog.documents() if d.name.endswith(end)) for key, end in short.items()}


def added(bench: Workbench, document_id: str, at: datetime) -> None:
    table = schema.documents
    with bench.catalog.engine.begin() as connection:
        connection.execute(
            sa.update(table).where(table.c.id == document_id).values(added_at=at.astimezone(UTC).isoformat())
        )


FILTERS = [
    SearchOptions(tags=("PUBLISHED",)),
    SearchOptions(tags=("internal", "2025")),
    SearchOptions(added_from=NOW.date()),
    SearchOptions(added_to=NOW.date() - timedelta(days=1)),
    SearchOptions(added_from=NOW.date() - timedelta(days=7), added_to=NOW.date() - timedelta(days=7)),
    SearchOptions(page_from=2, page_to=2),
    SearchOptions(page_from=3),
    SearchOptions(page_to=1),
    SearchOptions(tags=("published",), page_from=2, added_from=NOW.date() - timedelta(days=1)),
]


@pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_a_filter_gives_what_passes_and_all_of_it(library: Workbench, filters: SearchOptions, mode: str) -> None:
    """Candidates of a filtered search are exactly those chunks of an unfiltered one that pass, with the same parts."""
    everything = rag.search(library, QUESTION, options=replace(ALL, mode=mode, exact=True))
    expected = {c.id: c for c in chunks(library) if passes(c, facts(library, c), filters.filters)}
    assert expected

    found = rag.search(library, QUESTION, options=replace(ALL, mode=mode, **dict(filters.filters._asdict())))

    assert parts(found) == {i: p for i, p in parts(everything).items() if i in expected}
    assert found.used_index == ("none" if mode == "keyword" else "exact")


def parts(result: SearchResult) -> dict[str, tuple[float, float, float]]:
    return {h.chunk.id: (round(h.parts.cosine, 5), h.parts.keyword, h.parts.coverage) for h in result.candidates}


def chunks(bench: Workbench) -> list[Chunk]:
    main = bench.collection()
    return [c for d in bench.catalog.documents(main.id) for c in bench.catalog.chunks_of(main.id, d.id)]


def facts(bench: Workbench, chunk: Chunk) -> rag.types.DocumentFacts:
    with bench.catalog.snapshot(bench.collection().id) as snapshot:
        return snapshot.documents([chunk.document_id])[chunk.document_id]


@pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
def test_candidates_in_memory_are_filtered_the_same_way(library: Workbench, filters: SearchOptions) -> None:
    """Where a fetch has every chunk, any filter ranks in memory to what a filtered fetch gives, and `serves` says so."""
    everything = rag.fetch(library, QUESTION, options=ALL)
    wanted = replace(ALL, **dict(filters.filters._asdict()))
    assert everything.is_everything and serves(everything, wanted)
    in_memory = rag.rank(everything, wanted)
    fetched = rag.rank(rag.fetch(library, QUESTION, options=wanted), wanted)
    assert [(h.chunk.id, round(h.score, 5)) for h in in_memory.hits] == [
        (h.chunk.id, round(h.score, 5)) for h in fetched.hits
    ]


def test_candidates_do_not_serve_what_reaches_beyond_them(library: Workbench) -> None:
    """A larger pool, a filter over a pool that is not everything, or exact search after the index need another fetch."""
    few = rag.fetch(library, QUESTION, options=SearchOptions(pool=20))
    assert serves(few, SearchOptions(mode="keyword", top_k=20, pool=20, weight=0.1, mmr=0.5, neighbours=2))
    assert not serves(few, SearchOptions(pool=21))
    assert not serves(few, SearchOptions(pool=20, tags=("internal",)))
    assert not serves(few, SearchOptions(pool=20, exact=True))
    filtered = rag.fetch(library, QUESTION, options=SearchOptions(tags=("internal",)))
    assert filtered.is_everything and not serves(filtered, SearchOptions())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SearchOptions(tags=("nobody",)), r"Nothing in 'main' passes the filter \(tagged 'nobody'\)"),
        (SearchOptions(page_from=900), "pages 900 to the last"),
        (SearchOptions(document_ids=("gone",)), "1 document"),
        (SearchOptions(added_from=NOW.date() + timedelta(days=2)), "added from"),
        (SearchOptions(page_from=5, page_to=4), "widen or clear it"),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_a_filter_that_nothing_passes_says_so(library: Workbench, options: SearchOptions, said: str, mode: str) -> None:
    """It is no result without hits, which would mean that the documents do not answer."""
    with pytest.raises(FilterError, match=said):
        rag.search(library, QUESTION, options=replace(options, mode=mode))


def test_tags_that_change_are_seen_at_once(bench: Workbench, samples: list[Upload]) -> None:
    """A tag given or taken between two searches counts, although no chunk changed."""
    rag.ingest(bench, samples[1:])
    first, second = (d.id for d in bench.catalog.documents())
    for tagged in (first, second):
        bench.catalog.set_tags(first, ["x"] * (tagged == first))
        bench.catalog.set_tags(second, ["x"] * (tagged == second))
        found = rag.search(bench, QUESTION, options=replace(ALL, tags=("x",)))
        assert {h.chunk.document_id for h in found.candidates} == {tagged}


@pytest.mark.parametrize("day", [date.min, date(1969, 12, 31), date(9999, 1, 1), date.max])
@pytest.mark.parametrize("name", ["added_from", "added_to"])
def test_a_day_that_no_clock_shows_is_refused(name: str, day: date) -> None:
    """In a sentence, before anything is searched; a profile that has one is read without it."""
    with pytest.raises(ValueError, match="a day to search by is from 1970 to 9998"):
        SearchOptions(**{name: day})
    assert SearchOptions(top_k=3) == from_json(SearchOptions, {name: day.isoformat(), "top_k": 3})


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(9998, 12, 31)])
def test_the_first_and_the_last_day_can_be_searched_by(library: Workbench, day: date) -> None:
    """They are days like any other: nothing was added before the one or after the other."""
    inside = {"added_from": day} if day.year == 1970 else {"added_to": day}
    outside = {"added_to": day} if day.year == 1970 else {"added_from": day}
    assert rag.search(library, QUESTION, options=replace(ALL, **inside)).hits
    with pytest.raises(FilterError):
        rag.search(library, QUESTION, options=replace(ALL, **outside))


def test_dates_are_days_of_this_machine(bench: Workbench, tmp_path: Path) -> None:
    """A document belongs to the local day that it was added on, down to the last second of it."""
    rag.ingest(bench, [Upload("note.txt", b"The turbine was repaired in spring.")])
    (document,) = bench.catalog.documents()
    day = NOW.date()
    for at, passing in ((NOW.replace(hour=0, minute=0, second=0, microsecond=0), True),
                        (NOW.replace(hour=23, minute=59, second=59, microsecond=999999), True),
                        (NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1), False)):  # fmt: skip
        added(bench, document.id, at)
        options = SearchOptions(added_from=day, added_to=day, similarity_threshold=0)
        if passing:
            assert rag.search(bench, "turbine", options=options).hits
        else:
            with pytest.raises(FilterError):
                rag.search(bench, "turbine", options=options)
