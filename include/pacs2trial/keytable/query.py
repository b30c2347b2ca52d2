"""Key tables in a database: a query over a connection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from pacs2trial.connections import Connection, Connections
from pacs2trial.errors import InputError, SetupError, TransientError
from pacs2trial.keytable.grid import Grid, record_of
from pacs2trial.keytable.text import known_name
from pacs2trial.trials.definition import TrialDefinition

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "sqlite": "sqlite+pysqlite",
}
"""SQLAlchemy's driver for each of Airflow's connection types; ``sqlalchemy_scheme`` in the extra names another."""

PACKAGES = {"pymysql": "PyMySQL", "mysqldb": "mysqlclient"}
"""Packages whose name is not that of their module."""

SCHEME = "sqlalchemy_scheme"
MOST_ROWS = 100_000
CONNECT_SECONDS = 15
SQLITE_REFUSES = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY)
"""A wrong query, and one that would write: SQLite calls both operational, though no waiting helps."""

READING = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def query_grid(definition: TrialDefinition, connections: Connections) -> Grid:
    """What the query of a definition gives. Nothing is committed, whatever the query does.

    Raises:
        InputError: the connection is unknown or of no known type, the query is no SELECT or is refused.
        SetupError: the driver of the database is not installed; the message names its package.
        TransientError: the database does not answer.
    """
    name, query = definition.keys.connection, definition.keys.query
    assert name is not None
    assert query is not None
    where = f"trial {definition.trial}, keys: query over {name}"
    if not READING.match(query):
        raise InputError(f"{where}: it must begin with SELECT or WITH")
    columns, rows = ask(where, database_url(connections.get(name)), query)
    if len(rows) > MOST_ROWS:
        raise InputError(f"{where}: it gives more than {MOST_ROWS} rows; a key table has one a subject or visit")
    names = [known_name(column) for column in columns]
    records = [record_of(number, names, row, exact=True) for number, row in enumerate(rows, start=1)]
    return Grid(f"query over {name}", columns, records, header_row="its columns")


def database_url(connection: Connection) -> URL:
    """The SQLAlchemy URL of a connection as Airflow keeps it; extras go to the driver, as Airflow's hooks do it.

    Raises:
        InputError: its type is no database that is known here.
    """
    extra = dict(connection.extra)
    driver = str(extra.pop(SCHEME, "") or DRIVERS.get(connection.conn_type, ""))
    if not driver:
        raise InputError(
            f"connection {connection.name!r} is of type {connection.conn_type!r}: key tables are read over "
            f"{', '.join(sorted(DRIVERS))}, or another with {SCHEME} in its extra"
        )
    if driver.startswith("sqlite"):
        return URL.create(driver, database=f"file:{_file(connection)}", query={"mode": "ro", "uri": "true"})
    return URL.create(
        driver,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={name: str(value) for name, value in extra.items() if isinstance(value, str | int | float)},
    )


def _file(connection: Connection) -> Path:
    """The file of a SQLite connection: ``sqlite:////srv/ctms.db`` has it in the schema, Airflow's form in the host."""
    path = Path(connection.schema if connection.schema.startswith("/") else connection.host or connection.schema)
    if not path.is_file():
        raise InputError(f"connection {connection.name!r}: there is no SQLite file {path}")
    return path.absolute()


def ask(
    where: str, url: URL, query: str, parameters: Mapping[str, str] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of a query that only reads; parameters are bound, never written into it.

    What a driver says may hold values of the table: only kind and SQLSTATE are told.

    Args:
        where: begins every message.
        url: the database.
        query: without parameters a colon in it is a colon; with them ``:name`` is a parameter.
        parameters: name → value.

    Raises:
        InputError: the database refused the query.
        SetupError: the driver of the database is not installed; the message names its package.
        TransientError: the database does not answer.
    """
    statement = text(query.replace(":", r"\:") if parameters is None else query)
    timeout = {"connect_timeout": CONNECT_SECONDS} if url.get_backend_name() in {"postgresql", "mysql"} else {}
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=timeout)
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        raise SetupError(
            f"{where}: {url.drivername} needs a Python package that is not installed: "
            f"pip install {PACKAGES.get(module.casefold(), module)}"
        ) from None
    except (NoSuchModuleError, SQLAlchemyError):
        raise InputError(f"{where}: SQLAlchemy knows no {url.drivername}") from None
    try:
        with engine.connect() as connection:
            reading = connection.execution_options(postgresql_readonly=True)
            answer = reading.execute(statement, dict(parameters or {}))
            return list(answer.keys()), [tuple(row) for row in answer.fetchmany(MOST_ROWS + 1)]
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) in SQLITE_REFUSES:
            raise InputError(f"{where}: the database refused the query ({_kind(error)})") from None
        raise TransientError(f"{where}: the database did not answer ({_kind(error)})") from None
    except SQLAlchemyError as error:
        raise InputError(f"{where}: the database refused the query ({_kind(error)})") from None
    except Exception as error:  # noqa: BLE001 - drivers have errors of their own that quote values
        raise InputError(f"{where}: the driver failed ({type(error).__name__})") from None
    finally:
        engine.dispose()


def _kind(error: SQLAlchemyError) -> str:
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    kind = type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
    return f"{kind}, SQLSTATE {state}" if state else kind
