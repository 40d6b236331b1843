"""Run by alembic: applies the steps on the connection that `rag.store.migrations.upgrade` hands over."""

from alembic import context

from rag.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
