"""A PostgreSQL vault as a SQLite file, and back: one form of backup for both kinds of database.

The file has the tables of :mod:`pacs2trial.vault.tables` and the same rows; encrypted originals stay encrypted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, inspect, select, text

from pacs2trial.errors import InputError
from pacs2trial.vault import schema
from pacs2trial.vault.database import Database, vault_url
from pacs2trial.vault.tables import Base

_ROWS = 2_000
"""Rows that are in memory at once."""


def write_portable(source: Database, target: Path) -> None:
    """Copy a vault on PostgreSQL as it is at one moment into a new SQLite file, whoever works with it.

    Raises:
        TransientError: the database does not answer.
        InputError: the copy has not as many rows as the vault.
    """
    copy = Database(vault_url(f"sqlite:///{target}"))
    try:
        schema.upgrade(copy)
        with source.snapshot() as read, copy.session() as session:
            _copy(read, session.connection())
    finally:
        copy.close()


def read_portable(source: Path, target: Database) -> str:
    """Make the rows of a SQLite file the content of a PostgreSQL vault, in one transaction.

    What was the vault before stays in the same database, in a schema of its own.

    Returns:
        The name of that schema; empty when there was no vault.

    Raises:
        TransientError: the database does not answer, or others keep its tables busy.
    """
    copy = Database(vault_url(f"sqlite:///{source}"))
    try:
        with copy.session(read_only=True) as read, target.session() as session:
            written = session.connection()
            former = _set_aside(written)
            schema.create(written)
            _copy(read.connection(), written)
            _continue_numbers(written)
    finally:
        copy.close()
    return former


def _copy(read: Connection, written: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        number = 0
        for rows in _rows(read, table):
            written.execute(insert(table), rows)
            number += len(rows)
        if number != written.execute(select(func.count()).select_from(table)).scalar_one():
            raise InputError(f"the copy of table {table.name} has not the rows of the vault; nothing was changed")


def _rows(read: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    order = list(table.primary_key.columns)
    result = read.execution_options(yield_per=_ROWS).execute(select(table).order_by(*order))
    for part in result.mappings().partitions(_ROWS):
        yield [dict(row) for row in part]


def _set_aside(connection: Connection) -> str:
    """Move the tables of a vault, with their triggers' functions, into a new schema."""
    there: Sequence[str] = inspect(connection).get_table_names(schema="public")
    names = [name for name in (*Base.metadata.tables, schema.VERSION_TABLE) if name in there]
    if not names:
        return ""
    former = f"before_restore_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
    connection.execute(text(f"CREATE SCHEMA {former}"))
    for name in names:
        connection.execute(text(f'ALTER TABLE public."{name}" SET SCHEMA {former}'))
    functions = connection.execute(
        text(
            "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = 'public' AND p.proname LIKE '%\\_append\\_only'"
        )
    ).scalars()
    for function in functions.all():
        connection.execute(text(f"ALTER FUNCTION public.{function}() SET SCHEMA {former}"))
    return former


def _continue_numbers(connection: Connection) -> None:
    """Let the next row of each table get the number after the last one."""
    for table in Base.metadata.sorted_tables:
        if "id" in table.columns:
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('\"{table.name}\"', 'id'), "  # noqa: S608
                    f'coalesce((SELECT max(id) FROM "{table.name}"), 0) + 1, false)'
                )
            )
