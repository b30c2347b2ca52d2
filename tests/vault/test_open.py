from __future__ import annotations

import stat

import pytest
from sqlalchemy import text

from pacs2trial.errors import PermanentError, SetupError, TransientError
from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.secret import create_secret
from pacs2trial.vault.tables import Kind, Pin, Pseudonym, Scope
from pacs2trial.workspace import Workspace
from support.vaults import PostgresServer

MARKER = "1.2.826.4711.4711"


def test_init_makes_everything_readable_by_the_owner_only(workspace: Workspace) -> None:
    home = workspace.settings.home
    assert {path.name for path in home.iterdir() if path.is_dir()} == {"keys", "packages", "quarantine", "staging"}
    for path in (home, *home.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path.name


def test_another_secret_file_is_refused(workspace: Workspace) -> None:
    workspace.settings.secret_path.unlink()
    create_secret(workspace.settings.secret_path)
    with pytest.raises(SetupError, match="restore the right secret file"):
        Vault.open(workspace.settings)


def test_init_makes_no_new_secret_for_a_vault_with_content(workspace: Workspace) -> None:
    workspace.settings.secret_path.unlink()
    with pytest.raises(SetupError, match="restore it from backup"):
        Vault.create(workspace.settings)
    assert not workspace.settings.secret_path.exists()


def test_a_changed_pseudonym_key_is_noticed_although_its_id_is_the_same(workspace: Workspace) -> None:
    path = workspace.settings.secret_path
    kept = path.read_text()
    path.unlink()
    create_secret(path)
    theirs = path.read_text().split('"key": "')[1].split('"')[0]
    ours = kept.split('"key": "')[1].split('"')[0]
    path.write_text(kept.replace(ours, theirs))
    with pytest.raises(SetupError, match="not the one that this vault was made with"):
        Vault.open(workspace.settings)


def test_sqlite_flushes_every_commit_and_keeps_foreign_keys(workspace: Workspace) -> None:
    with workspace.vault.engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


def test_an_error_undoes_the_whole_transaction(vault: Vault) -> None:
    with pytest.raises(KeyError), vault.session() as session:
        session.add(Scope(name="T", salt=b"", data_key_sealed=b"", wrapped_with=""))
        session.flush()
        raise KeyError
    with vault.session(read_only=True) as session:
        assert session.query(Scope.name).all() == [("STAGING",)]


def test_a_reading_session_cannot_write(vault: Vault) -> None:
    with pytest.raises((TransientError, PermanentError)), vault.session(read_only=True) as session:
        session.execute(text("DELETE FROM scope"))


def test_a_reader_does_not_wait_for_a_writer(vault: Vault) -> None:
    with vault.session() as writing:
        writing.add(Pin(digest="d", kind="k", content=b""))
        writing.flush()
        with vault.session(read_only=True) as reading:
            assert reading.get(Pin, "d") is None


def test_a_writing_session_inside_another_is_refused_at_once(workspace: Workspace) -> None:
    with workspace.vault.session(), pytest.raises(RuntimeError, match="end it before"):
        workspace.vault.pin("kind", b"content")
    assert workspace.vault.pin("kind", b"content")


def test_a_refused_row_is_told_without_its_values(vault: Vault) -> None:
    scope_id = vault._scopes.open("T").id
    with pytest.raises(PermanentError) as raised, vault.session() as session:
        for _ in range(2):
            session.add(Pseudonym(scope_id=scope_id, kind=Kind.UID, lookup=MARKER, pseudo=MARKER))
            session.flush()
    assert MARKER not in str(raised.value)
    assert "pseudonym" in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_database_that_is_lost_and_found_again(settings: Settings, postgres_server: PostgresServer) -> None:
    settings = Settings(**{**settings.model_dump(), "database_url": postgres_server.new_database()})
    Vault.create(settings)
    pseudonyms = Vault.open(settings).pseudonyms("STAGING")
    known, unknown = Original(Kind.UID, "1.2"), Original(Kind.UID, MARKER)
    before = pseudonyms.resolve([known])
    postgres_server.stop()
    try:
        with pytest.raises(TransientError, match="did not answer") as raised:
            pseudonyms.resolve([known, unknown])
        with pytest.raises(TransientError):
            Vault.open(settings)
    finally:
        postgres_server.start()
    assert MARKER not in str(raised.value)
    after = pseudonyms.resolve([known, unknown])
    assert before.items() < after.items()


def test_a_vault_file_that_is_no_database_is_told(workspace: Workspace) -> None:
    workspace.vault.close()
    for path in workspace.settings.home.glob("vault.db*"):
        path.write_bytes(b"not a database" * 1000)
    with pytest.raises(PermanentError):
        Vault.open(workspace.settings)
