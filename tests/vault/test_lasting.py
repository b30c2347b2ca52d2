"""Pins, date shifts, sealed values, disclosures."""

from __future__ import annotations

import hashlib

import pytest

from pacs2trial.errors import PermanentError
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.derivation import days_from
from pacs2trial.vault.tables import DateShift, Disclosure, Pin
from pacs2trial.workspace import Workspace


def test_a_pin_is_found_by_its_digest(vault: Vault) -> None:
    digest = vault.pin("definition", b"content")
    assert digest == hashlib.sha256(b"content").hexdigest()
    assert vault.pinned(digest) == b"content"


def test_the_same_content_is_pinned_once(vault: Vault) -> None:
    assert vault.pin("definition", b"content") == vault.pin("definition", b"content")
    with vault.session(read_only=True) as session:
        assert session.query(Pin).count() == 1


def test_a_missing_or_changed_pin_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(PermanentError, match="does not hold"):
        workspace.vault.pinned("0" * 64)
    digest = workspace.vault.pin("definition", b"content")
    with workspace.vault.session() as session:
        session.query(Pin).update({"content": b"other"})
    with pytest.raises(PermanentError, match="does not hold"):
        workspace.vault.pinned(digest)


def test_dates_of_a_person_move_by_the_same_days_for_ever(vault: Vault, vault_settings: Settings) -> None:
    person = vault.identities.patient("", "1").person_id
    days = vault.date_shift(person, "T")
    assert Vault.open(vault_settings).date_shift(person, "T") == days
    assert days != 0
    assert -3650 <= days <= 3650


def test_the_stored_days_decide(vault: Vault) -> None:
    person = vault.identities.patient("", "1").person_id
    vault.date_shift(person, "T")
    with vault.session() as session:
        session.query(DateShift).update({"days": 7})
    assert vault.date_shift(person, "T") == 7


def test_persons_and_trials_have_shifts_of_their_own(workspace: Workspace) -> None:
    vault = workspace.vault
    persons = [patient.person_id for patient in vault.identities.patients([("", str(n)) for n in range(8)]).values()]
    shifts = [vault.date_shift(person, trial) for person in persons for trial in ("T12", "T21")]
    assert len(set(shifts)) > len(shifts) / 2


def test_every_number_of_days_but_zero_can_come() -> None:
    digests = [number.to_bytes(8, "big") for number in range(20)]
    assert {days_from(digest, most=3) for digest in digests} == {-3, -2, -1, 1, 2, 3}


def test_a_sealed_value_opens_in_its_scope_only(workspace: Workspace) -> None:
    sealed = workspace.vault.seal("T12", b"value")
    assert workspace.vault.unseal("T12", sealed, caller="test", purpose="x") == b"value"
    with pytest.raises(PermanentError):
        workspace.vault.unseal("T21", sealed, caller="test", purpose="x")


def test_sealed_values_open_in_another_process_s_vault(vault: Vault, vault_settings: Settings) -> None:
    sealed = vault.seal("STAGING", b"value")
    assert Vault.open(vault_settings).unseal("STAGING", sealed, caller="test", purpose="x") == b"value"


def test_every_disclosure_is_recorded(vault: Vault) -> None:
    vault.disclose("T", [vault.seal("T", b"1"), vault.seal("T", b"2")], caller="verify", purpose="own identifiers")
    patient = vault.identities.patient("", "1")
    vault.identities.original_ids([patient.identifier_id], caller="retrieve", purpose="C-FIND")
    with vault.session(read_only=True) as session:
        found = {(row.caller, row.purpose, row.count) for row in session.query(Disclosure)}
    assert found == {("verify", "own identifiers", 2), ("retrieve", "C-FIND", 1)}


def test_a_fingerprint_recognises_and_does_not_reveal(workspace: Workspace) -> None:
    assert workspace.vault.fingerprint(b"123") == Vault.open(workspace.settings).fingerprint(b"123")
    assert workspace.vault.fingerprint(b"123") != workspace.vault.fingerprint(b"124")
    assert workspace.vault.fingerprint(b"123") != hashlib.sha256(b"123").hexdigest()
