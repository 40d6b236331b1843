"""Random candidates with evidence, in both forms: as `rag.rank` takes them and as the arrays of an evaluation."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from rag.evaluation.pool import Place, Pool, Scored, make_pool, with_vectors
from rag.types import Candidates, Chunk, ChunkOptions, Collection, Evidence, Hit, LabelledQuestion, Parts, SearchOptions

COLLECTION = Collection("c" * 32, "main", "local/m", 384, ChunkOptions(), 0.42, datetime(2026, 1, 1, tzinfo=UTC))
QUESTIONS = Path(__file__).resolve().parents[2] / "data" / "samples" / "questions.jsonl"
"""The questions that ship with the sample documents."""
DOCUMENTS = ("d1", "d2", "d3")
PAGE = 500


def made(
    questions: int, most: int, seed: int, *, absent: float = 0.3, pages: float = 0.3, decimals: int = 2
) -> tuple[list[Candidates], Pool]:
    """Return random questions with up to `most` candidates each; parts are rounded to `decimals`, so that some of them tie."""
    rng = np.random.default_rng(seed)
    asked, fetched, scored = [], [], []
    ids: list[str] = []
    vectors = []
    for number in range(questions):
        chunks = [chunk(rng, f"{number}-{at}") for at in range(int(rng.integers(0, most + 1)))]
        parts = np.round(rng.random((3, len(chunks))), decimals) * [[1.0], [9.0], [1.0]]
        parts[0] -= 0.2
        parts[1, rng.random(len(chunks)) < 0.3] = 0
        asked.append(question(rng, str(number), chunks, absent, pages))
        hits = tuple(
            Hit(c, f"{c.document_id}.txt", 0, 0.0, Parts(*map(float, parts[:, at]))) for at, c in enumerate(chunks)
        )
        own = rng.standard_normal((len(chunks), 8)).astype(np.float32)
        used_index = "exact" if rng.random() < 0.9 else "none"
        fetched.append(
            Candidates("?", COLLECTION, hits, (), SearchOptions(), {}, used_index,
                       vectors=own if used_index == "exact" else None)
        )  # fmt: skip
        ids += [c.id for c in chunks]
        vectors.append(own)
        places = tuple(Place(c.id, c.document_id, c.start, c.end, c.pages) for c in chunks)
        scored.append(Scored(places, parts[0], parts[1], parts[2], fetched[-1].used_index != "none"))
    return fetched, with_vectors(make_pool(asked, scored, COLLECTION), ids, np.concatenate(vectors))


def chunk(rng: np.random.Generator, name: str) -> Chunk:
    start = int(rng.integers(0, 3000))
    end = start + int(rng.integers(1, 1500))
    numbers = tuple(range(start // PAGE + 1, (end - 1) // PAGE + 2))
    return Chunk(name, str(rng.choice(DOCUMENTS)), 0, start, end, numbers, "", "x" * (end - start))


def question(rng: np.random.Generator, name: str, chunks: list[Chunk], absent: float, pages: float) -> LabelledQuestion:
    if rng.random() < absent:
        return LabelledQuestion(name, name, "absent")
    by_page = rng.random() < pages
    pieces = [piece(rng, chunks, by_page) for _ in range(int(rng.integers(1, 4)))]
    return LabelledQuestion(name, name, "evidence", tuple(dict.fromkeys(pieces)))


def piece(rng: np.random.Generator, chunks: list[Chunk], by_page: bool) -> Evidence:
    """Return evidence that often lies in one of the chunks."""
    near = chunks[int(rng.integers(len(chunks)))] if chunks and rng.random() < 0.7 else chunk(rng, "")
    if by_page:
        return Evidence(near.document_id, "d", page=int(rng.choice(near.pages)))
    start = max(0, near.start + int(rng.integers(-300, 300)))
    return Evidence(near.document_id, "d", start, start + int(rng.integers(1, 800)))
