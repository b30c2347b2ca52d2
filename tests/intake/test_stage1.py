"""The one way into staging: durable, the same at every repetition, doubtful things encrypted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import select

from pacs2trial.connections import SiteConnections
from pacs2trial.errors import TransientError, UnsafeObjectError
from pacs2trial.intake import Staged, stage_dataset, stage_part10
from pacs2trial.keytable import accession_lookup
from pacs2trial.settings import Settings
from pacs2trial.staging import ledger, quarantine
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Instance, InstanceState, Pin, StagedVersion
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.findings import require_ledger_and_store_agree, staged_files, staged_objects, states
from support.ledgers import PACS, Book
from support.receivers import encoded
from support.statements import heard


def stage(ws: Workspace, ds: FileDataset, source: str = "push:SCANNER1") -> Staged:
    return stage_dataset(ws, *encoded(ds), source=source)


def test_a_staged_object_is_told_by_its_pseudonym(workspace: Workspace, planning_ct: list[FileDataset]):
    staged = stage(workspace, planning_ct[0])
    (ds,) = staged_objects(workspace.settings)
    size = len(encoded(planning_ct[0])[0])
    assert staged == Staged(InstanceState.STAGED, "", ds.SOPInstanceUID, ds.StudyInstanceUID, size, new=True)
    (path,) = staged_files(workspace.settings)
    below = path.relative_to(workspace.settings.staging)
    assert below.parts == (ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID, f"{ds.SOPInstanceUID}.dcm")


def test_an_announced_instance_that_cannot_be_read_is_quarantined_and_not_missing(workspace: Workspace):
    book = Book(workspace.vault)
    expected = book.announced("A1", 1)
    ledger.expect(workspace.vault, [expected], source=PACS)
    staged = stage_dataset(workspace, b"\0" * 7, "1.2.840.10008.1.2.1", source="push:PACS", named="1.2.3.1.1.1")
    assert (staged.outcome, staged.sop_instance) == (InstanceState.QUARANTINED, expected.sop_instance)
    assert states(workspace.vault) == {expected.sop_instance: InstanceState.QUARANTINED}


def test_pixel_data_are_not_changed(workspace: Workspace, planning_ct: list[FileDataset]):
    stage(workspace, planning_ct[0])
    (ds,) = staged_objects(workspace.settings)
    assert ds.PixelData == planning_ct[0].PixelData


def test_an_object_as_data_set_and_as_file_gives_one_content(workspace: Workspace, planning_ct: list[FileDataset]):
    assert stage(workspace, planning_ct[0]).new
    again = stage_part10(workspace, part10(planning_ct[0]), source="file")
    assert (again.outcome, again.new) == (InstanceState.STAGED, False)
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_the_ledger_has_date_modality_and_sealed_facts(workspace: Workspace, planning_ct: list[FileDataset]):
    ds = planning_ct[0]
    stage(workspace, ds)
    with workspace.vault.session(read_only=True) as session:
        row = session.scalars(select(Instance)).one()
    assert (row.modality, f"{row.study_date:%Y%m%d}") == ("CT", ds.StudyDate)
    assert row.facts_sealed is not None
    facts = json.loads(workspace.vault.unseal("STAGING", row.facts_sealed, caller="test", purpose="a look"))
    assert facts["manufacturer"] == ds.Manufacturer
    assert facts["accession_lookup"] == accession_lookup(workspace.vault, ds.AccessionNumber)
    assert ds.AccessionNumber not in json.dumps(facts)


def test_the_plan_that_made_a_version_is_pinned(workspace: Workspace, planning_ct: list[FileDataset]):
    stage(workspace, planning_ct[0])
    with workspace.vault.session(read_only=True) as session:
        digest = session.scalars(select(StagedVersion.plan)).one()
        assert session.get(Pin, digest) is not None
    assert workspace.vault.pinned(digest).startswith(b"{")


def test_another_content_under_the_same_uid_is_kept_beside_the_first(
    workspace: Workspace, planning_ct: list[FileDataset]
):
    first = stage(workspace, planning_ct[0])
    changed = deepcopy(planning_ct[0])
    changed.PixelData = bytes(len(changed.PixelData))
    assert stage(workspace, changed).new
    names = {path.name.removeprefix(first.sop_instance) for path in staged_files(workspace.settings)}
    with workspace.vault.session(read_only=True) as session:
        versions = {v.current: v for v in session.scalars(select(StagedVersion))}
    assert names == {".dcm", f".{versions[False].digest[:8]}.dcm"}
    assert versions[True].path.endswith(f"{first.sop_instance}.dcm")
    assert not stage(workspace, changed).new
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_a_staged_file_that_was_lost_is_written_again(workspace: Workspace, planning_ct: list[FileDataset]):
    stage(workspace, planning_ct[0])
    (path,) = staged_files(workspace.settings)
    before = path.read_bytes()
    path.unlink()
    assert not stage(workspace, planning_ct[0]).new
    assert path.read_bytes() == before


def test_a_file_left_by_a_failed_commit_is_overwritten_by_the_repetition(
    workspace: Workspace, planning_ct: list[FileDataset]
):
    staged = stage(workspace, planning_ct[0])
    (path,) = staged_files(workspace.settings)
    path.write_bytes(b"another content, of which the ledger knows nothing")
    with workspace.vault.session() as session:
        session.delete(session.scalars(select(StagedVersion)).one())
        session.flush()
        session.delete(session.scalars(select(Instance)).one())
    assert stage(workspace, planning_ct[0]) == staged
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_an_expected_ultrasound_is_found_again_in_quarantine(workspace: Workspace, rt_study: list[FileDataset]):
    image = next(ds for ds in rt_study if ds.Modality == "US")
    book = Book(workspace.vault)
    patient = workspace.vault.identities.patient("", LUCZYNSKA.patient_id)
    expected = ledger.Announced(
        patient.identifier_id,
        book.uid(image.StudyInstanceUID),
        book.uid(image.SeriesInstanceUID),
        book.uid(image.SOPInstanceUID),
        image.SOPClassUID,
        "US",
        None,
    )
    ledger.expect(workspace.vault, [expected], source=PACS)
    staged = stage(workspace, image)
    assert (staged.outcome, staged.reason, staged.sop_instance) == (
        InstanceState.QUARANTINED,
        "ultrasound",
        expected.sop_instance,
    )
    assert states(workspace.vault) == {expected.sop_instance: InstanceState.QUARANTINED}
    assert not stage(workspace, image).new


def test_a_private_sop_class_is_rejected_and_kept_encrypted(workspace: Workspace, planning_ct: list[FileDataset]):
    private = deepcopy(planning_ct[0])
    private.SOPClassUID = private.file_meta.MediaStorageSOPClassUID = "1.3.12.2.1107.5.9.1"
    staged = stage(workspace, private)
    assert (staged.outcome, staged.reason) == (InstanceState.REJECTED, "private-sop-class")
    assert list(states(workspace.vault).values()) == [InstanceState.REJECTED]
    assert [item.state for item in quarantine.items(workspace, decided=True)] == ["rejected"]
    assert len(list(workspace.settings.quarantine.iterdir())) == 1


def test_an_object_that_names_another_patient_than_announced_is_quarantined(
    workspace: Workspace, planning_ct: list[FileDataset]
):
    ds = planning_ct[0]
    book = Book(workspace.vault)
    other = workspace.vault.identities.patient("", OXENBARGER.patient_id)
    expected = ledger.Announced(
        other.identifier_id, book.uid(ds.StudyInstanceUID), book.uid("1.2"), book.uid(ds.SOPInstanceUID), "", "CT", None
    )
    ledger.expect(workspace.vault, [expected], source=PACS)
    staged = stage(workspace, ds)
    assert (staged.outcome, staged.reason) == (InstanceState.QUARANTINED, "other-patient")
    assert states(workspace.vault) == {expected.sop_instance: InstanceState.QUARANTINED}
    assert staged_files(workspace.settings) == []


def test_the_issuer_of_the_site_stands_in_where_the_object_names_none(
    workspace: Workspace, planning_ct: list[FileDataset]
):
    named = deepcopy(planning_ct[1])
    named.IssuerOfPatientID = "ANOTHER HOSPITAL"
    first, second = stage(workspace, planning_ct[0]), stage(workspace, named)
    assert first.sop_instance != second.sop_instance
    assert len({path.parts[-4] for path in staged_files(workspace.settings)}) == 2


def test_what_is_no_dicom_object_is_told_and_not_kept(workspace: Workspace):
    with pytest.raises(UnsafeObjectError, match="not-dicom"):
        stage_part10(workspace, b"plain text " * 100, source="file")
    assert quarantine.items(workspace) == []


def test_an_unknown_transfer_syntax_is_kept_encrypted(workspace: Workspace, planning_ct: list[FileDataset]):
    data, _ = encoded(planning_ct[0])
    staged = stage_dataset(workspace, data, "1.2.3.4", source="push:X")
    assert (staged.outcome, staged.reason) == (InstanceState.QUARANTINED, "transfer-syntax")


def test_a_lost_database_leaves_nothing_that_counts(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path
):
    stage(workspace, planning_ct[0])
    workspace.vault.close()
    home = workspace.settings.home
    aside = tmp_path / "aside"
    aside.mkdir()
    for file in home.glob("vault.db*"):
        file.rename(aside / file.name)
    (home / "vault.db").mkdir()
    with pytest.raises(TransientError):
        stage(workspace, planning_ct[1])
    (home / "vault.db").rmdir()
    for file in aside.iterdir():
        file.rename(home / file.name)
    assert stage(workspace, planning_ct[1]).new
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_a_study_is_staged_and_counted_once_on_either_database(
    vault: Vault, vault_settings: Settings, rt_study: list[FileDataset]
):
    ws = Workspace(vault_settings, vault, SiteConnections(vault_settings))
    first, again = ([stage(ws, ds) for ds in rt_study] for _ in range(2))
    assert all(one.new for one in first)
    assert [replace(one, new=False) for one in first] == again
    assert set(states(vault)) == {one.sop_instance for one in first}
    require_ledger_and_store_agree(vault, vault_settings)


def test_threads_that_bring_two_contents_of_one_instance_keep_both(
    vault: Vault, vault_settings: Settings, planning_ct: list[FileDataset]
):
    ws = Workspace(vault_settings, vault, SiteConnections(vault_settings))
    changed = deepcopy(planning_ct[0])
    changed.PixelData = bytes(len(changed.PixelData))
    with ThreadPoolExecutor(8) as pool:
        staged = list(pool.map(lambda ds: stage(ws, ds), [planning_ct[0], changed] * 8))
    assert {one.outcome for one in staged} == {InstanceState.STAGED}
    assert sum(one.new for one in staged) == len(staged_files(vault_settings)) == 2
    require_ledger_and_store_agree(vault, vault_settings)


def test_one_object_costs_a_handful_of_statements(workspace: Workspace, planning_ct: list[FileDataset]):
    """Counted on the connection; the objects of a series share patient, study and frame of reference."""

    stage(workspace, planning_ct[0])
    with heard(workspace.vault) as statements:
        stage(workspace, planning_ct[1])
    assert len(statements) <= 10, statements
