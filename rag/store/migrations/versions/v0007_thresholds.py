"""Where the threshold of a collection is from, and which settings of a sweep were measured at 0 because none was recommended."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"

_NOTE = "The labels recommend no threshold for it; an earlier version measured it at 0.00."


def upgrade() -> None:
    op.add_column("collections", sa.Column("threshold_from", sa.String, nullable=False, server_default="default"))
    op.execute("UPDATE collections SET threshold_from = 'measured' WHERE calibration IS NOT NULL")
    # Every model had 0.42 until now, and a collection of words alone 0.5: another value was set by somebody.
    op.execute(
        "UPDATE collections SET threshold_from = 'user' WHERE calibration IS NULL "
        "AND abs(similarity_threshold - CASE WHEN embedding_model = '' THEN 0.5 ELSE 0.42 END) > 0.0001"
    )
    _note_what_was_measured_at_zero(op.get_bind())


def _note_what_was_measured_at_zero(connection: sa.Connection) -> None:
    """Tell of kept settings that their 0 is no recommendation: no labels ever recommend it."""
    found = connection.exec_driver_sql(
        "SELECT runs.id, runs.about FROM runs JOIN sweeps ON sweeps.id = runs.sweep_id "
        "WHERE json_extract(runs.about, '$.options.similarity_threshold') = 0 "
        "AND json_extract(sweeps.grid, '$.threshold') IS NULL"
    ).all()
    for run_id, about in found:
        changed = json.dumps({**json.loads(about), "threshold_note": _NOTE})
        connection.exec_driver_sql("UPDATE runs SET about = ? WHERE id = ?", (changed, run_id))
