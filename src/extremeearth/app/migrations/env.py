"""Runs migrations on the connection that ``extremeearth.app.schema`` hands over."""

from __future__ import annotations

from alembic import context

from extremeearth.app.tables import all_tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=all_tables(),
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
