"""Tags of documents: words to sort by, the same whatever their case."""

from __future__ import annotations

import pytest

from rag.errors import DocumentNotFoundError, StoreError
from rag.store.catalog import Catalog
from tests.store.made import collection, put, words


def test_a_document_is_listed_with_its_tags(catalog: Catalog) -> None:
    """Tags come in alphabetical order, without blanks around them, each once whatever its case."""
    main = collection(catalog)
    parsed = put(catalog, main, "a.txt", words(1))
    catalog.set_tags(parsed.id, ["  Finance ", "board\nminutes", "FINANCE", ""])
    assert ("board minutes", "Finance") == catalog.documents(main.id)[0].tags == catalog.documents()[0].tags


def test_setting_tags_replaces_those_before(catalog: Catalog) -> None:
    """What is set is all there is; an empty list takes every tag away."""
    parsed = put(catalog, collection(catalog), "a.txt", words(1))
    catalog.set_tags(parsed.id, ["old"])
    catalog.set_tags(parsed.id, ["new"])
    assert {"new": 1} == catalog.tags()
    catalog.set_tags(parsed.id, [])
    assert {} == catalog.tags()


def test_tags_in_use_are_counted_by_collection(catalog: Catalog) -> None:
    """Each tag tells how many documents have it, in the library or in one collection, whatever its case there."""
    main, other = collection(catalog), collection(catalog, "other")
    first, second = put(catalog, main, "a.txt", words(1)), put(catalog, other, "b.txt", words(2))
    catalog.set_tags(first.id, ["Plan", "2026"])
    catalog.set_tags(second.id, ["plan"])
    assert {"2026": 1, "Plan": 2} == catalog.tags()
    assert {"plan": 1} == catalog.tags(other.id)


def test_a_new_version_keeps_the_tags_of_the_old_one(catalog: Catalog) -> None:
    """A document that takes another's place, or is put in anew, has the tags that were there."""
    main = collection(catalog)
    old = put(catalog, main, "a.txt", words(1))
    catalog.set_tags(old.id, ["plan"])
    new = put(catalog, main, "a.txt", words(2), replaces=old.id)
    assert [(new.id, ("plan",))] == [(d.id, d.tags) for d in catalog.documents()]
    put(catalog, main, "a.txt", words(2), size=20)
    assert [("plan",)] == [d.tags for d in catalog.documents()]


def test_tags_go_with_their_document(catalog: Catalog) -> None:
    """A deleted document leaves no tag behind."""
    parsed = put(catalog, collection(catalog), "a.txt", words(1))
    catalog.set_tags(parsed.id, ["plan"])
    catalog.delete_document(parsed.id)
    assert {} == catalog.tags()


def test_tags_that_cannot_be_kept_are_refused(catalog: Catalog) -> None:
    """Too long, too many, or of a document that is gone: one sentence, and nothing changes."""
    parsed = put(catalog, collection(catalog), "a.txt", words(1))
    catalog.set_tags(parsed.id, ["plan"])
    with pytest.raises(StoreError, match="at most 60 characters"):
        catalog.set_tags(parsed.id, ["x" * 61])
    with pytest.raises(StoreError, match="at most 50 tags"):
        catalog.set_tags(parsed.id, [f"tag {n}" for n in range(51)])
    with pytest.raises(DocumentNotFoundError):
        catalog.set_tags("gone", ["plan"])
    assert {"plan": 1} == catalog.tags()
