"""Question sets, kept runs and sweeps over them, and feedback that may become questions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "question_sets",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.String, nullable=False),
        sa.Column("updated_at", sa.String, nullable=False),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("set_id", sa.String, sa.ForeignKey("question_sets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("questions_set", "questions", ["set_id", "position"])
    op.create_table(
        "runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("set_id", sa.String, nullable=False),
        sa.Column("sweep_id", sa.String, nullable=False),
        sa.Column("setting", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("about", sa.JSON, nullable=False),
        sa.Column("scores", sa.LargeBinary, nullable=False),
    )
    op.create_index("runs_set", "runs", ["set_id", "at"])
    op.create_index("runs_sweep", "runs", ["sweep_id", "setting"])
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("set_id", sa.String, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("grid", sa.JSON, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("is_good", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("turn_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_index("feedback_state", "feedback", ["state", "at"])
