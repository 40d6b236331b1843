"""Small documents, chunks and vectors for the store's tests, and the invariants that must hold after anything happened to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from rag.store.catalog import Catalog
from rag.store.chroma import ChromaIndex
from rag.store.keyword_search import Matches
from rag.store.vectors import Vectors
from rag.types import Chunk, ChunkOptions, Collection, Document, Filters, Heading, Page

DIMENSION = 16
MODEL = "test/hash"


def collection(catalog: Catalog, name: str = "main", *, model: str = MODEL) -> Collection:
    """Make a collection."""
    return catalog.create_collection(
        name,
        embedding_model=model,
        dimension=DIMENSION if model else 0,
        options=ChunkOptions(),
        similarity_threshold=0.42,
    )


def document(name: str, text: str) -> Document:
    """Return a document of two pages whose id depends on name and text."""
    half = len(text) // 2
    return Document(
        id=hashlib.sha256(f"{name}\0{text}".encode()).hexdigest(),
        name=name,
        media_type="text/plain",
        text=text,
        pages=(Page(1, 0, half), Page(2, half, len(text))),
        headings=(Heading(1, text[:5], 0, 5),),
        title="",
        warnings=("One page has no text.",),
    )


def cut(parsed: Document, collection_id: str, size: int = 40) -> list[Chunk]:
    """Cut a document into chunks of `size` characters."""
    starts = range(0, len(parsed.text), size)
    return [
        Chunk(
            id=hashlib.sha256(f"{collection_id}:{parsed.id}:{start}:{size}".encode()).hexdigest()[:32],
            document_id=parsed.id,
            index=index,
            start=start,
            end=min(start + size, len(parsed.text)),
            pages=parsed.pages_of(start, start + size),
            heading="",
            text=parsed.text[start : start + size],
        )
        for index, start in enumerate(starts)
    ]


def embed(texts: Sequence[str]) -> Vectors:
    """Return a unit vector a text: the same for the same text, about orthogonal for others."""
    rows = [np.random.default_rng(list(text.encode())).standard_normal(DIMENSION) for text in texts]
    made = np.array(rows, dtype=np.float32).reshape(len(rows), DIMENSION)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def put(
    catalog: Catalog, into: Collection, name: str, text: str, *, replaces: str | None = None, size: int = 40
) -> Document:
    """Put a document made of `text` into a collection."""
    parsed = document(name, text)
    chunks = cut(parsed, into.id, size)
    vectors = embed([c.text for c in chunks]) if into.embedding_model else None
    catalog.put_document(into.id, parsed, text.encode(), chunks, vectors, replaces=replaces)
    return parsed


def look_up(
    catalog: Catalog,
    into: Collection,
    wanted: Sequence[str],
    k: int,
    *,
    also: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Matches:
    """Ask a snapshot; `also` are chunk ids, `only` document ids."""
    rowids = rowids_of(catalog, into)
    with catalog.snapshot(into.id) as snapshot:
        within = snapshot.rows(Filters(document_ids=tuple(only)))
        return snapshot.keywords(wanted, k, also=[rowids.get(i, 10**9) for i in also], within=within)


def search(
    catalog: Catalog, into: Collection, wanted: Sequence[str], k: int, *, only: Sequence[str] = ()
) -> list[tuple[str, float]]:
    """Return (chunk id, BM25) of what the words find, best first."""
    names = {rowid: chunk_id for chunk_id, rowid in rowids_of(catalog, into).items()}
    found = look_up(catalog, into, wanted, k, only=only)
    return [(names[rowid], found.scores[rowid]) for rowid in found.best]


def rowids_of(catalog: Catalog, into: Collection) -> dict[str, int]:
    """Return the rowid of each chunk id of a collection with vectors."""
    table = catalog.vectors(into.id)
    return dict(zip(table.chunk_ids, table.rowids.tolist(), strict=True))


def words(seed: int, count: int = 60) -> str:
    """Return `count` made-up words; texts of different seeds share some."""
    rng = np.random.default_rng(seed)
    return " ".join("".join(rng.choice(list("abcdehiorst"), 4)) for _ in range(count))


def assert_sound(catalog: Catalog) -> None:
    """The file is sound; chunks, keyword rows and vectors are equal in number; every chunk is found by its own words."""
    assert [] == catalog.problems()
    for into in catalog.collections():
        for info in catalog.documents(into.id):
            parsed = catalog.document(info.id)
            chunks = catalog.chunks_of(into.id, info.id)
            assert list(range(len(chunks))) == [c.index for c in chunks]
            assert all(parsed.text[c.start : c.end] == c.text for c in chunks)
            assert catalog.file(info.id)


def assert_agree(catalog: Catalog, index: ChromaIndex) -> None:
    """The index holds exactly the chunks of the catalog, and each is found by its own vector."""
    for into in catalog.collections():
        assert [] == catalog.pending(into.id) and [] == catalog.removals(into.id)
        table = catalog.vectors(into.id)
        assert sorted(table.chunk_ids) == sorted(index.ids(into.id))
        texts = {i: c.text for i, c in catalog.chunks(table.chunk_ids).items()}
        for chunk_id, vector in zip(table.chunk_ids, table.matrix, strict=True):
            found, cosine = index.query(into.id, vector, 1)[0]
            assert texts[chunk_id] == texts[found]
            assert cosine > 0.999
