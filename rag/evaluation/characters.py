"""How many characters of evidence the hits hold, counted once however often chunks overlap.

For each question the text is cut at every border of a candidate or a piece of evidence. A candidate is then a run of
segments, so the union of any choice of hits is a sum over segments, whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.measures import BUDGET_CHARACTERS, Flags, Floats, Integers

_DOCUMENT = 1 << 40
"""Offsets of different documents never meet."""


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments of each question's candidates and evidence. Shapes: (questions, candidates) or (questions, segments)."""

    first: Integers
    """Segment that a candidate begins with."""
    last: Integers
    """Segment behind its last."""
    starts: Integers
    """Where a segment begins, on the same scale as `begins`."""
    lengths: Integers
    is_evidence: Flags
    begins: Integers
    """Where a candidate begins."""
    characters: Integers
    """Length of a candidate."""
    measured: Flags
    """Questions whose evidence is all spans; of the others nothing is counted."""

    def counts(self, hits: Integers, valid: Flags) -> tuple[Integers, Integers, Integers, Floats]:
        """Return evidence, retrieved, shared, and evidence within the budget, in characters a question.

        `hits` are candidates in rank order, shape (questions, hits); only those that are `valid` count.
        """
        covered = self._covered(hits, valid)
        evidence = (self.lengths * self.is_evidence).sum(axis=1)
        retrieved = (self.lengths * covered).sum(axis=1)
        shared = (self.lengths * (covered & self.is_evidence)).sum(axis=1)
        return evidence, retrieved, shared, self._within_budget(hits, valid)

    def _covered(self, hits: Integers, valid: Flags) -> Flags:
        """Return which segments any of the hits holds."""
        steps = np.zeros((self.lengths.shape[0], self.lengths.shape[1] + 1), np.int32)
        rows = np.broadcast_to(np.arange(len(hits))[:, None], hits.shape)[valid]
        chosen = hits[valid]
        np.add.at(steps, (rows, self.first[rows, chosen]), 1)
        np.add.at(steps, (rows, self.last[rows, chosen]), -1)
        return steps.cumsum(axis=1)[:, :-1] > 0

    def _within_budget(self, hits: Integers, valid: Flags) -> Floats:
        """Return the evidence within the first `BUDGET_CHARACTERS` retrieved; the hit that crosses them counts in part."""
        lengths = np.where(valid, np.take_along_axis(self.characters, hits, axis=1), 0)
        before = np.cumsum(lengths, axis=1) - lengths
        whole = valid & (before + lengths <= BUDGET_CHARACTERS)
        covered = self._covered(hits, whole)
        held: Floats = (self.lengths * (covered & self.is_evidence)).sum(axis=1).astype(np.float64)
        cut = valid & ~whole & (before < BUDGET_CHARACTERS)
        rows = np.flatnonzero(cut.any(axis=1))
        if len(rows):
            place = cut[rows].argmax(axis=1)
            candidate = hits[rows, place]
            end = self.begins[rows, candidate] + BUDGET_CHARACTERS - before[rows, place]
            number = np.arange(self.lengths.shape[1])
            inside = (number >= self.first[rows, candidate][:, None]) & (number < self.last[rows, candidate][:, None])
            part = np.clip(end[:, None] - self.starts[rows], 0, self.lengths[rows])
            held[rows] += (part * (inside & ~covered[rows] & self.is_evidence[rows])).sum(axis=1)
        return held


def segments(
    documents: Integers,
    starts: Integers,
    ends: Integers,
    here: Flags,
    evidence: Sequence[Sequence[tuple[int, int, int]]],
) -> Segments:
    """Cut each question's text. `documents` are numbers, one a candidate; evidence is (document number, start, end).

    A question without evidence of spans alone is given as an empty sequence.
    """
    begins = documents * _DOCUMENT + starts
    cuts = [_cuts(begins[q][here[q]], (ends - starts)[q][here[q]], evidence[q]) for q in range(len(begins))]
    most = max((len(cut) for cut in cuts), default=0)
    shape = (len(begins), max(most - 1, 1))
    made = Segments(
        first=np.zeros(begins.shape, np.intp),
        last=np.zeros(begins.shape, np.intp),
        starts=np.zeros(shape, np.intp),
        lengths=np.zeros(shape, np.intp),
        is_evidence=np.zeros(shape, np.bool_),
        begins=begins,
        characters=np.where(here, ends - starts, 0),
        measured=np.array([bool(pieces) for pieces in evidence], np.bool_),
    )
    for q, cut in enumerate(cuts):
        if len(cut):
            _fill(made, q, cut, evidence[q])
    return made


def _cuts(begins: Integers, lengths: Integers, pieces: Sequence[tuple[int, int, int]]) -> Integers:
    if not pieces:
        return np.zeros(0, np.intp)
    spans = np.array([(d * _DOCUMENT + start, d * _DOCUMENT + end) for d, start, end in pieces], np.intp)
    return np.unique(np.concatenate([begins, begins + lengths, spans.ravel()]))


def _fill(made: Segments, q: int, cut: Integers, pieces: Sequence[tuple[int, int, int]]) -> None:
    count = len(cut) - 1
    made.first[q] = np.searchsorted(cut, made.begins[q])
    made.last[q] = np.searchsorted(cut, made.begins[q] + made.characters[q])
    made.starts[q, :count], made.lengths[q, :count] = cut[:-1], np.diff(cut)
    for document, start, end in pieces:
        low, high = np.searchsorted(cut, [document * _DOCUMENT + start, document * _DOCUMENT + end])
        made.is_evidence[q, low:high] = True
