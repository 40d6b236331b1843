"""Tags of documents, profiles, measured thresholds, and a quick look at whether the index is behind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "document_tags",
        sa.Column("document_id", sa.String, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag_key", sa.String, primary_key=True),
        sa.Column("tag", sa.String, nullable=False),
    )
    op.create_index("document_tags_key", "document_tags", ["tag_key"])
    op.create_table(
        "profiles",
        sa.Column("name_key", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("search", sa.JSON, nullable=False),
        sa.Column("generate", sa.JSON, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.String, nullable=False),
    )
    op.create_index("documents_facts", "documents", ["id", "name", "added_at"])
    op.add_column("collections", sa.Column("calibration", sa.JSON))
    op.create_index(
        "collection_documents_pending", "collection_documents", ["collection_id"], sqlite_where=sa.text("state = 'pending'")
    )
