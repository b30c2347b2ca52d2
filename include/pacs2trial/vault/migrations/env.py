"""Runs the migrations on the connection that :func:`pacs2trial.vault.schema.upgrade` passes."""

from alembic import context

from pacs2trial.vault.schema import VERSION_TABLE
from pacs2trial.vault.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
