"""Extracts: real passages with exact quotes, nothing twice, nothing invented, and an honest "not found"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rag
from rag import GenerateOptions, SearchOptions, Upload, Workbench
from rag.generation.extractive import LABEL, NAME, ExtractiveModel
from rag.generation.reading import asks_for_figure
from rag.providers.base import ChatRequest, never
from rag.types import Answer, Chunk, CitationEvent, EndEvent, Hit, Parts, TextEvent

QUESTIONS = (
    "How many sea trout passed Mill Weir?",
    "Why was turbine 3 out of service and for how long?",
    "What may the operations director approve without asking the chief executive?",
    "Did the board approve the Saltmarsh battery, and who voted against it?",
    "What were electricity sales in 2025 compared with 2024?",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("library"))) as bench:
        yield bench


def answer_to(bench: Workbench, question: str, threshold: float | None = None, **options: object) -> Answer:
    result = rag.search(bench, question, options=SearchOptions(similarity_threshold=threshold))
    return rag.generate(bench, result, options=GenerateOptions(**options)).wait(30)  # type: ignore[arg-type]


def hit(document: str, text: str, rank: int, rank_score: float = 1.0) -> Hit:
    chunk = Chunk(f"{document}{rank}", document, 0, 0, len(text), (1,), "", text)
    return Hit(chunk, f"{document}.txt", rank, 0.8, Parts(0.5, 1.0, 0.5), rank_score)


def request(*hits: Hit, terms: tuple[str, ...] = ("mill", "close"), passages: int = 3) -> ChatRequest:
    return ChatRequest("When was the mill closed?", hits, terms, GenerateOptions(max_passages=passages))


def text_of(*hits: Hit, passages: int = 3) -> str:
    """Return the answer of the words alone, without an embedding model and without documents."""
    events = ExtractiveModel().stream(request(*hits, passages=passages), never)
    return "".join(event.text for event in events if isinstance(event, TextEvent))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_quote_is_an_exact_span_of_its_document(library: Workbench, question: str) -> None:
    """Quote, offsets and pages of each citation agree with the document, and its marker stands in the text, numbered in order."""
    result = rag.search(library, question)
    answer = rag.generate(library, result).wait(30)
    assert answer.citations
    assert list(range(1, len(answer.citations) + 1)) == [citation.marker for citation in answer.citations]
    for citation in answer.citations:
        document = library.catalog.document(citation.hit.chunk.document_id)
        assert document.text[citation.start : citation.end] == citation.quote
        assert citation.pages == document.pages_of(citation.start, citation.end)
        assert citation.hit in result.hits
        assert citation.at is not None and answer.text.startswith(f"[{citation.marker}]", citation.at)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_word_shown_stands_in_a_quote(library: Workbench, question: str) -> None:
    """The answer holds nothing but the quotes' own words and the markers, each passage ended by its own."""
    answer = answer_to(library, question)
    passages = answer.text.split("\n\n")
    assert len(passages) == len(answer.citations) <= 3
    for passage, citation in zip(passages, answer.citations, strict=True):
        assert passage.endswith(f" [{citation.marker}]")
        said = passage.removesuffix(f"[{citation.marker}]").split()
        left = iter(citation.quote.replace("#", "").split())
        assert all(word in left for word in said)  # in the quote's order


@pytest.mark.parametrize("question", QUESTIONS)
def test_passages_do_not_break_off(library: Workbench, question: str) -> None:
    """A passage begins where a sentence, row or title begins and ends where one ends."""
    for citation in answer_to(library, question).citations:
        text = library.catalog.document(citation.hit.chunk.document_id).text
        assert citation.start == 0 or text[citation.start - 1] in " \n"
        assert citation.quote.endswith((".", "!", "?", ";", "|")) or text[citation.end : citation.end + 1] in ("\n", "")


def test_the_answer_is_labelled_and_costs_nothing(library: Workbench) -> None:
    """The answer says that it is made of extracts, which model made it, and costs an explicit 0."""
    answer = answer_to(library, QUESTIONS[0])
    assert (answer.label, answer.model) == (LABEL, NAME) == ("Extracts, no AI-written answer", "local/extractive")
    assert (answer.found, answer.finish, answer.cost_usd) == (True, "complete", 0.0)
    assert "1,870 sea trout" in answer.text


def test_nothing_above_the_threshold_is_not_found(library: Workbench) -> None:
    """Without a hit the answer says so, quotes nothing, and names what came nearest and by how much it fell short."""
    answer = answer_to(library, "What is the boiling point of ethanol?")
    assert answer.text.startswith("Not found in these documents.")
    assert "brackwater-annual-report-2025.pdf, page" in answer.text and "short)" in answer.text
    assert (answer.found, answer.finish, answer.citations) == (False, "not_found", ())


def test_an_empty_collection_answers_not_found(bench: Workbench) -> None:
    """Before anything is ingested the answer is not found, without near misses."""
    assert answer_to(bench, "Anything?").text == "Not found in these documents."


def test_at_most_the_wanted_number_of_passages(library: Workbench) -> None:
    """`max_passages` limits the passages; fewer come when the others would only pad the answer."""
    assert len(answer_to(library, QUESTIONS[1], threshold=0.0, max_passages=1).citations) == 1
    assert len(answer_to(library, QUESTIONS[0], threshold=0.0, max_passages=3).citations) < 3


def test_every_question_leaves_one_row_in_the_ledger(library: Workbench) -> None:
    """Each answer, found or not, is counted as one call of the local answerer at 0 dollars."""
    answer_to(library, QUESTIONS[0])
    row = max((r for r in library.ledger.records() if r.action == "ask"), key=lambda r: r.id)
    assert (row.provider, row.model, row.status, row.cost_usd) == ("local", "extractive", "ok", 0.0)
    assert row.ttft_ms is not None and row.duration_ms is not None


def test_an_unknown_chat_model_ends_as_a_failed_answer(library: Workbench) -> None:
    """A provider that is not set up fails the answer with a sentence that says how to add it; nothing was called, so there is no row and no cost."""
    before = len(library.ledger.records())
    answer = answer_to(library, QUESTIONS[0], model="acme/huge")
    assert (answer.finish, answer.found, answer.cost_usd) == ("failed", False, 0.0)
    assert "acme" in answer.error and "rag provider add" in answer.error
    assert not [r for r in library.ledger.records()[: len(library.ledger.records()) - before] if r.provider == "acme"]


def test_the_stream_can_be_found_by_its_id(library: Workbench) -> None:
    """The workbench knows the stream, so that a page that comes back can follow it."""
    stream = rag.generate(library, rag.search(library, QUESTIONS[0]))
    assert library.answers.get(stream.id) is stream
    assert stream.result is not None and stream.result.question == stream.question == QUESTIONS[0]


def test_a_document_deleted_since_the_search_is_still_quoted(bench: Workbench, samples: list[Upload]) -> None:
    """The answer rests on what was found; a document that went away meanwhile is quoted from its chunk."""
    rag.ingest(bench, samples[:1])
    result = rag.search(bench, QUESTIONS[0])
    bench.catalog.delete_document(result.hits[0].chunk.document_id)
    citation = rag.generate(bench, result).wait(30).citations[0]
    chunk = citation.hit.chunk
    assert chunk.text[citation.start - chunk.start : citation.end - chunk.start] == citation.quote
    assert citation.pages == chunk.pages


# --- choosing, from the words alone ---


def test_the_sentence_with_the_answer_is_chosen() -> None:
    """Of a long chunk the passage is the run of sentences with the question's words, not its beginning."""
    filler = "Nothing of note happened that year in the town. " * 12
    text = text_of(hit("a", f"{filler}The mill closed in 1998 after a fire. {filler}", 1))
    assert "The mill closed in 1998" in text
    assert len(text) < 520


def test_a_question_for_a_figure_is_answered_with_one() -> None:
    """Of sentences that speak of the matter alike, the one that says how much goes first where that was asked."""
    talk = "The mill was closed after a long quarrel of its owners with the town. " * 12
    text = f"The mill was closed on 3 May 1911. {talk}"
    assert "3 May 1911" in text_of(hit("a", text, 1), passages=1)
    assert not asks_for_figure("Why was the mill closed?") and asks_for_figure("In what year did the mill close?")


def test_a_passage_does_not_end_with_what_announces_something_else() -> None:
    """A title or "the following:" behind the answer is not quoted; a row with the figure asked for is."""
    said = "The mill closed in 1998 after a fire."
    assert text_of(hit("a", f"{said}\n\nContributing programs:\n\nPerformance Indicators", 1)) == f"{said} [1]"
    assert text_of(hit("a", f"{said}\n\nLoss at the mill 31,200", 1)) == f"{said} Loss at the mill 31,200 [1]"


def test_the_same_text_in_two_documents_is_quoted_once() -> None:
    """Two files with the same passage give one passage, of the better hit."""
    said = "The mill closed in 1998 after a fire."
    assert text_of(hit("a", said, 1), hit("b", said, 2)) == f"{said} [1]"


def test_overlapping_chunks_of_one_document_are_quoted_once() -> None:
    """Chunks that overlap do not give the same sentence twice."""
    text = "The mill closed in 1998 after a fire. It was never rebuilt."
    first = hit("a", text, 1)
    part = text[:37]
    second = replace(first, rank=2, chunk=replace(first.chunk, id="a2", end=len(part), text=part))
    assert text_of(first, second).count("closed in 1998") == 1


def test_passages_far_below_the_best_are_left_out() -> None:
    """A hit that says little about the question does not pad the answer."""
    good, poor = hit("a", "The mill was closed in 1998.", 1), hit("b", "There was also a bakery.", 2, rank_score=0.2)
    assert text_of(good, poor) == "The mill was closed in 1998. [1]"


def test_hits_without_a_readable_sentence_are_not_found() -> None:
    """When the hits hold nothing but a table of contents, there is no passage to quote."""
    events = list(ExtractiveModel().stream(request(hit("a", "Mill closed .................. 7", 1)), never))
    assert [event.finish for event in events if isinstance(event, EndEvent)] == ["not_found"]


def test_a_citation_comes_before_its_marker() -> None:
    """A reader that shows the marker already knows what it stands for."""
    events = list(ExtractiveModel().stream(request(hit("a", "The mill closed in 1998.", 1)), never))
    cited = next(n for n, event in enumerate(events) if isinstance(event, CitationEvent))
    assert events[cited + 1] == TextEvent("[1]")


def test_it_streams_word_by_word_and_stops_when_asked() -> None:
    """Text comes in words; once stop is asked for nothing more comes."""
    asked: list[int] = []
    events = list(
        ExtractiveModel().stream(
            request(hit("a", "The mill closed in 1998.", 1)), lambda: bool(asked.append(1)) or len(asked) > 3
        )
    )
    assert "".join(event.text for event in events if isinstance(event, TextEvent)) == "The mill closed "
    assert not any(isinstance(event, EndEvent) for event in events)
