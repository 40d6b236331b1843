"""A threshold measured on the collection stands about where labelled questions would put it, for whatever model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rag
from rag import SearchOptions, Upload, Workbench
from rag.errors import CollectionError, StoreError, StoreReadOnlyError
from rag.providers.base import Embedder, Vectors
from rag.retrieval.calibration import calibrate_threshold, index_recall
from rag.types import Collection

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, samples: list[Upload]) -> Iterator[Workbench]:
    with rag.open_workbench(tmp_path_factory.mktemp("calibration")) as bench:
        rag.ingest(bench, samples)
        yield bench


def test_minilm_lands_near_its_known_threshold(library: Workbench) -> None:
    """On the samples, which the share was not chosen on, the local model's 0.42 comes out as 0.42 give or take 0.05."""
    found = calibrate_threshold(library)
    assert found.threshold == pytest.approx(0.42, abs=0.05)
    assert found.sample_size > 80
    library.catalog.set_threshold("main", 0.42)


def test_a_calibration_is_kept_and_says_so(library: Workbench) -> None:
    """The collection has the threshold and tells how it was found, until the user sets one of their own; it is repeatable."""
    found = calibrate_threshold(library, "main")
    kept = library.collection()
    assert (kept.similarity_threshold, kept.calibration) == (found.threshold, found)
    assert "no threshold is known" in found.note and "local/all-MiniLM-L6-v2" in found.note
    assert calibrate_threshold(library, kept) == found
    library.catalog.set_threshold("main", 0.42)
    assert (library.collection().similarity_threshold, library.collection().calibration) == (0.42, None)


class Shifted:
    """The local model as one whose cosines all lie between 0.5 and 1, as those of many models do."""

    def __init__(self, real: Embedder) -> None:
        self._real = real

    name, dimension, max_input_tokens, default_threshold = "test/shifted", 384, 256, 0.42

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._real.token_spans(text)

    def embed_query(self, text: str) -> Vectors:
        return self.of(self._real.embed_query(text)[None])[0]

    def embed_queries(self, texts: Sequence[str], **options: Any) -> Vectors:
        return self.of(self._real.embed_queries(texts))

    @staticmethod
    def of(vectors: Vectors) -> Vectors:
        moved = vectors + np.full(384, 384**-0.5, np.float32)
        made: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return made


@pytest.fixture
def shifted(library: Workbench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    """The samples in a collection of that model."""
    main = library.collection()
    real = library.embedder(main)
    assert real is not None
    model = Shifted(real)
    made = library.catalog.create_collection(
        "shifted", embedding_model=model.name, dimension=384, options=main.options, similarity_threshold=0.42
    )
    for info in library.catalog.documents(main.id):
        chunks = [replace(c, id="s" + c.id[1:]) for c in library.catalog.chunks_of(main.id, info.id)]
        _, vectors = library.catalog.document_vectors(main.id, info.id)
        document, data = library.catalog.document(info.id), library.catalog.file(info.id)
        library.catalog.put_document(made.id, document, data, chunks, Shifted.of(vectors))
    by_name = Workbench.embedder
    monkeypatch.setattr(
        Workbench, "embedder", lambda self, c: model if getattr(c, "name", c) == "shifted" else by_name(self, c)
    )
    yield made
    library.catalog.delete_collection("shifted")


def test_an_unknown_model_gets_a_threshold_that_works(library: Workbench, shifted: Collection) -> None:
    """For a model of another scale the known threshold turns nothing away; the measured one tells inside from outside."""
    rows = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()]

    def answered(threshold: float, wanted: str) -> float:
        options = SearchOptions(similarity_threshold=threshold)
        asked = [
            r["text"]
            for r in rows
            if (r["kind"] == "offcorpus") == (wanted == "outside") and (r["answerable"] or wanted == "outside")
        ]
        hits = [bool(rag.search(library, q, collection=shifted, options=options).hits) for q in asked]
        return sum(hits) / len(hits)

    assert answered(0.42, "outside") > 0.5
    threshold = calibrate_threshold(library, shifted).threshold
    assert 0.55 < threshold < 0.8
    assert answered(threshold, "outside") == 0
    assert answered(threshold, "inside") >= 0.75


def test_what_cannot_be_measured_says_why(library: Workbench) -> None:
    """Without a model, without text, or opened for reading, calibration ends in one sentence and changes nothing."""
    library.create_collection("words", embedding_model="")
    library.create_collection("empty")
    with pytest.raises(CollectionError, match="words alone"):
        calibrate_threshold(library, "words")
    with pytest.raises(CollectionError, match="too little text"):
        calibrate_threshold(library, "empty")
    with pytest.raises(CollectionError, match="no vectors"):
        index_recall(library, "empty")
    with rag.open_workbench(library.data_dir, read_only=True) as reader, pytest.raises(StoreReadOnlyError):
        calibrate_threshold(reader)


def test_index_recall_is_the_share_of_the_exact_ten(library: Workbench) -> None:
    """A sound index finds nearly all; one that lost half of its vectors finds about half, and one that is behind is not asked."""
    assert index_recall(library, sample=20) >= 0.99
    main = library.collection()
    assert library.index is not None
    ids = library.vectors(main).chunk_ids
    library.index.delete(main.id, ids[::2])
    assert 0.25 < index_recall(library, main, sample=40) < 0.75
    with (
        rag.open_workbench(library.data_dir, read_only=True) as reader,
        pytest.raises(StoreError, match="not up to date"),
    ):
        index_recall(reader)
