"""Statements of every instance, given to the driver as they are.

What SQLAlchemy does around a statement costs more than the database does for it. Here its words are made once for
each kind of database, by SQLAlchemy, and values take the form that the columns' types give them. What comes back is
as the driver has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

_MOST_WORDINGS: Final = 1024


@dataclass(frozen=True)
class _Wording:
    """A statement in one database's words: its own values, and what makes those of others fit their columns."""

    text: str
    fixed: Mapping[str, Any]
    fitting: Mapping[str, Callable[[Any], Any]]

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        filled = {**self.fixed, **values}
        for name, fit in self.fitting.items():
            filled[name] = fit(filled[name])
        return filled


def rows(connection: Connection, statement: ClauseElement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute a statement within what the connection has begun; what it returns, if it returns rows.

    Args:
        connection: of a vault's database.
        statement: one of those that are made once; its words are kept for it.
        values: of its parameters, all of which are named.

    Raises:
        sqlalchemy.exc.DBAPIError: as SQLAlchemy raises it, without the values.
    """
    wording = _wording(statement, connection.dialect.name)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(wording.text, wording.filled(values))
        return list(cursor.fetchall()) if cursor.description else []
    except connection.dialect.loaded_dbapi.Error as error:
        if connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor):
            connection.invalidate(error)
        raise DBAPIError.instance(
            wording.text,
            None,
            error,
            connection.dialect.loaded_dbapi.Error,
            hide_parameters=True,
            dialect=connection.dialect,
        ) from None
    finally:
        cursor.close()


@lru_cache(maxsize=_MOST_WORDINGS)
def _wording(statement: ClauseElement, database: str) -> _Wording:
    dialect = _dialect(database)
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    fitting = {}
    for name, parameter in compiled.binds.items():
        fit = parameter.type.dialect_impl(dialect).bind_processor(dialect)
        if fit is not None:
            fitting[name] = fit
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return _Wording(str(compiled), fixed, fitting)


@cache
def _dialect(database: str) -> Dialect:
    """Both name their parameters, so that values are given by name."""
    made: Dialect = sqlite.dialect(paramstyle="named") if database == "sqlite" else psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    return made
