"""The map shows what is alike close together, quickly; gaps are read from the conversations of this machine."""

from __future__ import annotations

import importlib.util
import time

import numpy as np
import pytest

import rag
from rag import Workbench
from rag.errors import CollectionError, ModelUnavailableError
from rag.evaluation import Feedback, gaps, map_collection, project_question, umap_is_installed
from rag.evaluation.mapping import _pca
from rag.types import GenerateOptions, SearchOptions
from tests.faultserver import FaultServer


def test_chunks_lie_beside_their_like(library: Workbench) -> None:
    """Chunks of one document are nearer to its centre than to the others' for most of them, and a question has a place."""
    made = map_collection(library)
    frame = made.frame()
    assert library.collection().chunks == len(frame)
    assert 0.05 < made.explained <= 1
    centres = frame.groupby("document")[["x", "y"]].mean()
    distances = np.linalg.norm(frame[["x", "y"]].to_numpy()[:, None] - centres.to_numpy(), axis=2)
    assert (centres.index[distances.argmin(axis=1)] == frame["document"]).mean() > 0.6
    place = project_question(library, made, "How many days of leave do staff get?", library.collection())
    assert np.isfinite(place).all()


def test_a_map_is_the_same_every_time(library: Workbench) -> None:
    """No direction flips between two looks; of a large collection a fair choice of chunks is drawn."""
    first, second = map_collection(library), map_collection(library)
    assert np.array_equal(first.points, second.points)
    some = map_collection(library, limit=10)
    assert 10 == len(some.points) and set(some.chunk_ids) < set(first.chunk_ids)


def test_a_map_of_ten_thousand_chunks_takes_less_than_a_second() -> None:
    """Directions come from a sample and carry most of what those of all chunks would."""
    rng = np.random.default_rng(0)
    matrix = (rng.standard_normal((10_000, 384)) * np.linspace(3, 0.2, 384)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    began = time.thread_time()  # CPU time: other tests may run beside this one
    points, project, explained = _pca(matrix)
    assert time.thread_time() - began < 1
    assert (10_000, 2) == points.shape and 0 < explained < 1
    assert project(matrix[:3]) == pytest.approx(points[:3], abs=1e-5)


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)], ids=["tall", "wide"])
def test_the_directions_are_those_of_most_variance(shape: tuple[int, int]) -> None:
    """Whichever side is longer, the two directions and their share are those of a singular value decomposition."""
    matrix = np.random.default_rng(1).standard_normal(shape).astype(np.float32) * np.linspace(
        2, 0.1, shape[1], dtype=np.float32
    )
    points, _, explained = _pca(matrix)
    _, sizes, directions = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    expected = (matrix - matrix.mean(axis=0)) @ directions[:2].T
    assert np.abs(expected) == pytest.approx(np.abs(points), abs=1e-3)
    assert explained == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), abs=1e-4)


def test_too_little_for_a_map(bench: Workbench) -> None:
    """An empty collection, one without vectors and a missing package are told in a sentence."""
    with pytest.raises(CollectionError, match="too few vectors for a map"):
        map_collection(bench)
    bench.create_collection("words", embedding_model="")
    with pytest.raises(CollectionError, match="too few vectors"):
        map_collection(bench, "words")


@pytest.mark.skipif(importlib.util.find_spec("umap") is not None, reason="UMAP is installed here")
def test_umap_is_optional(library: Workbench) -> None:
    """Without the package, asking for UMAP names the command that adds it."""
    assert not umap_is_installed()
    with pytest.raises(ModelUnavailableError, match="pip install umap-learn"):
        map_collection(library, method="umap")


def test_gaps_group_what_was_not_answered(library: Workbench) -> None:
    """Unanswered, weak and disliked questions are grouped by what they ask, the largest group first; answered ones are no gap."""
    strict = SearchOptions(similarity_threshold=0.95)
    for question in ("What is the recipe for apple pie?", "How do I bake an apple pie?", "Who won the football cup?"):
        rag.ask(library, question, search_options=strict).wait(20)
    rag.ask(library, "What broke in the gearbox of turbine 3?").wait(20)
    Feedback(library.catalog.engine).add("Apple pie recipe, please", is_good=False, collection="main")
    Feedback(library.catalog.engine).add("What is the tariff?", is_good=True)
    found = gaps(library)
    assert [3, 1] == [len(gap.asked) for gap in found]
    assert "apple pie" in found[0].title.casefold()
    assert {"not_found", "disliked"} == {asked.reason for asked in found[0].asked}
    assert [] == gaps(library, collection="other")


def test_a_gap_is_of_the_collection_that_was_asked(library: Workbench) -> None:
    """Two questions of one conversation may go to two collections; each is a gap of its own."""
    library.create_collection("other")
    first = rag.ask(library, "What is the recipe for apple pie?")
    first.wait(20)
    rag.ask(library, "Who won the cup?", conversation_id=first.conversation_id, collection="other").wait(20)
    asked = [each.question for gap in gaps(library, collection="other") for each in gap.asked]
    assert ["Who won the cup?"] == asked


def test_a_model_that_declines_is_no_gap(library: Workbench) -> None:
    """A refusal says nothing of what the documents hold."""
    with FaultServer() as server:
        library.gateway.book.add(library.gateway.configure("open", base_url=server.openai_url))
        options = GenerateOptions(model="open/refusal")
        before = gaps(library)
        ended = rag.ask(library, "What broke in the gearbox of turbine 3?", generate_options=options).wait(20)
    assert "refused" == ended.finish
    assert before == gaps(library)
