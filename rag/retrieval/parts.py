"""The parts of candidates' scores: all at once where both sides were searched, else with the other side to be looked up late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rag.question import term_weights
from rag.retrieval import exact
from rag.retrieval.asking import usable_embedder
from rag.retrieval.confidence import coverage
from rag.retrieval.late import Known, Question
from rag.types import Collection, Parts

if TYPE_CHECKING:
    from rag.store.keyword_search import Matches
    from rag.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a question, as a collection knows them. Holds no vectors: late parts keep it for as long as they live."""

    bench: Workbench
    collection_id: str
    terms: tuple[str, ...]

    def parts(self, matches: Matches, rowids: Sequence[int]) -> dict[int, Known]:
        """Return BM25 and coverage of each chunk."""
        weights = term_weights(self.terms, matches.known.containing, matches.known.chunks)
        present = matches.present
        return {
            rowid: {
                "keyword": matches.scores.get(rowid, 0.0),
                "coverage": coverage(weights, present[rowid]) if rowid in present else 0.0,
            }
            for rowid in rowids
        }

    def looked_up(self, rowids: Sequence[int]) -> dict[int, Known]:
        """Return BM25 and coverage of each chunk as they are now. Raises `CollectionNotFoundError`."""
        with self.bench.catalog.snapshot(self.collection_id) as snapshot:
            return self.parts(snapshot.keywords(self.terms, 0, also=rowids), rowids)


def parts_of(
    bench: Workbench,
    collection: Collection,
    question: str,
    words: Words,
    rowids: Sequence[int],
    cosines: Sequence[float] | None,
    matches: Matches | None,
) -> Mapping[int, Parts]:
    """Return the parts of each candidate. `matches` None: no words were looked up; `cosines` None: no vector was made."""
    if matches is None:
        assert cosines is not None, "one side was searched"
        known = {rowid: {"cosine": cosine} for rowid, cosine in zip(rowids, cosines, strict=True)}
        return Question(known, lambda: words.looked_up(rowids)).parts
    by_words = words.parts(matches, rowids)
    # At a remote model a look at a cosine would cost money and time that nobody agreed to.
    if cosines is None and collection.embedding_model.startswith("local/"):
        return Question(by_words, lambda: _cosines(bench, collection, question, rowids)).parts
    return {
        rowid: Parts(cosine, by_words[rowid]["keyword"], by_words[rowid]["coverage"])
        for rowid, cosine in zip(rowids, cosines or [0.0] * len(rowids), strict=True)
    }


def _cosines(bench: Workbench, collection: Collection, question: str, rowids: Sequence[int]) -> dict[int, Known]:
    """Return the cosine of each chunk that still is there; nothing without the model. Raises `CollectionNotFoundError`."""
    embedder = usable_embedder(bench, collection)
    if embedder is None:
        return {}
    table = bench.vectors(collection)
    rows = exact.rows_at(table, np.array(rowids, np.int64))
    cosines = table.matrix[rows] @ embedder.embed_query(question)
    return {
        rowid: {"cosine": cosine} for rowid, cosine in zip(table.rowids[rows].tolist(), cosines.tolist(), strict=True)
    }
