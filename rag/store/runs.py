"""Kept evaluations: single runs, and the runs of a sweep over many settings.

A run carries everything that it rests on (options, what was searched, when), so that it can be opened again and compared after
the set or the collection changed.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from rag.errors import QuestionSetError
from rag.store.schema import runs, sweeps
from rag.types import QuestionScore, Run, RunInfo

_INFO = TypeAdapter(RunInfo)
_SCORES = TypeAdapter(tuple[QuestionScore, ...])


@dataclass(frozen=True, slots=True)
class Sweep:
    """A grid of settings that was asked for; which of them are done is told by its runs."""

    id: str
    set_id: str
    collection: str
    grid: dict[str, Any]
    """As `rag.evaluation.SweepGrid` writes itself."""
    at: datetime

    @property
    def settings(self) -> int:
        """How many settings it has; 0 for one of a version that did not keep their number."""
        return int(self.grid.get("settings", 0))


class Runs:
    """The runs and sweeps of one catalog. Any process may add to them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, run: Run, *, setting: str = "") -> Run:
        """Keep a run and return it with its id; `setting` names it within its sweep."""
        info = replace(run.info, id=run.info.id or uuid.uuid4().hex)
        row = {
            "id": info.id,
            "set_id": info.set_id,
            "sweep_id": info.sweep_id,
            "setting": setting,
            "at": info.at.isoformat(timespec="microseconds"),
            "about": _INFO.dump_python(info, mode="json"),
            "scores": zlib.compress(_SCORES.dump_json(run.questions), 3),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(runs).values(**row))
        return Run(info, run.questions)

    def save(self, run: Run) -> None:
        """Keep a run anew that grew since `add`. Raises `QuestionSetError` when it was deleted meanwhile."""
        row = {
            "about": _INFO.dump_python(run.info, mode="json"),
            "scores": zlib.compress(_SCORES.dump_json(run.questions), 3),
        }
        with self._engine.begin() as connection:
            changed = connection.execute(sa.update(runs).where(runs.c.id == run.info.id).values(**row))
        if not changed.rowcount:
            raise QuestionSetError("This run was deleted; start it again.")

    def get(self, run_id: str) -> Run:
        """Return a run with its questions. Raises `QuestionSetError` when it is gone or was kept by another version."""
        with self._engine.connect() as connection:
            query = sa.select(runs.c.about, runs.c.scores).where(runs.c.id == run_id)
            row = connection.execute(query).one_or_none()
        if row is None:
            raise QuestionSetError("This run was deleted; measure the question set again.")
        try:
            return Run(_info(row.about), _SCORES.validate_json(zlib.decompress(row.scores)))
        except ValueError as error:  # also what pydantic raises
            raise QuestionSetError("This run was kept by another version; measure the question set again.") from error

    def list(self, *, set_id: str | None = None, sweep_id: str | None = None) -> list[RunInfo]:
        """Return runs without their questions, newest first; of one set or one sweep when given."""
        query = sa.select(runs.c.about).order_by(runs.c.at.desc(), runs.c.id)
        if set_id is not None:
            query = query.where(runs.c.set_id == set_id)
        if sweep_id is not None:
            query = query.where(runs.c.sweep_id == sweep_id)
        with self._engine.connect() as connection:
            return [_info(about) for about in connection.execute(query).scalars()]

    def delete(self, run_ids: Sequence[str]) -> None:
        """Delete runs; those that are gone already are fine."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(runs).where(runs.c.id.in_(run_ids)))

    def delete_sweep(self, sweep_id: str) -> None:
        """Delete a sweep with its runs."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(runs).where(runs.c.sweep_id == sweep_id))
            connection.execute(sa.delete(sweeps).where(sweeps.c.id == sweep_id))

    def delete_of_set(self, set_id: str) -> None:
        """Delete every run and sweep of a question set."""
        with self._engine.begin() as connection:
            for table in (runs, sweeps):
                connection.execute(sa.delete(table).where(table.c.set_id == set_id))

    # --- sweeps ---

    def begin_sweep(self, set_id: str, collection: str, grid: dict[str, Any]) -> Sweep:
        """Keep what a sweep is going to do, before it does any of it."""
        sweep = Sweep(uuid.uuid4().hex, set_id, collection, grid, datetime.now(UTC))
        row = {"id": sweep.id, "set_id": set_id, "collection": collection, "grid": grid, "at": sweep.at.isoformat()}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(sweeps).values(**row))
        return sweep

    def sweep(self, sweep_id: str) -> Sweep:
        """Return a sweep. Raises `QuestionSetError` when it is gone."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(sweeps).where(sweeps.c.id == sweep_id)).one_or_none()
        if row is None:
            raise QuestionSetError("This sweep was deleted; start a new one.")
        return _sweep(row)

    def sweeps(self) -> Sequence[Sweep]:
        """Return all sweeps, newest first."""
        with self._engine.connect() as connection:
            return [_sweep(row) for row in connection.execute(sa.select(sweeps).order_by(sweeps.c.at.desc()))]

    def settings_done(self, sweep_id: str) -> frozenset[str]:
        """Return the names of a sweep's settings that are done."""
        with self._engine.connect() as connection:
            return frozenset(connection.execute(sa.select(runs.c.setting).where(runs.c.sweep_id == sweep_id)).scalars())


def _info(about: dict[str, Any]) -> RunInfo:
    return _INFO.validate_json(json.dumps(about))


def _sweep(row: Any) -> Sweep:
    return Sweep(row.id, row.set_id, row.collection, row.grid, datetime.fromisoformat(row.at))
