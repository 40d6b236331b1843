"""Tables of the catalog, the one file that is the truth about documents, chunks and vectors.

This describes the newest schema; `migrations/` is what makes it, step by step, and a test holds the two together. Full-text tables
are not listed: each collection has its own, made and dropped with it (see `keyword_index`).
Times are ISO 8601 text in UTC.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index

HEAD = "0007"
"""Migration that makes this schema: known here so that an up-to-date catalog opens without loading alembic."""

metadata = sa.MetaData()

documents = sa.Table(
    "documents",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("name", sa.String, nullable=False),
    Column("name_key", sa.String, nullable=False),  # casefolded and composed: names equal to a reader are equal here
    Column("media_type", sa.String, nullable=False),
    Column("size_bytes", sa.Integer, nullable=False),
    Column("title", sa.String, nullable=False),
    Column("text", sa.LargeBinary, nullable=False),  # UTF-8 through zlib: a third of the size, read whole or not at all
    Column("characters", sa.Integer, nullable=False),
    Column("pages", sa.JSON, nullable=False),
    Column("page_count", sa.Integer, nullable=False),
    Column("headings", sa.JSON, nullable=False),
    Column("warnings", sa.JSON, nullable=False),
    Column("added_at", sa.String, nullable=False),
    # What a search needs to know, without the pages of the text that stands before it in the row.
    Index("documents_facts", "id", "name", "added_at"),
)

document_files = sa.Table(
    "document_files",
    metadata,
    Column("document_id", sa.String, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("data", sa.LargeBinary, nullable=False),
)

collections = sa.Table(
    "collections",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("name", sa.String, nullable=False, unique=True),
    Column("embedding_model", sa.String, nullable=False),
    Column("dimension", sa.Integer, nullable=False),
    Column("chunk_size_tokens", sa.Integer, nullable=False),
    Column("overlap_tokens", sa.Integer, nullable=False),
    Column("similarity_threshold", sa.Float, nullable=False),
    Column("created_at", sa.String, nullable=False),
    Column("revision", sa.Integer, nullable=False),  # one more at every change of the chunks
    Column("calibration", sa.JSON(none_as_null=True)),  # how the threshold was measured; NULL when it was not
    Column("threshold_from", sa.String, nullable=False, server_default="default"),  # default | measured | user
)

collection_documents = sa.Table(
    "collection_documents",
    metadata,
    Column("collection_id", sa.String, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("document_id", sa.String, ForeignKey("documents.id"), primary_key=True),
    Column("state", sa.String, nullable=False),  # pending | indexed
    Column("revision", sa.Integer, nullable=False),  # of the collection when the document came in
    Column("chunks", sa.Integer, nullable=False),
    Column("words", sa.Integer, nullable=False),  # of its keyword rows together
    Index("collection_documents_document", "document_id"),
    # Asked before every search, and nearly always empty.
    Index("collection_documents_pending", "collection_id", sqlite_where=sa.text("state = 'pending'")),
)

document_tags = sa.Table(
    "document_tags",
    metadata,
    Column("document_id", sa.String, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_key", sa.String, primary_key=True),  # without case
    Column("tag", sa.String, nullable=False),
    Index("document_tags_key", "tag_key"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    Column("rowid", sa.Integer, primary_key=True),  # also the rowid of its keyword row
    Column("id", sa.String, nullable=False, unique=True),
    Column("collection_id", sa.String, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("document_id", sa.String, ForeignKey("documents.id"), nullable=False),
    Column("idx", sa.Integer, nullable=False),
    Column("start", sa.Integer, nullable=False),
    Column("end", sa.Integer, nullable=False),
    Column("pages", sa.JSON, nullable=False),
    Column("heading", sa.String, nullable=False),
    Column("text_hash", sa.LargeBinary, nullable=False),
    Column("text", sa.Text, nullable=False),
    Index("chunks_place", "collection_id", "document_id", "idx", unique=True),
    Index("chunks_document", "document_id"),
    Index("chunks_text_hash", "text_hash"),
)

vectors = sa.Table(
    "vectors",
    metadata,
    # A rowid table with a unique index: blobs of this size would overflow the pages of a primary-key tree.
    Column("rowid", sa.Integer, primary_key=True),
    Column("embedding_model", sa.String, nullable=False),
    Column("text_hash", sa.LargeBinary, nullable=False),
    Column("dimension", sa.Integer, nullable=False),
    Column("data", sa.LargeBinary, nullable=False),  # float32, little-endian
    Index("vectors_text", "text_hash", "embedding_model", unique=True),
)

index_removals = sa.Table(
    "index_removals",
    metadata,
    Column("collection_id", sa.String, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("chunk_id", sa.String, primary_key=True),
)

settings = sa.Table(
    "settings",
    metadata,
    Column("key", sa.String, primary_key=True),
    Column("value", sa.JSON, nullable=False),
)

usage = sa.Table(
    "usage",
    metadata,
    Column("id", sa.Integer, primary_key=True),
    Column("at", sa.String, nullable=False),
    Column("action", sa.String, nullable=False),
    Column("provider", sa.String, nullable=False),
    Column("model", sa.String, nullable=False),
    Column("status", sa.String, nullable=False),
    Column("items", sa.Integer, nullable=False),
    Column("input_tokens", sa.Integer, nullable=False),
    Column("output_tokens", sa.Integer, nullable=False),
    Column("cache_read_tokens", sa.Integer, nullable=False),
    Column("cache_write_tokens", sa.Integer, nullable=False),
    Column("reasoning_tokens", sa.Integer, nullable=False),
    Column("estimated", sa.Boolean, nullable=False),
    Column("cost_usd", sa.Float),  # NULL is unknown
    Column("price_source", sa.String, nullable=False),
    Column("cached", sa.Boolean, nullable=False),
    Column("ttft_ms", sa.Float),
    Column("duration_ms", sa.Float),
    Column("estimated_cost_usd", sa.Float),
    Column("unit_price", sa.String, nullable=False),
    Column("request_id", sa.String, nullable=False),
    Column("error_kind", sa.String, nullable=False),
    Index("usage_at", "at"),
)

conversations = sa.Table(
    "conversations",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("title", sa.String, nullable=False),
    Column("collection", sa.String, nullable=False),
    Column("created_at", sa.String, nullable=False),
    Column("updated_at", sa.String, nullable=False),
)

profiles = sa.Table(
    "profiles",
    metadata,
    Column("name_key", sa.String, primary_key=True),  # without case
    Column("name", sa.String, nullable=False),
    Column("search", sa.JSON, nullable=False),
    Column("generate", sa.JSON, nullable=False),
    Column("is_default", sa.Boolean, nullable=False),
    Column("updated_at", sa.String, nullable=False),
)

turns = sa.Table(
    "turns",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("conversation_id", sa.String, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("position", sa.Integer, nullable=False),
    Column("question", sa.Text, nullable=False),
    Column("state", sa.String, nullable=False),  # streaming | complete | partial | failed
    Column("body", sa.JSON, nullable=False),
    Column("created_at", sa.String, nullable=False),
    # Turns that answer the same question share the id of the first; one of them is kept, the others are older or other versions.
    Column("slot", sa.String, nullable=False, server_default=""),
    Column("is_kept", sa.Boolean, nullable=False, server_default=sa.true()),
    Column("searched_for", sa.Text, nullable=False, server_default=""),  # empty: the question as it stands
    # No key into collections: an answer outlives the collection that it was asked of.
    Column("collection_id", sa.String, nullable=False, server_default=""),
    Column("collection", sa.String, nullable=False, server_default=""),  # its name when it was asked
    Column("searched", sa.JSON(none_as_null=True)),  # fingerprint of what it held then; NULL before that was kept
    Index("turns_conversation", "conversation_id", "position", unique=True),
    Index("turns_kept", "conversation_id", "is_kept"),  # what stands after the body in a row is slow to read
)

# What turns are found by: question and answer without case, apart from all else that a turn holds.
turn_words = sa.Table(
    "turn_words",
    metadata,
    Column("turn_id", sa.String, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("words", sa.Text, nullable=False),
)

# How an answer came about: apart from the turns, because it is large and read only when somebody asks.
turn_records = sa.Table(
    "turn_records",
    metadata,
    Column("turn_id", sa.String, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("data", sa.LargeBinary, nullable=False),  # JSON through zlib
)

# --- evaluation: no key into documents or collections, because labels and runs outlive them ---

question_sets = sa.Table(
    "question_sets",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("name", sa.String, nullable=False, unique=True),
    Column("created_at", sa.String, nullable=False),
    Column("updated_at", sa.String, nullable=False),
)

questions = sa.Table(
    "questions",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("set_id", sa.String, ForeignKey("question_sets.id", ondelete="CASCADE"), nullable=False),
    Column("position", sa.Integer, nullable=False),
    Column("text", sa.Text, nullable=False),
    Column("label", sa.String, nullable=False),  # evidence | absent | adversarial | draft
    Column("evidence", sa.JSON, nullable=False),  # (document id, name, start, end, page, quote) of each piece
    Column("note", sa.Text, nullable=False),
    Index("questions_set", "set_id", "position"),
)

runs = sa.Table(
    "runs",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("set_id", sa.String, nullable=False),
    Column("sweep_id", sa.String, nullable=False),  # empty when it is part of none
    Column("setting", sa.String, nullable=False),  # which one of its sweep; a resumed sweep does not do it again
    Column("at", sa.String, nullable=False),
    Column("about", sa.JSON, nullable=False),  # everything of the run but its questions
    Column("scores", sa.LargeBinary, nullable=False),  # JSON through zlib: read only when a run is opened
    Index("runs_set", "set_id", "at"),
    Index("runs_sweep", "sweep_id", "setting"),
)

sweeps = sa.Table(
    "sweeps",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("set_id", sa.String, nullable=False),
    Column("collection", sa.String, nullable=False),
    Column("grid", sa.JSON, nullable=False),
    Column("at", sa.String, nullable=False),
)

feedback = sa.Table(
    "feedback",
    metadata,
    Column("id", sa.String, primary_key=True),
    Column("question", sa.Text, nullable=False),
    Column("is_good", sa.Boolean, nullable=False),
    Column("note", sa.Text, nullable=False),
    Column("collection", sa.String, nullable=False),
    Column("turn_id", sa.String, nullable=False),
    Column("state", sa.String, nullable=False),  # open | labelled | dismissed
    Column("at", sa.String, nullable=False),
    Column("settings", sa.JSON(none_as_null=True)),  # of the answer: model, search and answer options
    Index("feedback_state", "state", "at"),
)
