"""A collection is only asked with the model that made its vectors, whatever a provider's name stands for now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rag
from rag.errors import EmbeddingModelMismatchError
from rag.workbench import Workbench
from tests.faultserver import FaultServer

QUESTION = "Why was turbine 3 out of service?"


@pytest.fixture
def workbench(tmp_path: Path, server: FaultServer, samples: list[rag.Upload]) -> Iterator[Workbench]:
    """A workbench with a collection whose vectors a provider made."""
    with rag.open_workbench(tmp_path) as bench:
        gateway = bench.gateway
        gateway.book.add(gateway.configure("fault", base_url=server.openai_url, embedding_models={"ok": 0}))
        bench.create_collection("remote", embedding_model="fault/ok")
        rag.ingest(bench, samples, collection="remote")
        yield bench


def test_another_server_with_the_same_model_is_accepted(workbench: Workbench, server: FaultServer) -> None:
    """A server that moved makes the same vectors: it is asked once for one, and then used."""
    with FaultServer() as moved:
        workbench.gateway.book.change("fault", base_url=moved.openai_url)
        for _ in range(2):
            rag.search(workbench, QUESTION, collection="remote")
        assert [1, 1] == [len(e.body["input"]) for e in moved.exchanges]  # one to compare, one question


def test_another_model_under_the_same_name_is_refused(workbench: Workbench) -> None:
    """Neither a question nor a further document gets its vectors mixed with those of the first model."""
    with FaultServer() as other:
        other.weights = "others"
        workbench.gateway.book.change("fault", base_url=other.openai_url)
        with pytest.raises(EmbeddingModelMismatchError, match="set the old address back"):
            rag.search(workbench, QUESTION, collection="remote")
        with pytest.raises(EmbeddingModelMismatchError, match="another name"):
            workbench.create_collection("second", embedding_model="fault/ok")


def test_another_length_is_refused(workbench: Workbench) -> None:
    """Vectors of another dimension are another model's, too."""
    with FaultServer() as other:
        other.dimension = 16
        workbench.gateway.book.change("fault", base_url=other.openai_url)
        with pytest.raises(EmbeddingModelMismatchError):
            rag.search(workbench, QUESTION, collection="remote")


def test_what_no_collection_uses_is_not_mixed_with_another_model(workbench: Workbench, server: FaultServer) -> None:
    """Vectors that a deleted collection left, of texts that others still hold, are made anew when the name stands for another model."""
    rag.build_collection(workbench, "local").wait()
    catalog, local = workbench.catalog, workbench.collection("local")
    texts = [chunk.text for found in catalog.documents() for chunk in catalog.chunks_of(local.id, found.id)]
    catalog.delete_collection("remote")
    texts = [texts[place] for place in catalog.known_vectors("fault/ok", texts)]
    assert len(texts) > 3, "the test needs some"
    with FaultServer() as other:
        other.weights = "others"
        workbench.gateway.book.change("fault", base_url=other.openai_url)
        rag.build_collection(workbench, "anew", embedding_model="fault/ok").wait()
        kept = catalog.known_vectors("fault/ok", texts)
        fresh = workbench.gateway.embedder("fault/ok").embed_documents(texts)
        assert np.allclose(fresh, [kept[place] for place in range(len(texts))], atol=1e-6)


def test_a_provider_that_was_added_anew_is_no_stranger(workbench: Workbench, server: FaultServer) -> None:
    """Removed and added at the same address, its collection goes on without a question asked."""
    workbench.gateway.book.remove("fault")
    workbench.gateway.book.add(
        workbench.gateway.configure("fault", base_url=server.openai_url, embedding_models={"ok": 8})
    )
    before = len(server.exchanges)
    rag.search(workbench, QUESTION, collection="remote")
    assert before + 1 == len(server.exchanges)


def test_starting_up_asks_no_provider(workbench: Workbench, server: FaultServer) -> None:
    """Warming up loads what is on this machine; a remote model costs and waits until it is asked."""
    before = len(server.exchanges)
    workbench.warm_up().wait(60)
    assert before == len(server.exchanges)


def test_the_dimension_is_asked_for_once(workbench: Workbench, server: FaultServer, tmp_path: Path) -> None:
    """It is kept with the provider: opened again, the first question is the first request."""
    assert 8 == workbench.gateway.book.get("fault").embedding_models["ok"]
    workbench.close()
    before = len(server.exchanges)
    with rag.open_workbench(tmp_path) as again:
        rag.search(again, QUESTION, collection="remote")
    assert before + 1 == len(server.exchanges)
