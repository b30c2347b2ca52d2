from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import text

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import AuditEntry
from pacs2trial.workspace import Workspace
from support.processes import together


@pytest.fixture
def three_entries(vault: Vault) -> Vault:
    for number in range(3):
        subject = f"LA-00{number}"
        vault.audit.record("approved", actor="ann", trial="T", target=subject, reason="seen", digest="d", n=number)
    return vault


def without_triggers(vault: Vault, statement: str) -> None:
    """Change the audit as someone could who owns the database."""
    with vault.session() as session:
        if session.get_bind().dialect.name == "sqlite":
            for verb in ("update", "delete"):
                session.execute(text(f"DROP TRIGGER audit_no_{verb}"))
        else:
            session.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        session.execute(text(statement))


def test_an_act_is_kept_with_who_when_and_why(three_entries: Vault) -> None:
    with three_entries.session(read_only=True) as session:
        entry = session.query(AuditEntry).order_by(AuditEntry.id).first()
    assert entry is not None
    assert (entry.actor, entry.act) == ("ann", "approved")
    assert (entry.trial, entry.target, entry.reason) == ("T", "LA-000", "seen")
    assert entry.detail == {"digest": "d", "n": 0}
    assert entry.at.tzinfo is not None


def test_an_untouched_chain_is_whole(three_entries: Vault, vault_settings: Settings) -> None:
    assert three_entries.audit.verify_chain() == []
    assert Vault.open(vault_settings).audit.verify_chain() == []


def test_the_chain_of_many_writers_is_whole(vault: Vault, vault_settings: Settings) -> None:
    def write(who: str) -> None:
        audit = Vault.open(vault_settings).audit
        for number in range(15):
            audit.record("did", actor=who, number=number)

    together([partial(write, who) for who in "abcd"])
    assert vault.audit.verify_chain() == []
    with vault.session(read_only=True) as session:
        assert session.query(AuditEntry).count() == 60


@pytest.mark.parametrize("table", ["audit", "disclosure"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = 'x'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_what_was_recorded(three_entries: Vault, table: str, statement: str) -> None:
    three_entries.disclose("T", [three_entries.seal("T", b"1")], caller="test", purpose="x")
    column = "actor" if table == "audit" else "caller"
    with pytest.raises((PermanentError, TransientError)), three_entries.session() as session:
        session.execute(text(statement.format(table, column)))
    assert three_entries.audit.verify_chain() == []


@pytest.mark.parametrize("vault_settings", ["postgresql"], indirect=True)
def test_postgresql_refuses_to_empty_the_audit(three_entries: Vault) -> None:
    with pytest.raises((PermanentError, TransientError)), three_entries.session() as session:
        session.execute(text("TRUNCATE audit"))


@pytest.mark.parametrize(
    "change", ["actor = 'bob'", "act = 'rejected'", "target = ''", "reason = 'x'", "detail = '{}'", "trial = 'U'"]
)
def test_a_changed_entry_is_found(three_entries: Vault, change: str) -> None:
    without_triggers(three_entries, f"UPDATE audit SET {change} WHERE id = 2")
    assert three_entries.audit.verify_chain() == ["audit entry 2: it was changed after it was written"]


def test_a_removed_entry_is_found(three_entries: Vault) -> None:
    without_triggers(three_entries, "DELETE FROM audit WHERE id = 2")
    assert three_entries.audit.verify_chain() == [
        "audit entry 3: the one before it was changed, removed or put between"
    ]


def test_a_changed_entry_with_a_copied_digest_is_found(three_entries: Vault) -> None:
    without_triggers(three_entries, "UPDATE audit SET actor = 'bob', digest = 'f' WHERE id = 2")
    assert len(three_entries.audit.verify_chain()) == 2


def test_an_act_that_fails_leaves_no_entry(workspace: Workspace) -> None:
    with pytest.raises(KeyError), workspace.vault.session() as session:
        workspace.vault.audit.append(session, "did", actor="ann")
        raise KeyError
    with workspace.vault.session(read_only=True) as session:
        assert session.query(AuditEntry).count() == 0
