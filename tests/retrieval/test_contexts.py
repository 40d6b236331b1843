"""Surrounding text of a hit: the document's own words, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rag
from rag import SearchOptions, Upload, Workbench

QUESTION = "How many sea trout passed Mill Weir?"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("contexts"))) as bench:
        yield bench


@pytest.mark.parametrize("neighbours", [1, 2, 10])
def test_a_context_is_the_chunk_with_its_neighbours(library: Workbench, neighbours: int) -> None:
    """Offsets are the document's, the chunk lies within, and the text reaches from the first neighbour to the last."""
    result = rag.search(
        library, QUESTION, options=SearchOptions(neighbours=neighbours, similarity_threshold=0, top_k=30)
    )
    for hit in result.hits:
        document = library.catalog.document(hit.chunk.document_id)
        chunks = library.catalog.chunks_of(result.collection.id, document.id)
        around = chunks[max(0, hit.chunk.index - neighbours) : hit.chunk.index + neighbours + 1]
        context = hit.context
        assert context is not None
        assert (context.start, context.end) == (around[0].start, around[-1].end)
        assert context.text == document.text[context.start : context.end]
        assert hit.chunk.text in context.text
        assert context.pages == tuple(sorted({page for chunk in around for page in chunk.pages}))


def test_neighbours_change_nothing_else(library: Workbench) -> None:
    """Which hits there are, their order and their scores do not depend on the text around them; by default there is none."""
    plain = rag.search(library, QUESTION)
    wide = rag.search(library, QUESTION, options=SearchOptions(neighbours=2))
    assert [(h.chunk, h.score, h.rank) for h in plain.hits] == [(h.chunk, h.score, h.rank) for h in wide.hits]
    assert {h.context for h in plain.hits} == {None}


def test_a_hit_that_is_gone_has_no_context(bench: Workbench, samples: list[Upload]) -> None:
    """Text is asked for after the ranking: a document deleted in between is passed over."""
    rag.ingest(bench, samples)
    options = SearchOptions(neighbours=1, similarity_threshold=0, top_k=40)
    result = rag.rank(rag.fetch(bench, QUESTION, options=options), options)
    gone = result.hits[0].chunk.document_id
    bench.catalog.delete_document(gone)
    for hit in rag.retrieval.with_contexts(bench, result).hits:
        assert (hit.context is None) == (hit.chunk.document_id == gone)


def test_an_answer_reads_a_hit_with_its_neighbours(library: Workbench) -> None:
    """What is cited is a span of the document still; a hit that stands in the text around a better one is not read twice."""
    options = SearchOptions(neighbours=1, similarity_threshold=0, top_k=30)
    result = rag.search(library, QUESTION, options=options)
    read = result.as_read().hits
    assert 0 < len(read) < len(result.hits)
    for hit in read:
        text = library.catalog.document(hit.chunk.document_id).text
        assert hit.chunk.text == text[hit.chunk.start : hit.chunk.end]
    spans = [(h.chunk.document_id, h.chunk.start, h.chunk.end) for h in read]
    for hit in result.hits:
        chunk = hit.chunk
        assert any(d == chunk.document_id and start <= chunk.start and chunk.end <= end for d, start, end in spans)
    assert rag.search(library, QUESTION).as_read().hits == rag.search(library, QUESTION).hits


def test_the_answer_gets_what_stands_around(library: Workbench) -> None:
    """`generate` quotes from the widened hits, and says from where in the document."""
    options = SearchOptions(neighbours=2, similarity_threshold=0, top_k=1)
    result = rag.search(library, QUESTION, options=options)
    stream = rag.generate(library, result)
    answer = stream.wait(60)
    assert stream.result is not None and result.hits[0].context is not None
    assert result.hits[0].context.text == stream.result.hits[0].chunk.text
    for citation in answer.citations:
        text = library.catalog.document(citation.hit.chunk.document_id).text
        assert citation.quote == text[citation.start : citation.end]
