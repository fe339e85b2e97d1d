"""Alembic's entry: runs the revisions on the connection that ``warehouse.migrate`` hands over."""

from alembic import context

from trendvane.warehouse.tables_learning import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=True
)
with context.begin_transaction():
    context.run_migrations()
