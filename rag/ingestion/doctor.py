"""Look at a data folder as a whole and say what is wrong with it, and put it right on request."""

from __future__ import annotations

from dataclasses import dataclass

from rag import providers
from rag.ingestion.building import health
from rag.store import sync
from rag.types import Health
from rag.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Diagnosis:
    data_dir: str
    catalog: tuple[str, ...]
    """Problems of the catalog; empty when it is sound."""
    collections: tuple[Health, ...]
    models: tuple[str, ...]
    """What is missing to use every feature, a sentence each that names the command which adds it."""
    repaired: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.catalog and all(c.ok for c in self.collections)


def doctor(bench: Workbench, *, repair: bool = False) -> Diagnosis:
    """Check catalog, index and models; with `repair` rebuild the index of a workbench that owns its folder."""
    before = _look(bench)
    if not repair or all(c.ok for c in before.collections):
        return before
    bench.require_writable()
    with bench.write_lock, bench.index_replaced():
        sync.rebuild(bench.catalog, bench.data_dir)
    after = _look(bench)
    mended = tuple(
        h.collection for h, now in zip(before.collections, after.collections, strict=True) if now.ok and not h.ok
    )
    return Diagnosis(
        after.data_dir,
        after.catalog,
        after.collections,
        after.models,
        tuple(f"Rebuilt the index of {m}." for m in mended),
    )


def _look(bench: Workbench) -> Diagnosis:
    problem = providers.local_model_problem()
    return Diagnosis(
        str(bench.data_dir),
        tuple(bench.catalog.problems()),
        tuple(health(bench, c.name) for c in bench.catalog.collections()),
        (problem,) if problem else (),
    )
