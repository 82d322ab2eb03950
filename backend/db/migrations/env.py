"""Alembic's entry point: apply revisions on the connection that ``backend.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from backend.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # A revision is applied whole or not at all, and stays applied when a later one fails.
    transaction_per_migration=True,
)

with context.begin_transaction():
    context.run_migrations()
