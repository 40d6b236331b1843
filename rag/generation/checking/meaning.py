"""Likeness of meaning between a sentence and a passage, by whichever embedding model the collection has."""

from __future__ import annotations

import numpy as np

from rag.generation.checking.evidence import Passage
from rag.providers.base import Embedder, Vectors

SENTENCES_EMBEDDED = 4
"""Sentences of one passage, those with the most of the claim's words: embedding is what a check costs."""


class Meaning:
    """Cosines, with every vector made once. Not to be shared between threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, Vectors] = {}

    def cosine(self, text: str, passage: Passage, stems: frozenset[str]) -> float:
        """Return the cosine of a text to the nearest sentence of a passage, or to the nearest two in a row."""
        order = sorted(range(len(passage.sentences)), key=lambda i: -len(stems & passage.stems[i]))[:SENTENCES_EMBEDDED]
        texts = [passage.window(i, i + 1) for i in order]
        texts += [passage.window(i, i + 2) for i in order[:1] if i + 1 < len(passage.sentences)]
        if not texts or not text.strip():
            return 0.0
        vectors = self._of([text, *texts])
        return float(np.max(vectors[1:] @ vectors[0]))

    def to_sentence(self, text: str, passage: Passage, index: int) -> float:
        """Return the cosine of a text to one sentence of a passage."""
        vectors = self._of([text, passage.window(index, index + 1)])
        return float(vectors[0] @ vectors[1])

    def _of(self, texts: list[str]) -> Vectors:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if fresh:
            self._vectors.update(zip(fresh, self._embedder.embed_documents(fresh), strict=True))
        return np.stack([self._vectors[text] for text in texts])
