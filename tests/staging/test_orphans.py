"""A file whose row a crash prevented goes, and no other file does."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import update

from pacs2trial.intake import recording, stage_paths
from pacs2trial.staging import orphans
from pacs2trial.staging.orphans import Orphans, sweep_orphans
from pacs2trial.vault.tables import StagedVersion, now
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import write
from support.findings import require_ledger_and_store_agree, staged_files


@pytest.fixture
def staged(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path) -> list[Path]:
    """The staged files of a small CT."""
    for ds in planning_ct:
        write(ds, tmp_path / "originals")
    assert stage_paths(workspace, [tmp_path / "originals"]).staged == len(planning_ct)
    return staged_files(workspace.settings)


def sweep(workspace: Workspace) -> Orphans:
    return sweep_orphans(workspace.settings, workspace.vault)


def test_only_files_without_a_row_go_and_the_folders_that_they_leave_empty(workspace: Workspace, staged: list[Path]):
    strange = workspace.settings.staging / "P9" / "2.25.1" / "2.25.2" / "2.25.3.dcm"
    strange.parent.mkdir(parents=True)
    for orphan in (strange, staged[0].with_name("2.25.77.dcm"), staged[0].with_suffix(".0a1b2c3d.dcm")):
        shutil.copy(staged[0], orphan)
    (workspace.settings.quarantine / ("ab" * 16)).write_bytes(b"sealed")
    assert sweep(workspace) == Orphans(removed=4, kept=0)
    assert staged_files(workspace.settings) == staged
    assert not strange.parents[2].exists()
    assert list(workspace.settings.quarantine.iterdir()) == []
    require_ledger_and_store_agree(workspace.vault, workspace.settings)
    assert sweep(workspace) == Orphans(0, 0)


def test_what_waits_in_quarantine_and_every_content_of_an_instance_stay(
    workspace: Workspace,
    staged: list[Path],
    rt_study: list[FileDataset],
    planning_ct: list[FileDataset],
    tmp_path: Path,
):
    other = planning_ct[0].__deepcopy__({})
    other.SliceThickness = "9"
    for ds in (other, *(one for one in rt_study if one.Modality == "US")):
        write(ds, tmp_path / "more")
    report = stage_paths(workspace, [tmp_path / "more"])
    assert (report.staged, report.quarantined) == (1, 1)
    assert len(staged_files(workspace.settings)) == len(staged) + 1
    assert sweep(workspace) == Orphans(0, 0)
    assert len(list(workspace.settings.quarantine.iterdir())) == 1


def test_a_file_that_was_marked_as_removed_goes_though_a_crash_kept_it(workspace: Workspace, staged: list[Path]):
    name = str(staged[0].relative_to(workspace.settings.staging))
    with workspace.vault.session() as session:
        session.execute(update(StagedVersion).where(StagedVersion.path == name).values(removed_at=now()))
    assert sweep(workspace).removed == 1
    assert staged_files(workspace.settings) == staged[1:]


def test_a_file_whose_row_is_being_written_stays(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The sweep waits for the writer; it has seen the file before it had a row."""
    write(planning_ct[0], tmp_path / "originals")
    written, seen = threading.Event(), threading.Event()
    record, look = recording.Recorder.record, orphans._unknown

    def slow(self: recording.Recorder, ready: recording.Ready) -> object:
        written.set()
        assert seen.wait(30)
        return record(self, ready)

    def seeing(*arguments: object) -> list[Path]:
        found = look(*arguments)
        seen.set()
        return found

    monkeypatch.setattr(recording.Recorder, "record", slow)
    monkeypatch.setattr(orphans, "_unknown", seeing)
    reports = []
    stager = threading.Thread(target=lambda: reports.append(stage_paths(workspace, [tmp_path / "originals"])))
    stager.start()
    assert written.wait(30)
    assert sweep(workspace) == Orphans(0, 0)
    stager.join()
    assert [report.staged for report in reports] == [1]
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_beside_a_vault_that_came_from_a_backup_what_is_older_stays(workspace: Workspace, staged: list[Path]):
    """Its sender may have heard Success of it; the backup is older than that."""
    lost, fresh = staged[0].with_name("2.25.77.dcm"), staged[0].with_name("2.25.78.dcm")
    shutil.copy(staged[0], lost)
    workspace.vault.audit.record("restore-backup", actor="anna", target="vault.backup")
    shutil.copy(staged[0], fresh)
    os.utime(lost, (now().timestamp() - 60,) * 2)
    assert sweep(workspace) == Orphans(removed=1, kept=1)
    assert lost.exists() and not fresh.exists()


def test_more_than_crashes_leave_stays(workspace: Workspace, staged: list[Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(orphans, "MOST", 2)
    for number in range(3):
        shutil.copy(staged[0], staged[0].with_name(f"2.25.9{number}.dcm"))
    assert sweep(workspace) == Orphans(removed=0, kept=3)
    assert len(staged_files(workspace.settings)) == len(staged) + 3
