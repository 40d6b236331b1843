"""Several answers to one question, how each came about, and the settings of a judged one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("turns", sa.Column("slot", sa.String, nullable=False, server_default=""))
    op.add_column("turns", sa.Column("is_kept", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("turns", sa.Column("searched_for", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE turns SET slot = id")
    op.create_table(
        "turn_records",
        sa.Column("turn_id", sa.String, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.add_column("feedback", sa.Column("settings", sa.JSON))
