"""Documents, chunks and vectors go in as a whole, come back as they were, and leave nothing behind."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from rag.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    DocumentError,
    DocumentNotFoundError,
    StoreError,
)
from rag.store.catalog import Catalog
from rag.types import ChunkOptions
from tests.store import made
from tests.store.made import assert_sound, collection, cut, embed, put, search, words


def test_a_document_comes_back_as_it_was_put(catalog: Catalog) -> None:
    """Text, pages, headings, warnings, bytes and chunks survive the way into the file and back."""
    main = collection(catalog)
    text = "Crème brûlée — 10 €.\n\nZweite Seite: naïve “quotes”, 𝔘nicode 🎉 and a tab\t." * 3
    parsed = put(catalog, main, "dessert.txt", text)

    assert parsed == catalog.document(parsed.id)
    assert text.encode() == catalog.file(parsed.id)
    assert cut(parsed, main.id) == catalog.chunks_of(main.id, parsed.id)
    (info,) = catalog.documents()
    assert ("dessert.txt", 2, len(text), ("main",)) == (info.name, info.pages, info.characters, info.collections)
    assert_sound(catalog)


def test_chunks_are_returned_by_id_and_unknown_ids_left_out(catalog: Catalog) -> None:
    """A chunk that was deleted since it was found is simply not there; a thousand ids are no problem."""
    main = collection(catalog)
    parsed = put(catalog, main, "a.txt", words(1, 9000))
    expected = cut(parsed, main.id)

    found = catalog.chunks([*(c.id for c in expected), "gone"])

    assert len(expected) > 1000
    assert {c.id: c for c in expected} == found


def test_collections_count_their_documents_and_chunks(catalog: Catalog) -> None:
    """A collection tells how many documents and chunks it has, and its options come back."""
    main = collection(catalog)
    parsed = put(catalog, main, "a.txt", words(1))
    put(catalog, main, "b.txt", words(2))

    found = catalog.collection("main")

    assert ChunkOptions() == found.options
    assert 2 == found.documents
    assert found.chunks == 2 * len(cut(parsed, main.id)) == catalog.chunk_count(main.id)
    assert [found] == catalog.collections()


def test_documents_are_listed_newest_first_by_collection(catalog: Catalog) -> None:
    """The library shows what was added last at the top; a collection shows only its own."""
    main, other = collection(catalog), collection(catalog, "other")
    first = put(catalog, main, "first.txt", words(1))
    second = put(catalog, main, "second.txt", words(2))
    put(catalog, other, "first.txt", words(1))

    assert [second.id, first.id] == [d.id for d in catalog.documents()]
    assert [first.id] == [d.id for d in catalog.documents(other.id)]
    assert ("main", "other") == catalog.documents(other.id)[0].collections
    assert {first.id: "first.txt"} == catalog.names([first.id, "gone"])


@pytest.mark.parametrize("twin", ["résumé.PDF", "re\u0301sume\u0301.pdf", "RÉSUMÉ.pdf"])
def test_a_name_is_found_whatever_its_case_and_coding(catalog: Catalog, twin: str) -> None:
    """Two names that look the same to a reader are one document's name."""
    main, other = collection(catalog), collection(catalog, "other")
    parsed = put(catalog, main, "résumé.pdf", words(1))

    assert parsed.id == catalog.find_document(main.id, twin)
    assert catalog.find_document(other.id, twin) is None
    assert catalog.find_document(main.id, "resume.pdf") is None


def test_a_new_version_takes_the_place_of_the_old_one(catalog: Catalog) -> None:
    """Replacing is one step: the old document is gone from the library and its chunks wait to leave the index."""
    main = collection(catalog)
    old = put(catalog, main, "report.txt", words(1))
    new = put(catalog, main, "report.txt", words(2), replaces=old.id)

    assert [new.id] == [d.id for d in catalog.documents()]
    assert {c.id for c in cut(old, main.id)} == set(catalog.removals(main.id))
    assert {} == catalog.known_vectors(made.MODEL, [c.text for c in cut(old, main.id)])
    with pytest.raises(DocumentNotFoundError):
        catalog.file(old.id)
    assert_sound(catalog)


def test_a_replaced_document_stays_where_another_collection_holds_it(catalog: Catalog) -> None:
    """Only the collection that got the new version gives up the old one."""
    main, other = collection(catalog), collection(catalog, "other")
    old = put(catalog, main, "report.txt", words(1))
    put(catalog, other, "report.txt", words(1))
    new = put(catalog, main, "report.txt", words(2), replaces=old.id)

    assert [new.id] == [d.id for d in catalog.documents(main.id)]
    assert [old.id] == [d.id for d in catalog.documents(other.id)]
    assert_sound(catalog)


def test_putting_the_same_document_again_replaces_its_chunks(catalog: Catalog) -> None:
    """Ingesting twice never doubles chunks, and ids that come back are not removed from the index."""
    main = collection(catalog)
    parsed = put(catalog, main, "a.txt", words(1))
    put(catalog, main, "a.txt", words(1))

    assert cut(parsed, main.id) == catalog.chunks_of(main.id, parsed.id)
    assert [] == catalog.removals(main.id)
    assert [parsed.id] == catalog.pending(main.id)

    put(catalog, main, "a.txt", words(1), size=100)
    assert cut(parsed, main.id, 100) == catalog.chunks_of(main.id, parsed.id)
    assert {c.id for c in cut(parsed, main.id)} == set(catalog.removals(main.id))
    assert_sound(catalog)


def test_deleting_a_document_leaves_nothing_of_it(catalog: Catalog) -> None:
    """Rows, words, vectors and bytes of a deleted document are gone from every collection."""
    main, other = collection(catalog), collection(catalog, "other")
    parsed = put(catalog, main, "a.txt", "unforgettable words here")
    put(catalog, other, "a.txt", "unforgettable words here")

    catalog.delete_document(parsed.id)

    assert [] == catalog.documents()
    assert [] == search(catalog, main, ["unforgett"], 5)
    assert {} == catalog.known_vectors(made.MODEL, ["unforgettable words here"])
    assert 1 == len(catalog.removals(main.id)) == len(catalog.removals(other.id))
    assert 0 == catalog.collection("main").chunks
    with pytest.raises(DocumentNotFoundError, match="add it again"):
        catalog.document(parsed.id)
    with pytest.raises(DocumentNotFoundError):
        catalog.delete_document(parsed.id)
    assert_sound(catalog)


def test_vectors_of_words_that_another_document_shares_stay(catalog: Catalog) -> None:
    """Deleting one of two documents with the same words does not take the other's vectors."""
    main = collection(catalog)
    first = put(catalog, main, "a.txt", words(1))
    second = put(catalog, main, "b.txt", words(1))

    catalog.delete_document(first.id)

    assert len(cut(second, main.id)) == len(catalog.vectors(main.id).chunk_ids)
    assert_sound(catalog)


def test_removing_from_a_collection_keeps_the_document_in_the_library(catalog: Catalog) -> None:
    """A document that was taken out can be put back without being uploaded or embedded again."""
    main = collection(catalog)
    parsed = put(catalog, main, "a.txt", words(1))

    catalog.remove_document(main.id, parsed.id)

    assert [] == catalog.documents(main.id)
    assert not catalog.has_document(main.id, parsed.id)
    assert parsed == catalog.document(parsed.id)
    texts = [c.text for c in cut(parsed, main.id)]
    assert set(range(len(texts))) == set(catalog.known_vectors(made.MODEL, texts))
    with pytest.raises(DocumentNotFoundError):
        catalog.remove_document(main.id, parsed.id)
    put(catalog, main, "a.txt", words(1))
    assert_sound(catalog)


def test_nothing_is_stored_when_the_vectors_do_not_fit(catalog: Catalog) -> None:
    """Wrong shape, NaN or missing vectors are refused before a row is written."""
    main = collection(catalog)
    parsed = made.document("a.txt", words(1))
    chunks = cut(parsed, main.id)
    good = embed([c.text for c in chunks])
    broken = good.copy()
    broken[0, 0] = np.nan

    for bad in (None, good[:-1], good[:, :-1], broken):
        with pytest.raises(ValueError, match="vectors"):
            catalog.put_document(main.id, parsed, b"x", chunks, bad)

    assert [] == catalog.documents()
    assert 0 == catalog.revision(main.id)
    assert_sound(catalog)


def test_nothing_is_stored_when_a_row_is_refused_half_way(catalog: Catalog) -> None:
    """A document is in as a whole or not at all: a failure after its first rows leaves no trace, and what it was to replace stays."""
    main = collection(catalog)
    old = put(catalog, main, "a.txt", words(1))
    parsed = made.document("a.txt", words(2))
    chunks = cut(parsed, main.id)
    twins = [*chunks[:-1], replace(chunks[-1], id=chunks[0].id)]

    with pytest.raises(Exception, match="UNIQUE"):
        catalog.put_document(main.id, parsed, b"x", twins, embed([c.text for c in twins]), replaces=old.id)

    assert [old.id] == [d.id for d in catalog.documents()]
    assert [] == catalog.removals(main.id)
    assert_sound(catalog)


def test_a_collection_without_model_takes_no_vectors(catalog: Catalog) -> None:
    """Keyword search alone needs no model; nothing is pending for an index that will not hold it."""
    plain = collection(catalog, "plain", model="")
    parsed = put(catalog, plain, "a.txt", words(1))

    assert [] == catalog.pending(plain.id)
    catalog.delete_document(parsed.id)
    assert [] == catalog.removals(plain.id)
    assert_sound(catalog)


def test_a_document_without_chunks_can_be_kept(catalog: Catalog) -> None:
    """A document that holds no words has nothing to index and is not pending."""
    main = collection(catalog)
    catalog.put_document(main.id, made.document("blank.txt", ""), b"\n", [], embed([]))

    assert [] == catalog.pending(main.id)
    assert 1 == catalog.collection("main").documents
    assert_sound(catalog)


def test_other_text_for_a_document_that_another_collection_rests_on_is_refused(catalog: Catalog) -> None:
    """Offsets of one collection must not point into a text that another reading of the file replaced."""
    main, other = collection(catalog), collection(catalog, "other")
    parsed = put(catalog, main, "a.txt", words(1))
    anew = replace(parsed, text="read differently " * 5)
    chunks = cut(anew, other.id)

    with pytest.raises(DocumentError, match="add it again"):
        catalog.put_document(other.id, anew, b"x", chunks, embed([c.text for c in chunks]))
    catalog.remove_document(main.id, parsed.id)
    catalog.put_document(other.id, anew, b"x", chunks, embed([c.text for c in chunks]))

    assert anew == catalog.document(parsed.id)
    assert_sound(catalog)


def test_vectors_come_in_the_order_of_their_chunks(catalog: Catalog) -> None:
    """Row i of the matrix belongs to chunk i, exactly as it was made, and cannot be changed by a reader."""
    main = collection(catalog)
    documents = [put(catalog, main, f"{n}.txt", words(n)) for n in range(3)]
    expected = [chunk for parsed in documents for chunk in cut(parsed, main.id)]

    table = catalog.vectors(main.id)

    assert [c.id for c in expected] == list(table.chunk_ids)
    assert [c.document_id for c in expected] == list(table.document_ids)
    assert np.array_equal(embed([c.text for c in expected]), table.matrix)
    assert catalog.revision(main.id) == table.revision
    with pytest.raises(ValueError, match="read-only"):
        table.matrix[0, 0] = 0


def test_vectors_are_known_by_model_and_text(catalog: Catalog) -> None:
    """What was embedded once is not embedded again, but never taken from another model."""
    catalog.keep_vectors("m/one", ["a", "b"], embed(["a", "b"]))
    catalog.keep_vectors("m/one", ["a"], embed(["a"]))

    known = catalog.known_vectors("m/one", ["x", "b", "a", "b"])

    assert [1, 2, 3] == sorted(known)
    assert np.array_equal(embed(["b"])[0], known[3])
    assert {} == catalog.known_vectors("m/two", ["a"])


def test_vectors_of_a_model_can_be_forgotten(catalog: Catalog) -> None:
    """All by that model go, those of other models stay."""
    main = collection(catalog)
    put(catalog, main, "a.txt", words(1))
    catalog.keep_vectors("m/left", ["left over", "and more"], embed(["left over", "and more"]))

    assert 2 == catalog.forget_vectors("m/left")
    assert {} == catalog.known_vectors("m/left", ["left over"])
    assert_sound(catalog)


def test_every_change_of_the_chunks_has_a_revision(catalog: Catalog) -> None:
    """Whoever keeps vectors in memory can tell that they are old."""
    main = collection(catalog)
    seen = [catalog.revision(main.id)]
    parsed = put(catalog, main, "a.txt", words(1))
    seen.append(catalog.revision(main.id))
    catalog.delete_document(parsed.id)
    seen.append(catalog.revision(main.id))

    assert seen == sorted(set(seen))
    with pytest.raises(CollectionNotFoundError):
        catalog.revision("gone")


def test_collections_are_named_once(catalog: Catalog) -> None:
    """Making or renaming into a taken or empty name is refused with a sentence; the rest works."""
    collection(catalog)
    collection(catalog, "Berichte 2025 – Ü")

    with pytest.raises(CollectionExistsError, match="'main' already"):
        collection(catalog, "main")
    with pytest.raises(CollectionExistsError):
        catalog.rename_collection("Berichte 2025 – Ü", "main")
    with pytest.raises(StoreError, match="name"):
        collection(catalog, "  ")
    assert "new" == catalog.rename_collection("main", "new").name
    with pytest.raises(CollectionNotFoundError, match="'main'"):
        catalog.collection("main")


def test_the_threshold_of_a_collection_can_be_set(catalog: Catalog) -> None:
    """It stays between 0 and 1."""
    collection(catalog)
    catalog.set_threshold("main", 0.3)
    assert 0.3 == catalog.collection("main").similarity_threshold
    with pytest.raises(ValueError, match="between 0 and 1"):
        catalog.set_threshold("main", 1.3)


def test_only_an_empty_collection_takes_other_options(catalog: Catalog) -> None:
    """Options change while nothing was made with them; a collection that holds a document is left exactly as it is."""
    main = collection(catalog)
    changed = catalog.set_options_if_empty(main.name, ChunkOptions(80, 10))
    assert replace(main, options=ChunkOptions(80, 10)) == changed == catalog.collection(main.name)

    put(catalog, main, "a.txt", words(1, 200))
    before = catalog.collection(main.name)
    assert catalog.set_options_if_empty(main.name, ChunkOptions(120)) is None
    assert before == catalog.collection(main.name)
    with pytest.raises(CollectionNotFoundError):
        catalog.set_options_if_empty("gone", ChunkOptions())


def test_deleting_a_collection_keeps_documents_and_vectors(catalog: Catalog) -> None:
    """Another collection can be built at once from the library, without embedding again."""
    main = collection(catalog)
    parsed = put(catalog, main, "a.txt", words(1))

    catalog.delete_collection("main")

    assert [] == catalog.collections()
    assert parsed == catalog.document(parsed.id)
    assert 0 in catalog.known_vectors(made.MODEL, [cut(parsed, main.id)[0].text])
    with pytest.raises(CollectionNotFoundError):
        put(catalog, main, "b.txt", words(2))
    assert_sound(catalog)


def test_settings_hold_whatever_json_holds(catalog: Catalog) -> None:
    """A value is replaced as a whole; a missing one gives the default."""
    assert 7 == catalog.setting("k", 7)
    for value in ({"a": [1, None]}, "text", None, False):
        catalog.set_setting("k", value)
        assert value == catalog.setting("k", "default")


def test_threads_write_at_the_same_time(catalog: Catalog) -> None:
    """Writers wait for each other without an error, and nothing is lost."""
    main = collection(catalog)
    failures: list[Exception] = []

    def work(worker: int) -> None:
        try:
            for n in range(5):
                put(catalog, main, f"{worker}-{n}.txt", words(100 * worker + n))
                catalog.set_setting(f"{worker}", n)
                search(catalog, main, ["abcd"], 5)
        except Exception as error:  # the test reports whatever it was
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert 20 == catalog.collection("main").documents
    assert_sound(catalog)
