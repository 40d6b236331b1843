"""Candidates of a whole question set as arrays: made once, then every slider is arithmetic.

Rows are questions, columns their candidates in the order (document, start), which is how the ranking breaks ties. Rows
with fewer candidates than others are filled up; `here` tells what is real.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.errors import QuestionSetError
from rag.evaluation.characters import Segments, segments
from rag.evaluation.measures import Flags, Floats, Integers
from rag.providers.base import Vectors
from rag.types import Collection, Evidence, Filters, LabelledQuestion

T = TypeVar("T", np.intp, np.float64)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Place:
    """Where a chunk stands: all of it that measuring needs."""

    chunk_id: str
    document_id: str
    start: int
    end: int
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The candidates of one question with the parts of their scores, in any order."""

    places: Sequence[Place]
    cosine: Floats
    keyword: Floats
    coverage: Floats
    has_vectors: bool = True
    """False where nothing but keywords was searched."""


@dataclass(frozen=True)
class Pool:
    """Everything that is needed to score a question set again under other options. Arrays are never written to."""

    questions: tuple[LabelledQuestion, ...]
    collection: Collection
    places: tuple[tuple[Place, ...], ...] = field(repr=False)
    here: Flags = field(repr=False)
    cosine: Floats = field(repr=False)
    keyword: Floats = field(repr=False)
    coverage: Floats = field(repr=False)
    has_vectors: Flags = field(repr=False)
    right: Flags = field(repr=False)
    """Which candidate finds which piece of evidence: (questions, candidates, pieces)."""
    pieces: Integers = field(repr=False)
    """Pieces of evidence a question; 0 for those that are not in the documents."""
    segments: Segments = field(repr=False)
    documents: Integers = field(repr=False)
    """Number of each candidate's document in `document_ids`."""
    document_ids: tuple[str, ...] = field(repr=False)
    filters: Filters = Filters()  # noqa: RUF009 - a frozen value
    """What the candidates were fetched for."""
    vectors: Vectors | None = field(default=None, repr=False)
    """Of chunks, a row each, for diversity; shared with the workbench. None without an embedding model."""
    rows: Integers | None = field(default=None, repr=False)
    """Row of each candidate in `vectors`."""
    left_out: tuple[tuple[LabelledQuestion, str], ...] = ()
    """Questions that could not be measured, each with a sentence why."""
    fetched: int = 0
    """Questions whose candidates had to be fetched for this; the others were known."""

    @property
    def answerable(self) -> Flags:
        return self.pieces > 0

    def passing(self, filters: Filters) -> Flags:
        """Return which candidates pass: all, for the filters that they were fetched for; those of chosen documents otherwise.

        Raises `QuestionSetError` for any other filter, because tags and days are not known here: gather the candidates anew.
        """
        if filters == self.filters:
            return self.here
        if filters._replace(document_ids=()) != self.filters._replace(document_ids=()):
            raise QuestionSetError("The filters have changed since the questions were searched; measure the set again.")
        wanted = frozenset(filters.document_ids)
        numbers = [n for n, document_id in enumerate(self.document_ids) if not wanted or document_id in wanted]
        return self.here & np.isin(self.documents, numbers)


def is_right(place: Place, evidence: Evidence) -> bool:
    """Tell whether a chunk is right: it covers half of the evidence, lies half inside it, or touches its page."""
    if place.document_id != evidence.document_id:
        return False
    if evidence.page:
        return evidence.page in place.pages
    shared = min(evidence.end, place.end) - max(evidence.start, place.start)
    return 2 * shared >= evidence.end - evidence.start or 2 * shared >= place.end - place.start


def make_pool(
    questions: Sequence[LabelledQuestion],
    scored: Sequence[Scored],
    collection: Collection,
    *,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    left_out: Sequence[tuple[LabelledQuestion, str]] = (),
    fetched: int = 0,
) -> Pool:
    """Return the arrays of these questions; `scored` has the candidates of each, in the same order."""
    sorted_places, order = [], []
    for each in scored:
        by_place = sorted(range(len(each.places)), key=lambda n: (each.places[n].document_id, each.places[n].start))
        order.append(by_place)
        sorted_places.append(tuple(each.places[n] for n in by_place))
    shape = (len(questions), max((len(places) for places in sorted_places), default=0) or 1)
    ids = sorted({p.document_id for places in sorted_places for p in places}
                 | {e.document_id for question in questions for e in question.evidence})  # fmt: skip
    number = {document_id: n for n, document_id in enumerate(ids)}
    here = np.arange(shape[1]) < np.array([len(places) for places in sorted_places], np.intp)[:, None]
    documents = _filled(shape, [[number[p.document_id] for p in places] for places in sorted_places], np.intp)
    starts = _filled(shape, [[p.start for p in places] for places in sorted_places], np.intp)
    ends = _filled(shape, [[p.end for p in places] for places in sorted_places], np.intp)
    parts = {
        name: _filled(shape, [getattr(each, name)[by] for each, by in zip(scored, order, strict=True)], np.float64)
        for name in ("cosine", "keyword", "coverage")
    }
    return Pool(
        questions=tuple(questions),
        collection=collection,
        places=tuple(sorted_places),
        here=here,
        cosine=parts["cosine"],
        keyword=parts["keyword"],
        coverage=parts["coverage"],
        has_vectors=np.array([each.has_vectors for each in scored], np.bool_),
        right=_right(shape, sorted_places, questions),
        pieces=np.array([len(question.evidence) for question in questions], np.intp),
        segments=segments(documents, starts, ends, here, [_spans(q.evidence, number) for q in questions]),
        documents=documents,
        document_ids=tuple(ids),
        filters=filters,
        left_out=tuple(left_out),
        fetched=fetched,
    )


def with_vectors(pool: Pool, chunk_ids: Sequence[str], vectors: Vectors) -> Pool:
    """Return the pool with the vectors of its candidates, out of those of all chunks; without when one is missing."""
    place = {chunk_id: row for row, chunk_id in enumerate(chunk_ids)}
    found = [[place.get(each.chunk_id, -1) for each in places] for places in pool.places]
    if any(row < 0 for rows in found for row in rows):
        return pool
    return replace(pool, vectors=vectors, rows=_filled(pool.documents.shape, found, np.intp))


def _filled(shape: tuple[int, ...], rows: Sequence[Sequence[int] | Floats], kind: type[T]) -> NDArray[T]:
    made: NDArray[T] = np.zeros(shape, kind)
    for row, values in enumerate(rows):
        made[row, : len(values)] = values
    return made


def _right(shape: tuple[int, int], places: Sequence[Sequence[Place]], questions: Sequence[LabelledQuestion]) -> Flags:
    right = np.zeros((*shape, max((len(question.evidence) for question in questions), default=0) or 1), np.bool_)
    for q, question in enumerate(questions):
        for piece, evidence in enumerate(question.evidence):
            right[q, : len(places[q]), piece] = [is_right(place, evidence) for place in places[q]]
    return right


def _spans(evidence: Sequence[Evidence], number: dict[str, int]) -> list[tuple[int, int, int]]:
    """Return the evidence as numbers; nothing when any of it is a page, whose words are not known to be evidence."""
    if any(piece.page for piece in evidence):
        return []
    return [(number[piece.document_id], piece.start, piece.end) for piece in evidence]
