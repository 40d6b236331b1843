"""Floors under retrieval and answer quality. `bench/quality.py` prints the figures of all sets; these keep them from sinking.

The floors stand a few questions below what was measured, so that a harmless reordering passes and a real loss does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rag
from rag import SearchOptions, Workbench
from rag.types import Hit

TEN_BEST = SearchOptions(top_k=10, similarity_threshold=0)
SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("samples"))) as bench:
        yield bench


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    lines = (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_samples_answer_their_own_questions(library: Workbench, questions: list[dict[str, Any]]) -> None:
    """The chunk with the answer comes first for four in five sample questions, and among the first five for nearly all."""
    asked = [question for question in questions if question["answerable"]]
    places = [_place(question, rag.search(library, question["text"], options=TEN_BEST).hits) for question in asked]
    assert sum(place == 0 for place in places) >= 0.8 * len(asked)
    assert sum(place < 5 for place in places) >= 0.95 * len(asked)


def test_the_samples_do_not_answer_questions_about_something_else(
    library: Workbench, questions: list[dict[str, Any]]
) -> None:
    """At the default threshold no off-corpus question gets a hit, and most of the answerable ones get theirs."""
    found = {question["qid"]: bool(rag.search(library, question["text"]).hits) for question in questions}
    outside = [found[q["qid"]] for q in questions if q["kind"] == "offcorpus"]
    inside = [found[q["qid"]] for q in questions if q["answerable"]]
    assert not any(outside)
    assert sum(inside) >= 0.75 * len(inside)


def test_extracts_hold_the_evidence(library: Workbench, questions: list[dict[str, Any]]) -> None:
    """Where the samples' questions pass the threshold, the passages of the answer hold the evidence in most cases."""
    held = []
    for question in questions:
        result = rag.search(library, question["text"])
        if question["answerable"] and result.hits:
            quotes = " ".join(citation.quote for citation in rag.generate(library, result).wait().citations)
            held.append(_bare(question["evidence"]) in _bare(quotes))
    assert sum(held) >= 0.8 * len(held)


def _place(question: dict[str, Any], hits: tuple[Hit, ...]) -> int:
    """Return the 0-based place of the first hit with the evidence, 99 without one."""
    evidence = _bare(question["evidence"])
    return next((place for place, hit in enumerate(hits) if evidence in _bare(hit.chunk.text)), 99)


def _bare(text: str) -> str:
    """Return the words alone: lines are broken differently in a PDF and in the question set."""
    return re.sub(r"\W+", " ", text).casefold()
