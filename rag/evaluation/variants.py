"""What other chunk options or another embedding model would make of a collection, searched in memory and never stored.

Candidates have the same parts that `rag.fetch` gives them over a collection built that way; a test builds one and compares. Only
the vectors are kept, in the catalog, under the text that they belong to: no text is ever embedded twice, by this or by anything else.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import StoppedError
from rag.evaluation.measures import Flags, Floats, Integers
from rag.evaluation.pool import Place, Scored
from rag.providers.base import Embedder, Vectors
from rag.question import term_weights
from rag.store import keyword_index
from rag.store.keyword_index import Frequencies
from rag.store.keywords import query_terms
from rag.types import ChunkOptions, Collection, Stop, Upload, Usage, never

if TYPE_CHECKING:
    from rag.workbench import Workbench

_BATCH = 256  # texts embedded between two saves: what a kill can cost at most
_REMOTE_AT_ONCE = 4


@dataclass(frozen=True)
class Cut:
    """The documents of a collection, cut anew."""

    options: ChunkOptions
    places: tuple[Place, ...] = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    tokens: Integers = field(repr=False)
    """Of each chunk, as the embedding model counts them."""
    rows: tuple[tuple[str, str, int], ...] = field(repr=False)
    """Stems of title and body, and number of words, of each chunk: what keyword search sees."""


def cut(
    bench: Workbench, collection: Collection, options: ChunkOptions, embedding_model: str, *, stop: Stop = never
) -> Cut:
    """Return the chunks that `options` make of a collection's documents, measured in tokens of the embedding model.

    Raises `StoppedError`.
    """
    from rag import preview  # another verb, so through the facade

    as_if = (
        collection if embedding_model == collection.embedding_model else _with_model(bench, collection, embedding_model)
    )
    places: list[Place] = []
    texts: list[str] = []
    tokens: list[int] = []
    rows: list[tuple[str, str, int]] = []
    for info in reversed(bench.catalog.documents(collection.id)):
        if stop():
            raise StoppedError("Stopped; start again to go on from there.")
        document = bench.catalog.document(info.id)
        bench.parsed[info.id] = document  # so that the file is not read again
        made = preview(bench, Upload(info.name, bench.catalog.file(info.id)), options, collection=as_if)
        places += [Place(c.id, c.document_id, c.start, c.end, c.pages) for c in made.chunks]
        texts += [c.text for c in made.chunks]
        tokens += made.tokens
        rows += keyword_index.rows(document.title or document.name, made.chunks)
    return Cut(options, tuple(places), tuple(texts), np.array(tokens, np.intp), tuple(rows))


def _with_model(bench: Workbench, collection: Collection, embedding_model: str) -> Collection:
    embedder = bench.embedder(embedding_model)
    return replace(collection, embedding_model=embedding_model, dimension=embedder.dimension if embedder else 0)


# --- vectors --------------------------------------------------------------------------------------------------------


def missing_texts(bench: Workbench, embedding_model: str, texts: Iterable[str]) -> list[str]:
    """Return the different texts whose vector is not kept yet."""
    distinct = list(dict.fromkeys(texts))
    known = bench.catalog.known_vectors(embedding_model, distinct)
    return [text for at, text in enumerate(distinct) if at not in known]


def embed_missing(
    bench: Workbench, embedder: Embedder, texts: Sequence[str], *, on_done: Callable[[int], None], stop: Stop
) -> int:
    """Make and keep the vectors of `texts`; return the tokens that this took. Raises `StoppedError`; what is done is kept."""
    provider, _, model = embedder.name.partition("/")
    if getattr(embedder, "keeps_books", False):
        return sum(_embed_batch(bench, embedder, batch, on_done, stop) for batch in _batches(texts))
    with bench.ledger.measure("sweep", provider, model, items=0) as call:
        if provider == "local":
            call.cost_usd, call.price_source = 0.0, "local"
        tokens = items = 0
        for batch in _batches(texts):
            tokens += _embed_batch(bench, embedder, batch, on_done, stop)
            items += len(batch)
            call.usage, call.items = Usage(input_tokens=tokens), items
    return tokens


def _batches(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    return (texts[low : low + _BATCH] for low in range(0, len(texts), _BATCH))


def _embed_batch(
    bench: Workbench, embedder: Embedder, batch: Sequence[str], on_done: Callable[[int], None], stop: Stop
) -> int:
    made = embedder.embed_documents(batch, on_done=on_done, stop=stop)
    bench.catalog.keep_vectors(embedder.name, batch, made)
    return sum(min(embedder.max_input_tokens, len(embedder.token_spans(text))) for text in batch)


def kept_matrix(bench: Workbench, embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Return the kept vectors of texts, a row each."""
    known = bench.catalog.known_vectors(embedder.name, texts)
    return np.array([known[at] for at in range(len(texts))], np.float32).reshape(len(texts), embedder.dimension)


def question_vectors(embedder: Embedder, questions: Sequence[str], *, stop: Stop = never) -> tuple[Vectors, float]:
    """Return one vector a question, and the milliseconds that one took. Raises `StoppedError`."""

    def embedded(question: str) -> Vectors:
        if stop():
            raise StoppedError("Stopped; start again to go on from there.")
        return embedder.embed_query(question)

    began = time.perf_counter()
    at_once = 1 if embedder.name.startswith("local/") else _REMOTE_AT_ONCE
    with ThreadPoolExecutor(at_once) as workers:
        made = list(workers.map(embedded, questions))
    return np.array(made), (time.perf_counter() - began) * 1000 / max(1, len(questions))


# --- searching ------------------------------------------------------------------------------------------------------


class Variant:
    """A cut with its vectors, which can be searched for questions known beforehand."""

    def __init__(self, made: Cut, matrix: Vectors | None, questions: Sequence[str]) -> None:
        self.cut, self.matrix = made, matrix
        wanted = {term for question in questions for term in query_terms(question)}
        counts = [Counter(s for s in f"{title} {body}".split(" ") if s in wanted) for title, body, _ in made.rows]
        self._lengths = np.array([words for _, _, words in made.rows], np.float64)
        self._held = _postings(counts)
        containing = {term: len(rows) for term, (rows, _) in self._held.items()}
        self._known = Frequencies(len(made.rows), int(self._lengths.sum()), containing)

    def scored(self, question: str, vector: Vectors | None, pool: int) -> Scored:
        """Return the union of both sides' best `pool` chunks, each with all parts of its score."""
        terms = query_terms(question)
        keyword = self._bm25(terms)
        rows = _best(keyword, pool, keyword > 0)
        cosine = np.zeros(len(keyword))
        if self.matrix is not None and vector is not None:
            cosine = (self.matrix @ vector).astype(np.float64)
            rows = np.union1d(rows, _best(cosine, pool, np.ones(len(cosine), np.bool_)))
        return Scored(
            places=tuple(self.cut.places[row] for row in rows),
            cosine=cosine[rows],
            keyword=keyword[rows],
            coverage=self._coverage(terms)[rows],
            has_vectors=self.matrix is not None,
        )

    def _bm25(self, terms: Sequence[str]) -> Floats:
        """Return the BM25 score of every chunk, by the formula of `Frequencies.bm25`."""
        scores = np.zeros(len(self._lengths))
        if not self._known.words:
            return scores
        k1, b = keyword_index.K1, keyword_index.B
        norm = k1 * (1 - b + b * self._lengths * self._known.chunks / self._known.words)
        for term in terms:
            if term in self._held:
                rows, times = self._held[term]
                scores[rows] += self._known.idf(term) * times * (k1 + 1) / (times + norm[rows])
        return scores

    def _coverage(self, terms: Sequence[str]) -> Floats:
        weights = term_weights(terms, self._known.containing, self._known.chunks)
        share = np.zeros(len(self._lengths))
        for term, weight in weights.items():
            if term in self._held:
                share[self._held[term][0]] += weight
        total = sum(weights.values())
        return share / total if total > 0 else share


def _postings(counts: Sequence[Mapping[str, int]]) -> dict[str, tuple[Integers, Floats]]:
    """Return for each word the chunks that hold it, and how often."""
    held: dict[str, list[tuple[int, int]]] = {}
    for row, words in enumerate(counts):
        for word, times in words.items():
            held.setdefault(word, []).append((row, times))
    return {
        word: (np.array([row for row, _ in pairs], np.intp), np.array([times for _, times in pairs], np.float64))
        for word, pairs in held.items()
    }


def _best(scores: Floats, k: int, among: Flags) -> Integers:
    rows = np.flatnonzero(among)
    if len(rows) > k:
        rows = rows[np.argpartition(-scores[rows], k - 1)[:k]]
    return rows
