"""What the controls of Search offer, looked up when the page is drawn as a whole: a slider that moves asks the catalog for none of it.

Something that goes meanwhile in another tab is found out where it is used, and said there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.parts import models
from rag import Workbench

if TYPE_CHECKING:
    from rag.types import Collection


@dataclass(frozen=True, slots=True)
class Offered:
    documents: Mapping[str, str]
    """Names by id, of the collection."""
    tags: Mapping[str, int]
    """Tags of its documents, with the number of them."""
    collections: tuple[str, ...]
    """Names of the others that hold something."""
    model: str
    """The chat model that Ask would answer this visitor with."""


def look_up(bench: Workbench, target: Collection) -> Offered:
    return Offered(
        {d.id: d.name for d in bench.catalog.documents(target.id)},
        bench.catalog.tags(target.id),
        tuple(c.name for c in bench.catalog.collections() if c.id != target.id and c.chunks),
        models.answering(bench),
    )
