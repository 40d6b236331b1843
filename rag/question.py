"""A question: the words of it that may be asked, and how much each of them tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rag.errors import QuestionError


def checked_question(question: str, limit_characters: int) -> str:
    """Return the question without blanks around it; raise `QuestionError` when it is empty or far too long.

    NUL and lone surrogates, which neither SQLite nor a tokenizer takes, are left out.
    """
    question = question.replace("\x00", " ").encode("utf-8", "ignore").decode("utf-8").strip()
    if not question:
        raise QuestionError("The question is empty; type what you want to know.")
    if len(question) > limit_characters:
        raise QuestionError(
            f"The question has {len(question):,} characters, the limit is {limit_characters:,}; ask a shorter one."
        )
    return question


def inverse_document_frequency(containing: int, chunks: int) -> float:
    """Return the weight of a term that stands in `containing` of `chunks` chunks; a term of no chunk weighs most.

    BM25's form, which stays above 0 even for a term of every chunk.
    """
    return math.log(1 + (chunks - containing + 0.5) / (containing + 0.5))


def term_weights(terms: Sequence[str], frequencies: Mapping[str, int], chunks: int) -> dict[str, float]:
    """Return the idf of each term of a question; terms that the collection does not know count in full."""
    return {term: inverse_document_frequency(frequencies.get(term, 0), chunks) for term in terms}
