"""Each turn knows which collection it was asked of and what that held then; the words of turns, to find them by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("turns", sa.Column("collection_id", sa.String, nullable=False, server_default=""))
    op.add_column("turns", sa.Column("collection", sa.String, nullable=False, server_default=""))
    op.add_column("turns", sa.Column("searched", sa.JSON))
    # Until now only the conversation named a collection; the turns are bound to the one that has this name now.
    op.execute("UPDATE turns SET collection = (SELECT c.collection FROM conversations c WHERE c.id = turns.conversation_id)")
    op.execute("UPDATE turns SET collection_id = coalesce((SELECT c.id FROM collections c WHERE c.name = turns.collection), '')")
    op.create_index("turns_kept", "turns", ["conversation_id", "is_kept"])
    words = op.create_table(
        "turn_words",
        sa.Column("turn_id", sa.String, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("words", sa.Text, nullable=False),
    )
    said = op.get_bind().execute(sa.text("SELECT id, question, json_extract(body, '$.text') FROM turns"))
    rows = [{"turn_id": row[0], "words": f"{row[1]}\n{row[2] or ''}".casefold()} for row in said]
    if rows:
        op.bulk_insert(words, rows)
