"""Measure on a collection itself what cannot be known beforehand: a threshold for an embedding model that nobody measured,
and how much of the truth the approximate index finds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rag.errors import CollectionError, StoreError
from rag.providers.base import Embedder, Vectors
from rag.providers.tokens import estimate
from rag.question import term_weights
from rag.retrieval import exact
from rag.retrieval.asking import accounted
from rag.retrieval.confidence import coverage, match_score
from rag.retrieval.strangers import STRANGERS
from rag.store.keywords import query_terms
from rag.text import sentences
from rag.types import Calibration, Chunk, Collection, Parts

if TYPE_CHECKING:
    from rag.store.snapshot import Snapshot
    from rag.store.vectors import VectorTable
    from rag.workbench import Workbench

SHARE: Final = 0.58
"""How far up from what unrelated pairs score to what a sentence scores on its own chunk. It is where the threshold of MiniLM, found on
labelled questions (0.42), lies on our developer split; measured on four collections it came out between 0.40 and 0.45."""
_STRANGE_CHUNKS = 500
_OWN_SENTENCES = 100
_SENTENCE_CHARACTERS = (40, 200)
_SENTENCE_TOKENS = 28  # of one of them, about
_FEWEST_SENTENCES = 8
_TEN = 10
_NOISE = 0.8
"""Length of what is added to a chunk's vector, so that it stands as far from its nearest as questions do: a cosine of 0.78."""


def calibration_size(chunks: int) -> tuple[int, int]:
    """Return about how many texts `calibrate_threshold` embeds for a collection of that many chunks, and their tokens together."""
    own = min(_OWN_SENTENCES, chunks)
    return len(STRANGERS) + own, sum(map(estimate, STRANGERS)) + own * _SENTENCE_TOKENS


def calibrate_threshold(
    bench: Workbench, collection: Collection | str | None = None, *, over_users: bool = True
) -> Calibration:
    """Return a threshold measured on the collection, and keep it as the collection's own together with how it was found.

    The null distribution are questions about all the world (`STRANGERS`) paired with the collection's chunks; the other end are
    its own sentences paired with the chunk that they stand in. Embeds some 160 short texts. Without `over_users` a threshold that the
    user has set meanwhile stays the collection's own. Raises `CollectionError` when the
    collection has no embedding model or too little text, `CollectionNotFoundError`, `ModelUnavailableError`, `ProviderError`
    and `StoreReadOnlyError`.
    """
    bench.require_writable()
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    embedder = bench.embedder(collection)
    if embedder is None:
        raise CollectionError(f"{collection.name!r} is searched by words alone; its threshold needs no measuring.")
    with bench.catalog.snapshot(collection.id) as snapshot:
        table = bench.vectors(collection, snapshot.revision)
        unrelated, own = _measured(bench, snapshot, collection, table, embedder)
    low, high = float(np.mean(unrelated)), float(np.mean(own))
    threshold = round(min(1.0, max(0.0, low + SHARE * (high - low))), 3)
    found = Calibration(threshold, len(STRANGERS) + len(own), _note(collection, unrelated, own))
    bench.catalog.set_threshold(collection.name, threshold, calibration=found, over_users=over_users)
    return found


def _measured(
    bench: Workbench, snapshot: Snapshot, collection: Collection, table: VectorTable, embedder: Embedder
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the match scores of unrelated pairs, and of sentences with their own chunks."""
    draw = random.Random(collection.id)
    rowids: list[int] = table.rowids.tolist()
    chunks = snapshot.chunks(draw.sample(rowids, min(_OWN_SENTENCES, len(rowids))))
    own = {rowid: text for rowid, chunk in chunks.items() if (text := _sentence(chunk, draw))}
    if len(own) < _FEWEST_SENTENCES:
        raise CollectionError(
            f"{collection.name!r} has too little text to measure a threshold on; add documents first."
        )
    with accounted(bench, embedder, (*STRANGERS, *own.values())):
        vectors = embedder.embed_queries((*STRANGERS, *own.values()))
    strange = draw.sample(rowids, min(_STRANGE_CHUNKS, len(rowids)))
    unrelated = [
        score
        for question, vector in zip(STRANGERS, vectors, strict=False)
        for score in _scores(snapshot, table, question, vector, strange)
    ]
    related = [
        score
        for (rowid, text), vector in zip(own.items(), vectors[len(STRANGERS) :], strict=True)
        for score in _scores(snapshot, table, text, vector, [rowid])
    ]
    return np.array(unrelated), np.array(related)


def _sentence(chunk: Chunk, draw: random.Random) -> str:
    """Return one of the chunk's sentences that is about as long as a question; empty when it has none."""
    shortest, longest = _SENTENCE_CHARACTERS
    fitting = [(start, end) for start, end in sentences(chunk.text) if shortest <= end - start <= longest]
    if not fitting:
        return ""
    start, end = draw.choice(fitting)
    return chunk.text[start:end]


def _scores(
    snapshot: Snapshot, table: VectorTable, question: str, vector: Vectors, rowids: Sequence[int]
) -> Iterator[float]:
    """Yield the match score of a question on each of the chunks."""
    terms = query_terms(question)
    matches = snapshot.keywords(terms, 0, also=rowids)
    weights = term_weights(terms, matches.known.containing, matches.known.chunks)
    cosines = table.matrix[exact.rows_at(table, np.array(rowids, np.int64))] @ vector
    for rowid, cosine in zip(rowids, cosines.tolist(), strict=True):
        yield match_score(Parts(cosine, 0.0, coverage(weights, matches.present.get(rowid, frozenset()))))


def _note(collection: Collection, unrelated: NDArray[np.float64], own: NDArray[np.float64]) -> str:
    return (
        f"Measured on {collection.name!r} for {collection.embedding_model}, of which no threshold is known: questions about something "
        f"else score {unrelated.mean():.2f} on its chunks ({np.quantile(unrelated, 0.99):.2f} for one in a hundred), its own "
        f"sentences {own.mean():.2f}. Label questions of your own to find a better one."
    )


def index_recall(bench: Workbench, collection: Collection | str | None = None, *, sample: int = 100) -> float:
    """Return the share of the exact ten nearest chunks that the index finds, 0 to 1, over a sample of made-up questions.

    They stand as far from the collection's chunks as questions do, and are the same at every call. Raises `StoreError` when the
    index cannot answer now, `CollectionError` for a collection without vectors, and `CollectionNotFoundError`.
    """
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    with bench.catalog.snapshot(collection.id) as snapshot:
        table, behind = bench.vectors(collection, snapshot.revision), snapshot.index_is_behind
    if not len(table.matrix):
        raise CollectionError(f"{collection.name!r} has no vectors that an index could find; add documents first.")
    index = None if behind else bench.index
    if index is None:
        raise StoreError(f"The index of {collection.name!r} is not up to date; try again when it is built.")
    found = 0
    wanted = min(_TEN, len(table.matrix))
    made = _made_up(table, sample)
    for vector, nearest in zip(made, exact.nearest_of_each(table, made, wanted), strict=True):
        ids = index.nearest(collection.id, vector, wanted)
        # Chunks of the same words are as near as each other: any of them will do.
        least = float(table.matrix[nearest[-1]] @ vector) - 1e-6
        found += int(np.count_nonzero(table.matrix[exact.rows_of(table, ids)] @ vector >= least))
    return min(1.0, found / (wanted * len(made)))


def _made_up(table: VectorTable, sample: int) -> Vectors:
    """Return unit vectors near to chunks of the table: theirs with noise in a random direction added."""
    draw = np.random.default_rng(1)
    rows = draw.choice(len(table.matrix), min(sample, len(table.matrix)), replace=False)
    noise = draw.standard_normal((len(rows), table.matrix.shape[1]))
    noise *= _NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    made: Vectors = (table.matrix[rows] + noise).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made
