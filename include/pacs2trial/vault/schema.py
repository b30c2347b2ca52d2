"""The revision of the vault's tables: which one the code needs, which one is there, and the way up."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from pacs2trial.errors import SetupError
from pacs2trial.vault.database import Database

HEAD = "0003"
"""The revision this release needs; the newest file in ``migrations/versions``."""

VERSION_TABLE = "pacs2trial_revision"

_MIGRATING = 0x70327431  # any number that nobody else takes as an advisory lock


def upgrade(database: Database) -> None:
    """Bring the tables to :data:`HEAD` in one transaction; two that do so at once come one after the other."""
    with database.session() as session:
        if not database.is_sqlite:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        create(session.connection())


def create(connection: Connection) -> None:
    """:func:`upgrade` inside a transaction of the caller."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision(session: Session) -> str | None:
    """The revision of the tables, None before the first migration."""
    if not _has_table(session.connection(), VERSION_TABLE):
        return None
    return session.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608


def require_head(database: Database) -> None:
    """Refuse a vault of another revision.

    Raises:
        SetupError: the tables are missing, older or newer than this release.
    """
    path = database.path
    if path is not None and not path.exists():
        raise SetupError(f"there is no vault at {path}: run `pacs2trial init`")
    with database.session(read_only=True) as session:
        found = revision(session)
    if found is None:
        raise SetupError("the vault's database has no tables yet: run `pacs2trial init`")
    if found < HEAD:
        raise SetupError(f"the vault has revision {found}, this release needs {HEAD}: run `pacs2trial init`")
    if found > HEAD:
        raise SetupError(f"the vault has revision {found}, newer than this release ({HEAD}): install the newer release")


def _has_table(connection: Connection, name: str) -> bool:
    return connection.dialect.has_table(connection, name)
