"""The sample documents and their own questions, as a question set; searched once for all tests that only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_pools import QUESTIONS

import rag
from rag import Workbench
from rag.evaluation import QuestionSets, import_questions
from rag.types import QuestionSet


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    """The samples, ingested."""
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("library"))) as bench:
        yield bench


@pytest.fixture(scope="module")
def question_set(library: Workbench) -> QuestionSet:
    """The 45 questions that ship with the samples: 31 with evidence, 10 about something else, 4 adversarial."""
    imported = import_questions(library, "questions.jsonl", QUESTIONS.read_bytes())
    assert () == imported.problems
    return QuestionSets(library.catalog.engine).create("samples", imported.questions)
