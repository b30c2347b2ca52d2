"""A new key-encryption key changes no pseudonym, and a crash at any point leaves a vault that opens."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.connections import Connection
from pacs2trial.errors import InputError, SetupError
from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.rotation import rotate_secret
from pacs2trial.vault.secret import new_secret
from pacs2trial.vault.tables import AuditEntry, Kind, Scope

UIDS = [Original(Kind.UID, f"1.2.3.{number}") for number in range(20)]


def test_nothing_is_called_otherwise_afterwards(vault: Vault, vault_settings: Settings) -> None:
    known = {scope: vault.pseudonyms(scope).resolve(UIDS) for scope in ("STAGING", "T")}
    sealed = vault.seal("T", b"a row")
    before = json.loads(vault_settings.secret_path.read_text())
    done = rotate_secret(vault_settings, actor="test")
    after = json.loads(vault_settings.secret_path.read_text())
    assert (after["pseudonym"], after["lookup"]) == (before["pseudonym"], before["lookup"])
    assert [key["id"] for key in after["wrap"]] == [done.key_id]
    assert after["wrap"] != before["wrap"]
    assert stat.S_IMODE(vault_settings.secret_path.stat().st_mode) == 0o600
    fresh = Vault.open(vault_settings)
    new = [Original(Kind.UID, "9.9.9")]
    assert {scope: fresh.pseudonyms(scope).resolve(UIDS) for scope in known} == known
    assert fresh.pseudonyms("T").resolve(new) == vault.pseudonyms("T").resolve(new)
    assert fresh.unseal("T", sealed, caller="test", purpose="test") == b"a row"
    with fresh.session(read_only=True) as session:
        assert set(session.scalars(select(Scope.wrapped_with))) == {done.key_id}
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "secret rotate"))
    assert entry.detail == {"scopes": 2}
    assert fresh.audit.verify_chain() == []


def test_the_old_secret_does_not_open_the_vault_any_more(vault: Vault, vault_settings: Settings) -> None:
    vault.pseudonyms("T")
    done = rotate_secret(vault_settings, actor="test")
    vault_settings.secret_path.write_bytes(done.former.read_bytes())
    with pytest.raises(SetupError, match="restore the right secret file"):
        Vault.open(vault_settings)


def test_a_crash_before_wrapping_leaves_a_vault_that_opens(
    vault: Vault, vault_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = vault.pseudonyms("T").resolve(UIDS)
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "wrap_anew", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rotate_secret(vault_settings, actor="test")
    assert Vault.open(vault_settings).pseudonyms("T").resolve(UIDS) == known
    rotate_secret(vault_settings, actor="test")
    assert len(json.loads(vault_settings.secret_path.read_text())["wrap"]) == 1
    assert Vault.open(vault_settings).pseudonyms("T").resolve(UIDS) == known


class Backend:
    """A secrets backend with one connection."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get(self, name: str) -> Connection:
        assert name == "pacs2trial_secret"
        return Connection(name, "generic", password=self.text)


def test_the_secret_may_come_from_a_secrets_backend(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", secret_connection="pacs2trial_secret")
    backend = Backend(new_secret())
    Vault.create(settings, backend)
    known = Vault.open(settings, backend).pseudonyms("T").resolve(UIDS)
    assert Vault.open(settings, backend).pseudonyms("T").resolve(UIDS) == known
    assert not settings.secret_path.exists()
    with pytest.raises(SetupError, match="PACS2TRIAL_SECRET_CONNECTION"):
        Vault.open(settings)
    with pytest.raises(SetupError, match="restore the right secret"):
        Vault.open(settings, Backend(new_secret()))
    with pytest.raises(SetupError, match="password of connection"):
        Vault.open(settings, Backend("changeme"))
    with pytest.raises(InputError, match="save it to a file"):
        rotate_secret(settings, actor="test")
