"""The index in Chroma keeps what `VectorIndex` promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.errors import StoreError
from rag.store.chroma import ChromaIndex
from tests.store.made import DIMENSION, embed


@pytest.fixture
def index(tmp_path: Path) -> Iterator[ChromaIndex]:
    """An empty index."""
    opened = ChromaIndex(tmp_path / "chroma")
    yield opened
    opened.close()


def names(count: int, of: str = "t") -> list[str]:
    return [f"{of}{n}" for n in range(count)]


def fill(index: ChromaIndex, ids: list[str], collection_id: str = "c1") -> None:
    """Put in a vector for each id, made from the id."""
    index.upsert(collection_id, ids, ["d"] * len(ids), embed(ids))


def test_the_nearest_come_first_with_their_cosine(index: ChromaIndex) -> None:
    """The score is the cosine itself, the same that exact search computes."""
    ids = names(300)
    fill(index, ids)
    question = embed(["question"])[0]
    cosines = embed(ids) @ question
    best = np.argsort(-cosines)[:10]

    found = index.query("c1", question, 10)

    assert [ids[i] for i in best] == [chunk_id for chunk_id, _ in found]
    assert pytest.approx(cosines[best], abs=1e-5) == [cosine for _, cosine in found]


def test_more_than_a_batch_goes_in(index: ChromaIndex) -> None:
    """The size of a document has no limit that the caller must know."""
    fill(index, names(2500))
    assert 2500 == index.count("c1") == len(index.ids("c1"))
    assert "t2499" == index.query("c1", embed(["t2499"])[0], 1)[0][0]


def test_upserting_an_id_again_replaces_its_vector(index: ChromaIndex) -> None:
    """Adding over an old id must not keep the old vector silently, as Chroma's `add` does."""
    fill(index, ["a", "b"])
    index.upsert("c1", ["a"], ["d"], embed(["other"]))
    assert 2 == index.count("c1")
    assert "a" == index.query("c1", embed(["other"])[0], 1)[0][0]


def test_deleted_vectors_are_not_found(index: ChromaIndex) -> None:
    """Ids that are not there are passed over, in a collection that is not there too."""
    fill(index, ["a", "b", "c"])
    index.delete("c1", ["a", "c", "never there"])
    index.delete("c2", ["a"])
    assert [("b", pytest.approx(1.0))] == index.query("c1", embed(["b"])[0], 5)
    index.delete("c1", ["b"])
    assert [] == index.query("c1", embed(["b"])[0], 5)


def test_collections_are_apart(index: ChromaIndex) -> None:
    """A question of one collection never finds vectors of another; dropping one leaves the other."""
    fill(index, ["a"], "c1")
    fill(index, ["b"], "c2")
    assert ["a"] == [i for i, _ in index.query("c1", embed(["b"])[0], 5)]
    assert {"c1", "c2"} == set(index.collections())

    index.drop("c1")
    index.drop("c1")

    assert ["c2"] == index.collections()
    assert [] == index.query("c1", embed(["a"])[0], 5)
    assert 0 == index.count("c1")
    fill(index, ["z"], "c1")
    assert ["z"] == index.ids("c1")


def test_the_index_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    """Closing frees the folder; opening it again in the same process finds everything."""
    for expected in (0, 40):
        index = ChromaIndex(tmp_path / "chroma")
        assert expected == index.count("c1")
        fill(index, names(40))
        index.close()
        index.close()
    with pytest.raises(StoreError, match="was closed"):
        index.count("c1")


def test_it_searches_wide_by_cosine(index: ChromaIndex) -> None:
    """Space and width cannot be changed later, so they are right from the start."""
    fill(index, ["a"])
    hnsw = index._made("c1").configuration_json["hnsw"]  # there is no other way to ask
    assert ("cosine", 200, 128) == tuple(hnsw[key] for key in ("space", "ef_construction", "ef_search"))


def test_vectors_that_do_not_fit_are_refused(index: ChromaIndex) -> None:
    """Unlike numbers are a mistake of the program; another dimension is told as a sentence."""
    fill(index, ["a"])
    with pytest.raises(ValueError, match="differ in number"):
        index.upsert("c1", ["a", "b"], ["d"], embed(["a"]))
    with pytest.raises(StoreError, match="rag doctor --repair"):
        index.upsert("c1", ["b"], ["d"], np.ones((1, DIMENSION + 1), np.float32))


def test_a_damaged_folder_gives_a_sentence(tmp_path: Path) -> None:
    """Whatever kind of error Chroma raises, the workbench hears one kind."""
    folder = tmp_path / "chroma"
    index = ChromaIndex(folder)
    fill(index, ["a"])
    index.close()
    (folder / "chroma.sqlite3").write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError, match="rag doctor --repair"):
        ChromaIndex(folder)
