"""The way up: a vault of every earlier revision, with data in it, becomes one of this release and keeps what it holds.

From the first release on, the migrations that it brought are changed no more; until then revision 0001 as it stands is
the first schema.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault, schema
from pacs2trial.vault.database import Database, vault_url
from pacs2trial.vault.tables import Base
from support.vaults import PostgresServer

FOLDER = Path(schema.__file__).parent / "migrations"
MOMENT = datetime(2024, 3, 13, 2, 0, tzinfo=UTC).replace(tzinfo=None)


def config(connection: Connection | None = None) -> Config:
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


REVISIONS = [one.revision for one in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(vault_url(f"sqlite:///{tmp_path / 'old.db'}"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return Database(vault_url(server.new_database()))


def tables(connection: Connection) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(connection)
    return found


def fill(connection: Connection) -> None:
    """One row in each table as it is at this revision, tied together by its foreign keys."""
    for table in tables(connection).sorted_tables:
        if table.name != schema.VERSION_TABLE and connection.execute(sa.select(table)).first() is None:
            connection.execute(table.insert().values({column.name: value(column) for column in table.columns}))


def value(column: sa.Column[Any]) -> Any:
    kind = column.type.python_type
    if kind is bool:
        return True
    if kind is datetime:
        return MOMENT
    if kind is str:
        return "x"
    if kind is bytes:
        return b"x"
    return MOMENT.date() if kind is type(MOMENT.date()) else 1


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
        for table in tables(connection).sorted_tables
        if table.name != schema.VERSION_TABLE
    }


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_vault_of_an_earlier_revision_keeps_every_row(database: Database, revision: str) -> None:
    with database.session() as session:
        command.upgrade(config(session.connection()), revision)
        fill(session.connection())
        before = rows(session.connection())
    assert all(before.values())
    schema.upgrade(database)
    schema.require_head(database)
    with database.session() as session:
        after = rows(session.connection())
        context = MigrationContext.configure(
            session.connection(), opts={"version_table": schema.VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
    database.close()
    for table, (row,) in before.items():
        (kept,) = after[table]
        assert row.items() <= kept.items(), table


def test_init_is_the_command_that_upgrades(settings: Settings, home_as_made: Path) -> None:
    settings.home.mkdir()
    (settings.home / "secret.json").write_bytes((home_as_made / "secret.json").read_bytes())
    (settings.home / "secret.json").chmod(0o600)
    database = Database(vault_url(settings.database_url))
    with database.session() as session:
        command.upgrade(config(session.connection()), REVISIONS[0])
    database.close()
    Vault.create(settings)
    Vault.open(settings).close()
