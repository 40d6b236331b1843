"""A made-up collection of any size for the search benchmark: text as uneven as English, vectors as clumped as real ones.

Words follow Zipf's law; the 45 most frequent are the real stop words, so that questions lose them as they would in English. Vectors
lie in 400 clusters with a decaying spectrum. The same size gives the same collection, which is built once and kept.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rag
from rag.types import Chunk, ChunkOptions, Collection, Document, Page

DIMENSION = 384
CHUNKS_A_DOCUMENT = 200
WORDS_A_CHUNK = 118
"""About 775 characters."""
VERSION = 5
STOP_WORDS = (
    "a i s t an as at be by do if in is it no of on or to we and are but can did for had has how its not the was who why you been "
    "does from have into that them they this"
).split()
"""Written down here, so that the collection stays what it is when the product's own list changes."""
MODEL = "local/all-MiniLM-L6-v2"
"""Its name and dimension; the vectors are made up."""


@dataclass(frozen=True)
class Corpus:
    """What the collection is made of, the same for the same number of chunks."""

    chunks: int

    @cached_property
    def folder(self) -> Path:
        return Path(gettempdir()) / f"rag-bench-search-{self.chunks}-v{VERSION}"

    @cached_property
    def words(self) -> list[str]:
        """60,000 words, the most frequent first: stop words, then made-up ones of two to four syllables."""
        rng = np.random.default_rng(1)
        syllables = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "or", "el")]
        made: dict[str, None] = dict.fromkeys(STOP_WORDS)
        while len(made) < 60_000:
            made["".join(rng.choice(syllables, rng.integers(2, 5)))] = None
        return list(made)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """How often each word is said, by Zipf and Mandelbrot."""
        weights = 1 / (np.arange(len(self.words)) + 2.7)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def texts(self, document: int, count: int) -> list[str]:
        """Return the texts of a document's chunks."""
        rng = np.random.default_rng((2, document))
        drawn = rng.choice(len(self.words), (count, WORDS_A_CHUNK), p=self.shares)
        return [" ".join(self.words[at] for at in row).capitalize() + "." for row in drawn]

    @cached_property
    def _centres(self) -> NDArray[np.float32]:
        return np.random.default_rng(3).standard_normal((400, DIMENSION)).astype(np.float32) * _SPECTRUM

    def vectors(self, seed: tuple[int, ...], count: int) -> NDArray[np.float32]:
        """Return unit vectors around the clusters' centres."""
        rng = np.random.default_rng(seed)
        around = self._centres[rng.integers(0, len(self._centres), count)]
        made = around + 0.9 * rng.standard_normal((count, DIMENSION)).astype(np.float32) * _SPECTRUM
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def questions(self, count: int) -> list[str]:
        """Return questions of six words as the text has them: two or three stop words and a common word are usual."""
        rng = np.random.default_rng(4)
        drawn = rng.choice(len(self.words), (count, 6), p=self.shares)
        return [" ".join(self.words[at] for at in row) + "?" for row in drawn]

    def documents(self) -> Iterator[tuple[Document, list[str], NDArray[np.float32]]]:
        """Yield every document with the texts and vectors of its chunks."""
        for number, at in enumerate(range(0, self.chunks, CHUNKS_A_DOCUMENT)):
            count = min(CHUNKS_A_DOCUMENT, self.chunks - at)
            texts = self.texts(number, count)
            yield _document(number, texts), texts, self.vectors((5, number), count)


_SPECTRUM = (1 / np.sqrt(1 + np.arange(DIMENSION) / 8)).astype(np.float32)


def _document(number: int, texts: list[str]) -> Document:
    """Return a document of one paragraph a chunk and four chunks a page."""
    starts = np.concatenate([[0], np.cumsum([len(text) + 2 for text in texts])])
    pages = tuple(
        Page(1 + at // 4, int(starts[at]), int(starts[min(at + 4, len(texts))])) for at in range(0, len(texts), 4)
    )
    name = f"report-{number:05}.pdf"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Document(digest, name, "application/pdf", "\n\n".join(texts), pages, title=f"Report {number}")


def chunks_of(document: Document, texts: list[str], scope: str) -> list[Chunk]:
    """Return the document's chunks: its paragraphs."""
    made, start = [], 0
    for index, text in enumerate(texts):
        key = hashlib.sha256(f"{scope}:{document.id}:{index}".encode()).hexdigest()[:32]
        made.append(Chunk(key, document.id, index, start, start + len(text), (1 + index // 4,), "", text))
        start += len(text) + 2
    return made


def built(corpus: Corpus, *, with_peer: bool = True) -> dict[str, float]:
    """Build catalog and index, and the same in a bare Chroma collection, unless they are there; return the seconds it took."""
    took: dict[str, float] = {}
    if not (corpus.folder / "done").exists():
        shutil.rmtree(corpus.folder, ignore_errors=True)
        took = _build(corpus)
        (corpus.folder / "done").write_text("")
    if with_peer and not (corpus.folder / "peer-done").exists():
        shutil.rmtree(corpus.folder / "peer", ignore_errors=True)
        took["bare Chroma"] = _build_peer(corpus)
        (corpus.folder / "peer-done").write_text("")
    return took


def _build(corpus: Corpus) -> dict[str, float]:
    began = time.perf_counter()
    with rag.open_workbench(corpus.folder / "ours") as bench:
        collection = bench.catalog.create_collection(
            "main", embedding_model=MODEL, dimension=DIMENSION, options=ChunkOptions(), similarity_threshold=0.42
        )
        for document, texts, vectors in corpus.documents():
            chunks = chunks_of(document, texts, collection.id)
            bench.catalog.put_document(collection.id, document, b"", chunks, vectors)
            _tell(f"catalog: {document.name}")
        catalog = time.perf_counter() - began
        bench.sync_index(collection)
    return {"catalog": catalog, "index": time.perf_counter() - began - catalog}


def _build_peer(corpus: Corpus) -> float:
    began = time.perf_counter()
    peer = opened_peer(corpus)
    for document, texts, vectors in corpus.documents():
        chunks = chunks_of(document, texts, "")
        peer.add(
            ids=[chunk.id for chunk in chunks],
            embeddings=vectors,
            documents=texts,
            metadatas=[_metadata(document, chunk) for chunk in chunks],
        )
        _tell(f"bare Chroma: {document.name}")
    return time.perf_counter() - began


def _metadata(document: Document, chunk: Chunk) -> dict[str, str | int | bool]:
    half = int(document.name[7:12]) % 2 == 0
    return {
        "source": document.name,
        "half": half,
        "page": chunk.pages[0],
        "index": chunk.index,
        "start": chunk.start,
        "end": chunk.end,
    }


def opened_peer(corpus: Corpus) -> Any:
    """Return the bare Chroma collection: cosine, and otherwise as a user gets it."""
    import chromadb
    from chromadb.config import Settings

    settings = Settings(_env_file=None, anonymized_telemetry=False)  # type: ignore[call-arg]
    client = chromadb.PersistentClient(path=str(corpus.folder / "peer"), settings=settings)
    return client.get_or_create_collection("bare", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)


def open_ours(corpus: Corpus) -> tuple[rag.Workbench, Collection]:
    """Return the workbench and its one collection."""
    bench = rag.open_workbench(corpus.folder / "ours")
    return bench, bench.catalog.collection("main")


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[Kbuilding {what}", end="", file=sys.stderr)
