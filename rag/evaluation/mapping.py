"""A map of a collection: every chunk as a point, so that what is alike lies close, and a question among them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rag.errors import CollectionError, ModelUnavailableError
from rag.providers.base import Vectors
from rag.types import Collection

if TYPE_CHECKING:
    import pandas as pd

    from rag.workbench import Workbench

Method = Literal["pca", "umap"]
SAMPLE = 1000
"""Chunks that the two directions of PCA are found from; all are then drawn by them."""
_SEED = 20_260_101


@dataclass(frozen=True)
class CollectionMap:
    """Points of (at most `limit`) chunks of a collection."""

    method: Method
    points: Vectors = field(repr=False)
    """Shape (chunks, 2)."""
    chunk_ids: tuple[str, ...] = field(repr=False)
    document_ids: tuple[str, ...] = field(repr=False)
    names: dict[str, str] = field(repr=False)
    """Of the documents."""
    explained: float
    """Share of the variance that the two directions show, 0 to 1; NaN for UMAP. Low means: far apart here is far apart, close is not close."""
    project: Callable[[Vectors], Vectors] = field(repr=False)
    """Takes unit vectors (n, dimension), returns points (n, 2)."""

    def frame(self) -> pd.DataFrame:
        """Return one row a chunk: x, y, document (its name), document_id; under the chunk's id."""
        import pandas as pd

        return pd.DataFrame(
            {
                "x": self.points[:, 0],
                "y": self.points[:, 1],
                "document": [self.names.get(document_id, "") for document_id in self.document_ids],
                "document_id": self.document_ids,
            },
            index=pd.Index(self.chunk_ids, name="chunk_id"),
        )


def map_collection(
    bench: Workbench, collection: Collection | str | None = None, *, method: Method = "pca", limit: int = 20_000
) -> CollectionMap:
    """Return the map of a collection, of a random choice of its chunks when there are more than `limit`.

    Raises `CollectionError` when it has fewer than three vectors, and `ModelUnavailableError` for UMAP when it is not installed.
    """
    if not isinstance(collection, Collection):
        collection = bench.collection(collection)
    table = bench.vectors(collection)
    if len(table.chunk_ids) < 3:
        raise CollectionError(
            f"Collection {collection.name!r} has too few vectors for a map; add documents to it first."
        )
    rows = np.arange(len(table.chunk_ids))
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(_SEED).choice(len(rows), limit, replace=False))
    matrix = table.matrix if len(rows) == len(table.chunk_ids) else table.matrix[rows]
    points, project, explained = _pca(matrix) if method == "pca" else _umap(matrix)
    documents = tuple(table.document_ids[row] for row in rows)
    return CollectionMap(
        method=method,
        points=points,
        chunk_ids=tuple(table.chunk_ids[row] for row in rows),
        document_ids=documents,
        names=bench.catalog.names(set(documents)),
        explained=explained,
        project=project,
    )


def project_question(
    bench: Workbench, made: CollectionMap, question: str, collection: Collection
) -> tuple[float, float]:
    """Return where a question lies on a collection's map. Raises `ModelUnavailableError` without an embedding model."""
    embedder = bench.embedder(collection)
    if embedder is None:
        raise ModelUnavailableError(
            f"Collection {collection.name!r} has no embedding model, so a question has no place on its map."
        )
    x, y = made.project(embedder.embed_query(question)[None, :])[0]
    return float(x), float(y)


def umap_is_installed() -> bool:
    """Tell whether `method="umap"` can be chosen; loads nothing."""
    return importlib.util.find_spec("umap") is not None


def _pca(matrix: Vectors) -> tuple[Vectors, Callable[[Vectors], Vectors], float]:
    """Return points, projection and explained share. The sign of a direction is fixed, so that a map looks the same every time."""
    sample = matrix
    if len(matrix) > SAMPLE:
        sample = matrix[np.sort(np.random.default_rng(_SEED).choice(len(matrix), SAMPLE, replace=False))]
    mean = sample.mean(axis=0)
    axes, explained = _directions(sample - mean)
    axes *= np.where(axes[np.arange(2), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]

    def project(vectors: Vectors) -> Vectors:
        return np.asarray((vectors - mean) @ axes.T, np.float32)

    return project(matrix), project, explained


def _directions(centred: Vectors) -> tuple[Vectors, float]:
    """Return the two directions of most variance, shape (2, dimension), and their share of it.

    The singular vectors of `centred`, by way of the smaller of its two square products: five times quicker than all of them.
    """
    rows, dimension = centred.shape
    square = centred.T @ centred if dimension <= rows else centred @ centred.T
    sizes, vectors = np.linalg.eigh(square)
    top = vectors[:, -2:][:, ::-1].T
    axes = top if dimension <= rows else top @ centred
    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    axes = np.divide(axes, lengths, out=np.zeros_like(axes), where=lengths > 1e-9)
    variance = float(sizes.sum())
    return axes, float(sizes[-2:].sum()) / variance if variance > 0 else 0.0


def _umap(matrix: Vectors) -> tuple[Vectors, Callable[[Vectors], Vectors], float]:
    if not umap_is_installed():
        raise ModelUnavailableError("UMAP is not installed; run `pip install umap-learn`, or draw the map with PCA.")
    module: Any = importlib.import_module("umap")
    reducer = module.UMAP(n_components=2, metric="cosine", random_state=_SEED, n_neighbors=min(15, len(matrix) - 1))
    points = np.asarray(reducer.fit_transform(matrix), np.float32)
    return points, lambda vectors: np.asarray(reducer.transform(vectors), np.float32), float("nan")
