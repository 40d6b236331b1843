"""Surrounding text of a hit: the document's own words, exactly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rag
from rag import SearchOptions, Upload, Workbench

QUESTION = "How many sea trout passed Mill Weir?"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, samples: list[Upload]) -> Iterator[Workbench]:
    with rag.open_workbench(tmp_path_factory.mktemp("contexts")) as bench:
        rag.ingest(bench, samples)
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
