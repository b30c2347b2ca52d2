"""Backup of a vault while others work with it, and the way back.

A backup is a SQLite file, whichever database the vault is on, and can be restored to either. The secret file is no part
of it and belongs in a backup of its own, apart.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pacs2trial.errors import InputError, TransientError
from pacs2trial.settings import Settings
from pacs2trial.vault import schema
from pacs2trial.vault.database import WAIT_SECONDS, Database, vault_url
from pacs2trial.vault.portable import read_portable, write_portable
from pacs2trial.vault.vault import Vault


def back_up(settings: Settings, file: Path) -> int:
    """Copy the vault as it is at one moment into ``file`` (0600), complete and examined or not at all.

    Returns:
        The size of the backup in bytes.

    Raises:
        InputError: ``file`` exists already or its folder does not.
        SetupError: there is no vault.
        TransientError: disk or database refused.
    """
    database = Database(vault_url(settings.database_url))
    schema.require_head(database)
    if file.exists():
        raise InputError(f"{file} exists already; a backup never overwrites anything")
    with _draft_beside(file) as draft:
        if database.path is not None:
            _copy(database.path, draft)
        else:
            write_portable(database, draft)
        database.close()
        _require_whole(draft)
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            raise InputError(f"{file} exists already; a backup never overwrites anything") from None
    return file.stat().st_size


def restore_backup(settings: Settings, file: Path, *, actor: str) -> str:
    """Make the content of ``file`` the vault's, in one transaction that running processes see as such.

    The backup is examined first, opened with this site's secret and migrated to this release, all in a copy. What was
    the vault before is kept: beside a SQLite file, in a schema of its own on PostgreSQL.

    Returns:
        Where the former vault is kept; empty when there was none.

    Raises:
        InputError: ``file`` is absent or no whole backup of a vault.
        SetupError: the secret file is not the one of this backup.
        TransientError: disk or database refused; nothing has changed.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
    database = Database(vault_url(settings.database_url))
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = database.path or settings.home / "vault"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft_beside(place) as draft:
        _copy(file, draft)
        _require_whole(draft)
        _open_once(settings, draft)
        if database.path is not None:
            former = _replace_file(database.path, draft)
        else:
            schema_name = read_portable(draft, database)
            former = f"schema {schema_name} of the same database" if schema_name else ""
    database.close()
    restored = Vault.open(settings)
    restored.audit.record("restore-backup", actor=actor, target=file.name)
    restored.close()
    return former


def _replace_file(vault: Path, draft: Path) -> str:
    """Put the content of ``draft`` into the vault's file; returns where the former content is kept."""
    former = ""
    if vault.exists():
        kept = vault.with_name(f"{vault.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        kept.touch(mode=0o600)
        _copy(vault, kept)
        former = str(kept)
    else:
        vault.touch(mode=0o600)
    _copy(draft, vault)
    return former


@contextmanager
def _draft_beside(file: Path) -> Iterator[Path]:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise InputError(f"cannot write to {file.parent}: {error.strerror}") from None
    try:
        yield draft
    finally:
        for leftover in (draft, *(draft.with_name(f"{draft.name}-{suffix}") for suffix in ("wal", "shm", "journal"))):
            leftover.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a database page by page in one transaction on either side, whoever works with them."""
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as read,
            closing(sqlite3.connect(target, timeout=WAIT_SECONDS)) as written,
        ):
            read.backup(written)
    except sqlite3.OperationalError as error:
        raise TransientError(f"the vault could not be copied: {error}; try again later") from None
    except sqlite3.DatabaseError:
        raise InputError(f"{source} is not a whole SQLite database") from None


def _require_whole(copy: Path) -> None:
    try:
        with closing(sqlite3.connect(copy)) as database:
            answers = [row[0] for row in database.execute("PRAGMA integrity_check(5)")]
            names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        raise InputError("this is not a whole SQLite database") from None
    if answers != ["ok"]:
        raise InputError("this database is damaged: PRAGMA integrity_check finds faults in it")
    if schema.VERSION_TABLE not in names:
        raise InputError("this database is not a vault: it has none of its tables")


def _open_once(settings: Settings, copy: Path) -> None:
    """Migrate the copy and open it with the secret of this site."""
    there = settings.model_copy(update={"database_url": f"sqlite:///{copy}"})
    database = Database(vault_url(there.database_url))
    try:
        schema.upgrade(database)
    finally:
        database.close()
    Vault.open(there).close()
