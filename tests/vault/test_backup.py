"""One backup for both kinds of database, taken while others write, and restored to either."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from pacs2trial.errors import InputError, PermanentError
from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.backup import back_up, restore_backup
from pacs2trial.vault.compact import unpacked
from pacs2trial.vault.tables import AuditEntry, Base, Kind
from support.processes import Child
from support.vaults import PostgresServer

MARKER = "ACC-PLANTED-91"
UIDS = [Original(Kind.UID, f"1.2.3.{number}") for number in range(1500)]


def fill(vault: Vault) -> dict[Original, str]:
    """Something in every kind of column."""
    vault.audit.record("keys import", actor="test", trial="T", target="version 1", rows=3)
    vault.pin("definition", b"content")
    vault.identities.patient("", "RXH4711")
    vault.date_shift(vault.identities.patient("", "RXH4711").person_id, "T")
    return vault.pseudonyms("STAGING").resolve([*UIDS, Original(Kind.ACCESSION, MARKER)])


def content(vault: Vault) -> dict[str, list[tuple[Any, ...]]]:
    with vault.session(read_only=True) as session:
        return {
            name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


def on_postgres(settings: Settings, server: PostgresServer) -> Settings:
    """The same home and secret with an empty PostgreSQL database."""
    return Settings(**{**settings.model_dump(), "database_url": server.new_database()})


def test_a_backup_brings_everything_back(vault: Vault, vault_settings: Settings, tmp_path: Path) -> None:
    known, before = fill(vault), content(vault)
    size = back_up(vault_settings, tmp_path / "backup")
    assert size == (tmp_path / "backup").stat().st_size
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    vault.pseudonyms("STAGING").resolve([Original(Kind.UID, "9.9.9")])
    assert restore_backup(vault_settings, tmp_path / "backup", actor="test")
    restored = Vault.open(vault_settings)
    after = content(restored)
    audit = after.pop("audit")
    assert before.pop("audit") == audit[:-1]
    assert after == before
    assert restored.audit.verify_chain() == []
    assert restored.pseudonyms("STAGING").resolve(known) == known
    assert len(restored.pseudonyms("STAGING").resolve([Original(Kind.UID, "8.8.8")])) == 1, "numbers go on"
    restored.close()


def test_from_one_kind_of_database_to_the_other(
    vault: Vault, vault_settings: Settings, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    known = fill(vault)
    back_up(vault_settings, tmp_path / "backup")
    other = (
        on_postgres(vault_settings, postgres_server)
        if "sqlite" in vault_settings.database_url
        else Settings(**{**vault_settings.model_dump(), "database_url": f"sqlite:///{tmp_path / 'other.db'}"})
    )
    assert restore_backup(other, tmp_path / "backup", actor="test") == ""
    restored = Vault.open(other)
    assert restored.pseudonyms("STAGING").resolve(known) == known
    with restored.session(read_only=True) as session:
        assert len(session.scalars(select(AuditEntry)).all()) == 2
    assert restored.audit.verify_chain() == []
    with pytest.raises(PermanentError, match="vault"), restored.session() as session:
        session.execute(text("DELETE FROM audit"))
    restored.close()


def test_the_former_vault_is_kept(vault: Vault, vault_settings: Settings, tmp_path: Path) -> None:
    fill(vault)
    back_up(vault_settings, tmp_path / "backup")
    later = vault.pseudonyms("STAGING").resolve([Original(Kind.UID, "9.9.9")])
    former = restore_backup(vault_settings, tmp_path / "backup", actor="test")
    query = "SELECT lookup FROM {}pseudonym"
    if former.startswith("schema "):
        with vault.session(read_only=True) as session:
            found = session.execute(text(query.format(former.split()[1] + "."))).scalars().all()
    else:
        found = [row[0] for row in sqlite3.connect(former).execute(query.format(""))]
    assert {unpacked(one) for one in found} >= {original.value for original in later}


def test_a_backup_shows_one_moment_while_others_write(vault: Vault, vault_settings: Settings, tmp_path: Path) -> None:
    def write_for_ever(send: Callable[[Any], None]) -> None:
        pseudonyms = Vault.open(vault_settings).pseudonyms("T")
        for batch in count():
            pseudonyms.resolve(Original(Kind.UID, f"1.{batch}.{number}") for number in range(100))
            send(batch)

    fill(vault)
    vault.pseudonyms("T")
    child = Child(write_for_ever)
    child.result()
    back_up(vault_settings, tmp_path / "backup")
    child.kill()
    rows = sqlite3.connect(tmp_path / "backup").execute("SELECT lookup FROM pseudonym WHERE kind = 'uid'")
    found = {unpacked(row[0]) for row in rows}
    assert found >= {f"1.0.{number}" for number in range(100)}
    assert (len(found) - len(UIDS)) % 100 == 0, "a batch stands whole or not at all"


def test_encrypted_originals_stay_encrypted(vault: Vault, vault_settings: Settings, tmp_path: Path) -> None:
    fill(vault)
    back_up(vault_settings, tmp_path / "backup")
    raw = (tmp_path / "backup").read_bytes()
    assert MARKER.encode() not in raw
    assert b"RXH4711" not in raw


def test_a_backup_never_overwrites(vault: Vault, vault_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        back_up(vault_settings, tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "mine"


def test_a_backup_that_cannot_be_used_changes_nothing(vault: Vault, vault_settings: Settings, tmp_path: Path) -> None:
    fill(vault)
    before = content(vault)
    (tmp_path / "backup").write_bytes(b"no database")
    with pytest.raises(InputError):
        restore_backup(vault_settings, tmp_path / "backup", actor="test")
    assert content(vault) == before
