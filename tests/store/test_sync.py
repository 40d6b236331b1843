"""The index follows the catalog, and is started over when it cannot be trusted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rag.errors import StoppedError, StoreError
from rag.store import sync
from rag.store.catalog import Catalog
from rag.store.chroma import ChromaIndex
from rag.store.probe import probe
from rag.store.vectors import Vectors
from rag.types import Collection
from tests.store.made import assert_agree, collection, cut, embed, put, words


@pytest.fixture
def data(catalog: Catalog) -> Path:
    """The data folder."""
    return catalog.path.parent


@pytest.fixture
def main(catalog: Catalog) -> Collection:
    """A collection of three documents that the index does not have yet."""
    into = collection(catalog)
    for n in range(3):
        put(catalog, into, f"{n}.txt", words(n))
    return into


@pytest.fixture
def index(catalog: Catalog, data: Path) -> Iterator[ChromaIndex]:
    """The catalog's index."""
    opened = ChromaIndex(sync.index_folder(catalog, data))
    yield opened
    opened.close()


def test_sync_gives_the_index_what_the_catalog_has(catalog: Catalog, index: ChromaIndex, main: Collection) -> None:
    """After it nothing is pending, and progress was told for every vector."""
    done: list[int] = []
    before = sync.check(catalog, index, main)

    sync.sync(catalog, index, main.id, on_done=done.append)

    assert 3 == before.pending and before.ok
    assert catalog.chunk_count(main.id) == sum(done)
    assert_agree(catalog, index)
    after = sync.check(catalog, index, main)
    assert after.ok and 0 == after.pending
    assert after.chunks == after.vectors == after.indexed == sum(done)


def test_sync_takes_from_the_index_what_is_gone(catalog: Catalog, index: ChromaIndex, main: Collection) -> None:
    """Replaced and deleted documents leave the index; one that came back stays."""
    sync.sync(catalog, index, main.id)
    first, second, third = reversed(catalog.documents())
    catalog.delete_document(first.id)
    put(catalog, main, second.name, words(50), replaces=second.id)
    catalog.remove_document(main.id, third.id)
    put(catalog, main, third.name, words(2))

    sync.sync(catalog, index, main.id)

    assert_agree(catalog, index)


def test_sync_drops_collections_that_were_deleted(catalog: Catalog, index: ChromaIndex, main: Collection) -> None:
    """What a crash between catalog and index left behind goes at the next sync."""
    sync.sync(catalog, index, main.id)
    catalog.delete_collection("main")
    other = collection(catalog, "other")
    sync.sync(catalog, index, other.id)
    assert [] == index.collections()


def test_a_stopped_sync_goes_on_where_it_was(catalog: Catalog, index: ChromaIndex, main: Collection) -> None:
    """Stop is asked before every document; the rest stays pending."""
    put(catalog, main, "long.txt", words(9, 9000))
    put(catalog, main, "last.txt", words(10))
    asked = iter([False] * 4)

    with pytest.raises(StoppedError):
        sync.sync(catalog, index, main.id, stop=lambda: next(asked, True))

    assert [catalog.find_document(main.id, "last.txt")] == catalog.pending(main.id)
    sync.sync(catalog, index, main.id)
    assert_agree(catalog, index)


class Meddled(ChromaIndex):
    """An index whose `upsert` lets something happen first, as another thread would."""

    meddle: Callable[[], object] | None = None

    def upsert(
        self, collection_id: str, chunk_ids: Sequence[str], document_ids: Sequence[str], vectors: Vectors
    ) -> None:
        meddle, self.meddle = self.meddle, None
        if meddle:
            meddle()
        super().upsert(collection_id, chunk_ids, document_ids, vectors)


@pytest.mark.parametrize("what", ["replaced", "deleted", "cut anew"])
def test_a_document_that_changes_during_sync_is_not_taken_for_indexed(
    catalog: Catalog, data: Path, main: Collection, what: str
) -> None:
    """The index may get the old vectors, but not for long: it ends with what the catalog ended with."""
    old = catalog.documents()[0]
    index = Meddled(sync.index_folder(catalog, data))
    index.meddle = {
        "replaced": lambda: put(catalog, main, old.name, words(77), replaces=old.id),
        "deleted": lambda: catalog.delete_document(old.id),
        "cut anew": lambda: put(catalog, main, old.name, words(2), size=90),
    }[what]

    sync.sync(catalog, index, main.id)

    assert_agree(catalog, index)
    index.close()


def test_an_index_that_lost_vectors_is_noticed(catalog: Catalog, index: ChromaIndex, main: Collection) -> None:
    """Too few and too many are told by sync and by the health check, with what to do."""
    sync.sync(catalog, index, main.id)
    lost = catalog.vectors(main.id).chunk_ids[0]
    index.delete(main.id, [lost])
    with pytest.raises(StoreError, match="rag doctor --repair"):
        sync.sync(catalog, index, main.id)
    assert not sync.check(catalog, index, main).ok

    index.upsert(main.id, [lost], ["d"], embed(["something else"]))
    (problem,) = sync.check(catalog, index, main).problems
    assert "does not find 1 of 20" in problem


def test_health_without_an_index_counts_the_catalog(catalog: Catalog, main: Collection) -> None:
    """A reader beside the owner sees chunks and vectors, and no problem in not having the index."""
    health = sync.check(catalog, None, main)
    assert health.ok and health.chunks == health.vectors > 0 == health.indexed


def test_rebuilding_gives_the_same_answers_from_a_new_folder(catalog: Catalog, data: Path, main: Collection) -> None:
    """Nothing is embedded again, the old folder is gone, and the pointer leads to the new one."""
    question = embed(["question"])[0]
    index = ChromaIndex(sync.index_folder(catalog, data))
    sync.sync(catalog, index, main.id)
    expected = index.query(main.id, question, 10)
    index.close()

    folder = sync.rebuild(catalog, data)

    assert [folder] == list(data.glob("chroma-*"))
    index = ChromaIndex(sync.index_folder(catalog, data))
    assert [i for i, _ in expected] == [i for i, _ in index.query(main.id, question, 10)]
    assert_agree(catalog, index)
    index.close()


def test_a_missing_index_folder_is_filled_again(catalog: Catalog, data: Path, main: Collection) -> None:
    """Somebody who deletes the folder loses time, not answers: everything is pending, so searches are exact."""
    sync.rebuild(catalog, data)
    assert [] == catalog.pending(main.id)
    shutil.rmtree(sync.index_folder(catalog, data))

    index = ChromaIndex(sync.index_folder(catalog, data))
    assert 3 == len(catalog.pending(main.id))
    sync.sync(catalog, index, main.id)
    assert_agree(catalog, index)
    index.close()


def test_a_sound_index_survives_the_look_after_a_crash(catalog: Catalog, data: Path, main: Collection) -> None:
    """Finding nothing wrong keeps the folder, with documents that are known to be pending; folders of earlier repairs go."""
    folder = sync.rebuild(catalog, data)
    put(catalog, main, "later.txt", words(8))
    catalog.delete_document(catalog.documents()[-1].id)
    (data / "chroma-old").mkdir()

    assert () == sync.repair_after_crash(catalog, data)

    assert [folder] == list(data.glob("chroma-*"))
    assert folder == sync.index_folder(catalog, data)


def test_nothing_to_repair_before_the_first_index(catalog: Catalog, data: Path, main: Collection) -> None:
    """A process killed before it made an index has nothing to look at."""
    assert () == sync.repair_after_crash(catalog, data)


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose index has over 1000 vectors, so that Chroma wrote its files."""
    folder = tmp_path_factory.mktemp("indexed")
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        put(catalog, collection(catalog), "long.txt", words(1, 9000))
        sync.rebuild(catalog, folder)
    return folder


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(next(folder.glob("*/header.bin")).parent),
        lambda folder: next(folder.glob("*/data_level0.bin")).write_bytes(b""),
        lambda folder: (folder / "chroma.sqlite3").write_bytes(b""),
    ],
    ids=["segment gone", "vectors cut off", "database empty"],
)
def test_damage_that_chroma_passes_over_is_seen(
    indexed: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    """Chroma may open such folders and count as if nothing had happened; the look at every vector tells."""
    data = shutil.copytree(indexed, tmp_path / "data")
    with closing(Catalog.open(data / "catalog.sqlite3")) as catalog:
        folder = sync.index_folder(catalog, data)
        assert () == probe(catalog, folder)  # from a child process, for some damage crashes whoever reads it
        damage(folder)
        assert probe(catalog, folder)


def test_a_damaged_index_is_started_over(indexed: Path, tmp_path: Path) -> None:
    """Damage that crashes whoever reads it crashes a child process, and ends in an index that finds everything."""
    data = shutil.copytree(indexed, tmp_path / "data")
    with closing(Catalog.open(data / "catalog.sqlite3")) as catalog:
        halved(next(sync.index_folder(catalog, data).glob("*/header.bin")))

        assert ("Reading the index failed with code -11.",) == sync.repair_after_crash(catalog, data)

        into = catalog.collection("main")
        assert 1 == len(catalog.pending(into.id))
        with closing(ChromaIndex(sync.index_folder(catalog, data))) as index:
            sync.sync(catalog, index, into.id)
            assert catalog.chunk_count(into.id) == len(index.ids(into.id))
            assert sync.check(catalog, index, into).ok


def test_small_documents_share_a_batch_and_large_ones_are_split(
    catalog: Catalog, index: ChromaIndex, main: Collection
) -> None:
    """Both extremes end up complete."""
    long = put(catalog, main, "long.txt", words(9, 9000))
    sync.sync(catalog, index, main.id)
    assert len(cut(long, main.id)) > 1000
    assert catalog.chunk_count(main.id) == index.count(main.id)
    ids, vectors = catalog.document_vectors(main.id, long.id)
    assert [c.id for c in cut(long, main.id)] == ids
    assert np.array_equal(embed([c.text for c in cut(long, main.id)]), vectors)
