"""Look at a data folder as a whole and say what is wrong with it, and put it right on request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rag import providers
from rag.ingestion.building import health, rebuild
from rag.ingestion.reporting import Silent
from rag.store import sync
from rag.store.probe import probe
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
    rebuild(bench, Silent())
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
    names = [c.name for c in bench.catalog.collections()]
    broken = _broken_index(bench)
    return Diagnosis(
        str(bench.data_dir),
        tuple(bench.catalog.problems()),
        tuple(_without_index(bench, name, broken) if broken else health(bench, name) for name in names),
        (problem,) if problem else (),
    )


def _broken_index(bench: Workbench) -> tuple[str, ...]:
    """Look at an index that is not open from a child process: opening a damaged one could crash this one."""
    if bench.index_owner is None or bench.index_owner.is_open:
        return ()
    folder = sync.index_folder(bench.catalog, bench.data_dir)
    return probe(bench.catalog, folder) if folder.exists() else ()


def _without_index(bench: Workbench, name: str, problems: tuple[str, ...]) -> Health:
    seen = sync.check(bench.catalog, None, bench.catalog.collection(name))
    return replace(seen, problems=(*seen.problems, *problems))
