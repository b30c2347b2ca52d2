"""The connection to the vault's database, SQLite or PostgreSQL, and its transactions.

SQLite: write-ahead log, full flush at every commit, foreign keys, writers take their turn (BEGIN IMMEDIATE) and wait
30 s. PostgreSQL: psycopg, READ COMMITTED, locks are waited for as long. What does not come in time is a TransientError.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert

from pacs2trial.errors import PermanentError, SetupError, TransientError
from pacs2trial.vault import direct
from pacs2trial.vault.tables import Base

WAIT_SECONDS = 30
_UNHEARD_S = 10
"""Seconds after which a silent server is asked whether it is there: one whose machine is gone never says so."""
BATCH = 500
"""Values of one statement; far below SQLite's limit on variables even with several columns a row."""

FEW = 16
"""Rows of one statement that is made once for their number; larger batches are written as they come."""

READ_ONLY = "vault_read_only"
SINGLE = "vault_single_question"

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """The items in lists of at most ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def vault_url(text: str) -> URL:
    """The SQLAlchemy URL of a vault.

    Raises:
        SetupError: not a URL, or neither a SQLite file nor PostgreSQL.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise SetupError("PACS2TRIAL_DATABASE_URL is not a URL such as sqlite:////srv/vault.db") from None
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise SetupError("PACS2TRIAL_DATABASE_URL: a vault in memory does not last; name a file")
        return url.set(drivername="sqlite+pysqlite")
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"}:
        return url.set(drivername="postgresql+psycopg")
    raise SetupError(f"PACS2TRIAL_DATABASE_URL: {url.drivername} is not supported; use sqlite or postgresql")


@dataclass
class _Opened:
    """What one process has open; a child process opens its own."""

    pid: int
    writing: Engine
    reading: Engine
    asking: Engine
    turn: threading.Lock = field(default_factory=threading.Lock)
    writer: Connection | None = None
    inherited: Connection | None = None
    """The parent's: closing it here would concern the parent's file."""


class Database:
    """Transactions on one database; safe for threads and after a fork."""

    def __init__(self, url: URL, *, durable: bool = True) -> None:
        self.url = url
        self._durable = durable
        self._opened: _Opened | None = None
        self._in_transaction = threading.local()

    @property
    def path(self) -> Path | None:
        """The file of a SQLite vault, else None."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def engine(self) -> Engine:
        return self._of_this_process().writing

    @contextmanager
    def session(self, *, read_only: bool = False, overwrite: bool = False) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an error. Objects stay readable afterwards.

        With ``overwrite`` SQLite writes zeros over what is deleted.

        Raises:
            TransientError: the database is not there, or others kept it busy for 30 s.
            PermanentError: it refused a value; the constraint is named, never the value.
            RuntimeError: this thread has a writing transaction open already, which would wait for itself.
        """
        opened = self._of_this_process()
        with ExitStack() as stack:
            stack.enter_context(_plain_errors())
            if not read_only:
                stack.enter_context(self._alone(opened))
            engine = opened.reading if read_only else opened.writing
            session = stack.enter_context(Session(engine, expire_on_commit=False))
            stack.enter_context(session.begin())
            if overwrite and self.is_sqlite:
                session.execute(text("PRAGMA secure_delete = ON"))
            yield session

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A writing transaction as :meth:`session`, for what is written of every instance."""
        opened = self._of_this_process()
        with _plain_errors(), self._alone(opened), self._writer(opened) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for single questions, as are asked for every instance; each sees what is committed by then.

        Errors as :meth:`session`.
        """
        with _plain_errors(), self._of_this_process().asking.connect() as connection:
            yield connection

    def compact(self, tables: Sequence[str]) -> None:
        """Rewrite what holds these tables, so that deleted rows are in no file of the database any more.

        SQLite: the whole file and an empty write-ahead log. PostgreSQL: VACUUM FULL of the tables; its own log and
        backups are the administrator's.

        Raises:
            TransientError: others keep the database busy; what was deleted is gone from all queries nevertheless.
        """
        engine = self._of_this_process().writing
        with _plain_errors():
            if self.is_sqlite:
                connection = engine.raw_connection()
                try:
                    for statement in ("PRAGMA query_only = OFF", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                        connection.cursor().execute(statement).close()
                finally:
                    connection.close()
                return
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connected:
                for table in tables:
                    connected.execute(text(f'VACUUM FULL "{table}"'))

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A reading connection of PostgreSQL that sees one moment of the vault for as long as it is open.

        Raises:
            TransientError: the database does not answer.
        """
        engine = self._of_this_process().writing
        one_moment = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _plain_errors(), engine.connect().execution_options(**one_moment) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close the connections of this process; the next transaction opens new ones."""
        opened, self._opened = self._opened, None
        if opened and opened.pid == os.getpid():
            if opened.writer is not None:
                opened.writer.close()
            opened.writing.dispose()

    def _of_this_process(self) -> _Opened:
        opened = self._opened
        if opened is None or opened.pid != os.getpid():
            inherited = None
            if opened is not None:
                opened.writing.dispose(close=False)
                inherited = opened.writer
            writing = self._create_engine()
            reading = writing.execution_options(**{READ_ONLY: True, "postgresql_readonly": True})
            asking = writing.execution_options(**{SINGLE: True, "postgresql_readonly": True})
            opened = self._opened = _Opened(os.getpid(), writing, reading, asking, inherited=inherited)
        return opened

    def _create_engine(self) -> Engine:
        if self.is_sqlite:
            engine = create_engine(
                self.url, hide_parameters=True, pool_size=16, max_overflow=32, pool_timeout=WAIT_SECONDS
            )
            synchronous = "FULL" if self._durable else "OFF"
            event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, synchronous))
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        commit = "on" if self._durable else "off"
        return create_engine(
            self.url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=16,
            pool_timeout=WAIT_SECONDS,
            connect_args={
                "connect_timeout": WAIT_SECONDS,
                "keepalives_idle": _UNHEARD_S,
                "keepalives_interval": _UNHEARD_S,
                "keepalives_count": 2,
                "tcp_user_timeout": WAIT_SECONDS * 1000,
                "options": f"-c lock_timeout={WAIT_SECONDS}s -c synchronous_commit={commit} -c timezone=UTC",
            },
        )

    @contextmanager
    def _alone(self, opened: _Opened) -> Iterator[None]:
        if getattr(self._in_transaction, "open", False):
            raise RuntimeError("a writing transaction is open in this thread: end it before starting another")
        self._in_transaction.open = True
        try:
            with self._turn(opened):
                yield
        finally:
            self._in_transaction.open = False

    @contextmanager
    def _writer(self, opened: _Opened) -> Iterator[Connection]:
        """SQLite's one writer at a time keeps its connection: taking one out of the pool costs as much as a statement.

        A server is asked through the pool, which finds out whether it went away.
        """
        if not self.is_sqlite:
            with opened.writing.begin() as connection:
                yield connection
            return
        connection, opened.writer = opened.writer or opened.writing.connect(), None
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        opened.writer = connection

    @contextmanager
    def _turn(self, opened: _Opened) -> Iterator[None]:
        """SQLite knows one writer; the threads of a process queue here, which is fairer than its polling."""
        if not self.is_sqlite:
            yield
            return
        if not opened.turn.acquire(timeout=WAIT_SECONDS):
            raise TransientError(f"the vault was busy for {WAIT_SECONDS} s; try again later")
        try:
            yield
        finally:
            opened.turn.release()


def insert_new(of: Session | Connection, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows, leaving out those that any unique constraint already knows; one statement for a batch.

    No constraint is named on purpose: PostgreSQL would raise for a row that two writers insert at once under the other.
    The caller reads back what stands there, unless all rows were new.

    Returns:
        How many rows were new.
    """
    return len(inserted(of, table, rows)) if rows else 0


def inserted(
    of: Session | Connection, table: type[Base], rows: Sequence[Mapping[str, Any]], *columns: str
) -> list[tuple[Any, ...]]:
    """As :func:`insert_new`; the named columns, or else the primary keys, of the rows that were new."""
    connection = of if isinstance(of, Connection) else of.connection()
    if len(rows) > FEW:
        insert = _insert(connection.dialect.name, table, columns)
        return [tuple(row) for row in connection.execute(insert, list(rows)).all()]
    whole = [{**_defaults(table), **row} for row in rows]
    names = tuple(whole[0])
    insert = _insert(connection.dialect.name, table, columns, names, len(whole))
    values = {f"{name}_{number}": row[name] for number, row in enumerate(whole) for name in names}
    return direct.rows(connection, insert, values)


@cache
def _insert(
    dialect: str, table: type[Base], columns: tuple[str, ...], names: tuple[str, ...] = (), number: int = 0
) -> Insert:
    """For so many rows with values of these names; without a number for any."""
    insert = sqlite_insert(table) if dialect == "sqlite" else postgresql_insert(table)
    if number:
        types = {name: table.__table__.c[name].type for name in names}
        insert = insert.values(
            [{name: bindparam(f"{name}_{place}", type_=types[name]) for name in names} for place in range(number)]
        )
    wanted = [table.__table__.c[name] for name in columns] or list(table.__table__.primary_key)
    return insert.on_conflict_do_nothing().returning(*wanted)


def _defaults(table: type[Base]) -> dict[str, Any]:
    """What a row has where nothing is said."""
    return {name: default.arg(None) if default.is_callable else default.arg for name, default in _having(table)}


@cache
def _having(table: type[Base]) -> list[tuple[str, Any]]:
    return [(column.key, column.default) for column in table.__table__.columns if column.default is not None]


def _prepare_sqlite(connection: Any, synchronous: str) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; see _begin_sqlite
    for pragma in (
        f"busy_timeout = {WAIT_SECONDS * 1000}",
        "journal_mode = WAL",
        f"synchronous = {synchronous}",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(SINGLE, False):
        return  # a question is a transaction of its own
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    cursor = connection.connection.cursor()
    if connection.info.get(READ_ONLY) is not read_only:  # each PRAGMA has every statement prepared anew
        cursor.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        connection.info[READ_ONLY] = read_only
    cursor.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
    cursor.close()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Errors of the driver as errors of pacs2trial, without the values that the driver quotes."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError) as error:
        raise TransientError(f"the vault's database did not answer: {_first_line(error)}; try again later") from None
    except IntegrityError as error:
        raise PermanentError(f"the vault refused a row: {_constraint(error)}") from None
    except (DBAPIError, sqlite3.DatabaseError) as error:
        cause = getattr(error, "orig", error)
        raise PermanentError(f"the vault's database refused a statement: {type(cause).__name__}") from None


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0] if lines else type(error).__name__


def _constraint(error: IntegrityError) -> str:
    """The constraint, which PostgreSQL names and SQLite describes by its columns; neither quotes a value here."""
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return str(name) if name else _first_line(error)
