"""What an answer rests on: listed without repeats."""

from __future__ import annotations

from rag.generation.citations import citation_of
from rag.reporting import by_marker, place_of, sources
from rag.types import Answer, Citation, Usage
from tests.generation.hits import hits_of

TEXT = "## 2 Leave\n\nStaff have 30 days. They ask early. Days lapse in March.\n\nOthers have none."
HITS = hits_of(TEXT, "Rent is due monthly.")


def cited(marker: int, words: str, at: int) -> Citation:
    """Return a citation of words of the chunk."""
    start = HITS[marker - 1].chunk.text.index(words)
    return citation_of(HITS[marker - 1], marker, (start, start + len(words)), at)


def answered(*citations: Citation) -> Answer:
    return Answer("…", citations, True, "fake/good", "complete", Usage(), None)


def test_quotes_that_overlap_are_one() -> None:
    """One word of a document is listed once for a marker; quotes apart stay apart, in the order of the answer."""
    last = cited(1, "Others have none.", 1)
    first, inside = cited(1, "Staff have 30 days. They ask early.", 10), cited(1, "They ask early.", 20)
    over, rent = cited(1, "They ask early. Days lapse in March.", 30), cited(2, "Rent is due monthly.", 40)
    found = sources(answered(last, first, inside, rent, over))
    assert [
        "Others have none.",
        "Staff have 30 days. They ask early. Days lapse in March.",
        "Rent is due monthly.",
    ] == [s.citation.quote for s in found]
    first_at = HITS[0].chunk.start
    assert all(TEXT[s.citation.start - first_at : s.citation.end - first_at] == s.citation.quote for s in found[:2])
    assert [2, 1] == [len(group) for group in by_marker(found)]
    assert [0, 1, 1, 1, 2] == [place_of(c, found) for c in (last, first, inside, over, rent)]


def test_a_heading_or_a_whole_chunk_is_listed_only_where_there_is_nothing_else() -> None:
    """Neither tells what a claim rests on; their markers lead to the quote that does."""
    heading, whole, quote = cited(1, "## 2 Leave", 1), cited(1, TEXT, 10), cited(1, "Staff have 30 days.", 20)
    found = sources(answered(heading, whole, quote))
    assert [quote.quote] == [s.citation.quote for s in found]
    assert [0, 0, 0] == [place_of(c, found) for c in (heading, whole, quote)]
    assert [TEXT] == [s.citation.quote for s in sources(answered(heading, whole))]
