"""Alembic's environment: the connection comes from `runner.configuration`, already inside a transaction."""

from __future__ import annotations

from alembic import context

from reconciler.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
