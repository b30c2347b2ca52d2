"""What leads from a trial to patients is destroyed; the other trial and the audit go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from pacs2trial.errors import InputError, PermanentError
from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.compact import packed
from pacs2trial.vault.erasure import erase_identities
from pacs2trial.vault.tables import (
    AuditEntry,
    DateShift,
    HeldDecision,
    KeyRow,
    Kind,
    PackageMember,
    PackageRow,
    Pseudonym,
    Scope,
    Subject,
    SubjectGap,
    TrialInstance,
)
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import LUNG, PELVIS, Hospital, small_study

REASON = "the consent was withdrawn"


@pytest.fixture
def site(vault_settings: Settings) -> Hospital:
    """LUNGART and PELVIC have one patient and a package each, on each kind of database."""
    hospital = Hospital(Workspace.open(vault_settings))
    for trial, key in ((LUNG, "LA-001"), (PELVIS, "PV-007")):
        hospital.define(trial)
        hospital.enrol(trial, {key: LUCZYNSKA})
    hospital.stage(small_study())
    for trial, key in ((LUNG, "LA-001"), (PELVIS, "PV-007")):
        hospital.package(trial, key)
    return hospital


def scope_of(vault: Vault, trial: str) -> Scope:
    with vault.session(read_only=True) as session:
        return session.scalars(select(Scope).where(Scope.name == trial)).one()


def erase(site: Hospital) -> None:
    erase_identities(site.ws.vault, LUNG, actor="test", reason=REASON)


def test_no_way_leads_back_and_none_can_be_made(site: Hospital) -> None:
    vault = site.ws.vault
    scope = scope_of(vault, LUNG)
    with vault.session() as session:
        judged = session.scalars(select(TrialInstance).where(TrialInstance.trial == LUNG)).first()
        assert judged is not None
        which = {"trial": LUNG, "instance_id": judged.instance_id, "rule": "ask"}
        session.add(HeldDecision(**which, answer="release", reason="why", decided_by="ann"))
        session.add(SubjectGap(trial=LUNG, subject_id=judged.subject_id, gap="no RTPLAN", number=1))
    erase(site)
    gone = scope_of(vault, LUNG)
    assert (gone.salt, gone.data_key_sealed, gone.wrapped_with) == (None, None, None)
    assert gone.erased_at is not None
    with pytest.raises(PermanentError, match="was erased"):
        Vault.open(site.ws.settings).pseudonyms(LUNG)
    with vault.session(read_only=True) as session:
        for table, column in ((Pseudonym, Pseudonym.scope_id), (DateShift, DateShift.scope_id)):
            assert session.scalar(select(func.count()).select_from(table).where(column == scope.id)) == 0
        subject = session.scalars(select(Subject).where(Subject.trial == LUNG)).one()
        other = session.scalars(select(Subject).where(Subject.trial == PELVIS)).one()
        assert subject.person_id != other.person_id
        assert session.scalars(select(KeyRow.id).where(KeyRow.subject_id == subject.id)).all() == []
        for judged_in in (TrialInstance, HeldDecision, SubjectGap):
            assert session.scalars(select(judged_in.id).where(judged_in.trial == LUNG)).all() == []
        packages = session.scalars(select(PackageRow).where(PackageRow.trial == LUNG)).all()
        assert [row.content_digest for row in packages]
        ids = [row.id for row in packages]
        assert session.scalars(select(PackageMember.id).where(PackageMember.package_id.in_(ids))).all() == []
        assert {vault.pinned(row.inputs) for row in packages} == {b"erased"}


def test_another_trial_of_the_same_patient_goes_on(site: Hospital) -> None:
    before = site.package(PELVIS, "PV-007")
    erase(site)
    before.path.unlink()
    after = site.package(PELVIS, "PV-007")
    assert (after.content_digest, after.changed) == (before.content_digest, False)


def test_a_process_that_still_has_the_keys_makes_nothing(site: Hospital) -> None:
    elsewhere = Vault.open(site.ws.settings)
    pseudonyms = elsewhere.pseudonyms(LUNG)
    erase(site)
    with pytest.raises(PermanentError, match="was erased"):
        pseudonyms.resolve([Original(Kind.UID, "9.9.9")])


def test_salt_and_data_key_are_in_no_file_of_the_vault(settings: Settings, workspace: Workspace) -> None:
    vault = workspace.vault
    vault.pseudonyms(LUNG).resolve(Original(Kind.UID, f"1.2.3.{number}") for number in range(500))
    scope = scope_of(vault, LUNG)
    assert scope.salt
    assert scope.data_key_sealed
    marker = vault.pseudonyms(LUNG).resolve([Original(Kind.UID, "1.2.3.7")]).popitem()[1]
    assert packed(marker) in whole(settings.home)
    erase_identities(vault, LUNG, actor="test", reason=REASON)
    left = whole(settings.home)
    for secret in (scope.salt, scope.data_key_sealed, packed(marker)):
        assert secret not in left


def whole(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.glob("vault.db*")))


def test_it_is_audited_and_happens_once(site: Hospital) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        erase_identities(site.ws.vault, LUNG, actor="test", reason=" ")
    erase(site)
    with pytest.raises(InputError, match="was erased before"):
        erase(site)
    with pytest.raises(InputError, match="has nothing"):
        erase_identities(site.ws.vault, "NOWHERE", actor="test", reason=REASON)
    with site.ws.vault.session(read_only=True) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "erase identities"))
    assert (entry.trial, entry.reason) == (LUNG, REASON)
    assert site.ws.vault.audit.verify_chain() == []
