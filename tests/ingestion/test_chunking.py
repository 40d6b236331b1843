"""Chunks are exact spans of their document, small enough, whole where they can be, and together they are the document."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingestion.chunking import chunk
from rag.ingestion.readers.formats import parse
from rag.types import Chunk, ChunkOptions, Document, Heading, Page

PARAGRAPH = " ".join(f"Sentence number {n} tells of harbour {n} and its depth." for n in range(12))


def words(text: str) -> list[tuple[int, int]]:
    """Measure a text in words and punctuation marks."""
    return [m.span() for m in re.finditer(r"\w+|[^\w\s]", text)]


def made(text: str, headings: tuple[Heading, ...] = (), pages: tuple[Page, ...] = ()) -> Document:
    return Document("d" * 64, "a.txt", "text/plain", text, pages or (Page(1, 0, len(text)),), headings)


def parts(text: str, size: int = 40, overlap: int = 0) -> list[Chunk]:
    return chunk(made(text), ChunkOptions(size, overlap), words)


_texts = st.lists(
    st.sampled_from(
        [
            "Harbour works began. ",
            "Dr. Smith left at 9 a.m. ",
            "no stop here ",
            "\n",
            "\n\n",
            "x" * 200,
            "• item\n",
            "é ",
            "海港。",
            "\t",
            "A? ",
            "3.5 ",
        ]
    ),
    max_size=60,
).map("".join)


@given(_texts, st.integers(20, 60), st.integers(0, 30))
def test_chunks_are_exact_ordered_complete_and_small(text: str, size: int, overlap: int) -> None:
    """Whatever the text: offsets are exact, order is the text's, nothing that can be seen is missing, none is too long."""
    overlap = min(overlap, size // 2)
    document = made(text)
    chunks = chunk(document, ChunkOptions(size, overlap), words)
    covered = [False] * len(text)
    for number, c in enumerate(chunks):
        assert (number, text[c.start : c.end]) == (c.index, c.text)
        assert c.text == c.text.strip() != ""
        assert len(words(c.text)) <= size
        covered[c.start : c.end] = [True] * (c.end - c.start)
    assert all(seen or letter.isspace() for seen, letter in zip(covered, text, strict=True))
    for a, b in itertools.pairwise(chunks):
        assert a.start < b.start and a.end < b.end
        shared = max(0, len(words(text[b.start : a.end]))) if b.start < a.end else 0
        assert shared <= overlap
    assert len({c.id for c in chunks}) == len(chunks)


def test_no_overlap_means_that_chunks_share_nothing() -> None:
    """Without an overlap every character is in one chunk."""
    chunks = parts(f"{PARAGRAPH}\n\n{PARAGRAPH}")
    assert all(a.end <= b.start for a, b in itertools.pairwise(chunks))


def test_an_overlap_repeats_whole_sentences() -> None:
    """With an overlap each chunk begins with the last sentences of the one before, whole."""
    chunks = parts(PARAGRAPH, 50, 25)
    assert len(chunks) > 3
    for a, b in itertools.pairwise(chunks):
        assert b.start < a.end
        assert b.text.startswith("Sentence number")


def test_chunks_end_at_sentence_ends() -> None:
    """A long paragraph is cut behind full stops, into parts of about the same length."""
    chunks = parts(PARAGRAPH, 50)
    sizes = [len(words(c.text)) for c in chunks]
    assert all(c.text.endswith(".") for c in chunks)
    assert max(sizes) - min(sizes) <= 12


def test_small_paragraphs_are_merged_and_large_ones_left_alone() -> None:
    """Paragraphs under two fifths of the size join a neighbour; one that fills a chunk is a chunk."""
    text = f"Short one.\n\nShort two.\n\n{PARAGRAPH}\n\n{PARAGRAPH}"
    chunks = parts(text, 150)
    assert [f"Short one.\n\nShort two.\n\n{PARAGRAPH}", PARAGRAPH] == [c.text for c in chunks]


def test_a_heading_stays_with_what_stands_below_it() -> None:
    """No chunk ends with the heading of the next one."""
    text = f"{PARAGRAPH}\n\nDredging\n\n{PARAGRAPH}"
    start = text.index("Dredging")
    document = made(text, (Heading(1, "Dredging", start, start + 8),))
    for size in range(40, 200, 10):
        assert not any(c.text.endswith("Dredging") for c in chunk(document, ChunkOptions(size), words))


def test_chunks_know_the_headings_above_them() -> None:
    """The heading of a chunk is the path from the outermost; a heading of the same level ends the one before."""
    data = f"# Handbook\n\n{PARAGRAPH}\n\n## Leave\n\n{PARAGRAPH}\n\n## Pay\n\n{PARAGRAPH}\n\n# Annex\n\n{PARAGRAPH}"
    document = parse("a.md", data.encode(), 10, 10**6)
    paths = [c.heading for c in chunk(document, ChunkOptions(200), words)]
    assert ["Handbook", "Handbook > Leave", "Handbook > Pay", "Annex"] == list(dict.fromkeys(paths))


def test_chunks_may_cross_pages() -> None:
    """A sentence that goes on overleaf stays in one chunk, which tells both pages."""
    text = "The harbour was dredged\nto nine metres last year."
    document = made(text, pages=(Page(1, 0, 23), Page(2, 24, len(text))))
    chunks = chunk(document, ChunkOptions(40), words)
    assert [(text, (1, 2))] == [(c.text, c.pages) for c in chunks]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(20, 40))
def test_chunks_tell_every_page_that_they_touch(lengths: list[int], size: int) -> None:
    """The pages of a chunk are those whose span it shares a character with; a page without text has none."""
    pages, at = [], 0
    for number, length in enumerate(lengths, 1):
        pages.append(Page(number, at, at + 2 * length))
        at += 2 * length + 1
    document = made("a " * (at // 2), pages=tuple(pages))
    for c in chunk(document, ChunkOptions(size), words):
        assert c.pages == tuple(p.number for p in pages if max(p.start, c.start) < min(p.end, c.end))


def test_ids_differ_between_collections_and_not_between_runs() -> None:
    """The same chunk of another collection has another id; making the chunks again gives the same ids."""
    document = made(PARAGRAPH)
    one, again, other = (
        [c.id for c in chunk(document, ChunkOptions(40), words, scope=scope)] for scope in ("one", "one", "other")
    )
    assert one == again
    assert not set(one) & set(other)


def test_blank_text_has_no_chunks() -> None:
    """White space alone makes no chunk."""
    assert [] == parts(" \n\n \t")


@pytest.mark.parametrize("letters", ["x" * 120_000, " " * 120_000 + "x", "x " * 60_000, "x\n\n" * 40_000])
def test_degenerate_text_is_cut_small(letters: str) -> None:
    """A word without end, or white space without end, does not make a chunk without end, nor take for ever."""
    begun = time.process_time()
    chunks = parts(letters, 200)
    assert max(len(c.text) for c in chunks) <= 200 * 48
    assert time.process_time() - begun < 3


def test_chunking_a_long_filing_is_quick(eval_dir: Path) -> None:
    """About 270 kB of PDF text take less than 0.3 seconds of processor time besides the tokenizer."""
    document = parse("EPA.pdf", (eval_dir / "fedpdf" / "pdfs" / "EPA2022.pdf").read_bytes(), 5000, 10**7)
    spans = {}

    def remembered(text: str) -> list[tuple[int, int]]:
        return spans.setdefault(text, words(text)) if text not in spans else spans[text]

    chunk(document, ChunkOptions(), remembered)
    begun = time.process_time()
    chunks = chunk(document, ChunkOptions(), remembered)
    assert time.process_time() - begun < 0.3
    ended = sum(c.text[-1] in ".!?:;”)" for c in chunks)
    assert ended > 0.6 * len(chunks)
