"""Files, folders and zips enter through the same stage 1; every file is accounted for."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pydicom.fileset import FileSet

from pacs2trial.errors import InputError, TransientError
from pacs2trial.intake import StagePathsReport, crew, stage_file, stage_paths
from pacs2trial.media import PlainFile, offered
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, write
from pacs2trial_demo.identities import LUCZYNSKA
from support.findings import identities_outside_the_vault, require_ledger_and_store_agree, staged_files, states


@pytest.fixture
def folder(tmp_path: Path, rt_study: list[FileDataset]) -> Path:
    """A study in a folder, with a text file and a media directory beside it."""
    made = tmp_path / "exported"
    for ds in rt_study:
        write(ds, made)
    (made / "README.txt").write_text("no DICOM object")
    (made / "empty").touch()
    return made


def test_a_folder_is_taken_in_at_every_depth_and_every_file_is_counted(
    workspace: Workspace, folder: Path, rt_study: list[FileDataset]
):
    told: list[int] = []
    report = stage_paths(workspace, [folder], progress=told.append)
    number = len(rt_study)
    assert report == StagePathsReport(files=number + 2, staged=number - 1, quarantined=1, not_dicom=2)
    assert told == list(range(1, number + 3))
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_a_second_time_everything_is_a_duplicate(workspace: Workspace, folder: Path, rt_study: list[FileDataset]):
    stage_paths(workspace, [folder])
    before = [path.read_bytes() for path in staged_files(workspace.settings)]
    report = stage_paths(workspace, [folder, folder])
    assert (report.staged, report.quarantined, report.duplicates) == (0, 0, 2 * len(rt_study))
    assert [path.read_bytes() for path in staged_files(workspace.settings)] == before


def test_a_zip_gives_the_same_as_its_folder_and_leaves_nothing_unpacked(
    workspace: Workspace, folder: Path, rt_study: list[FileDataset]
):
    archive = _zip(folder, folder.parent / "exported.zip")
    report = stage_paths(workspace, [archive])
    number = len(rt_study)
    assert report == StagePathsReport(files=number + 2, staged=number - 1, quarantined=1, not_dicom=2)
    assert identities_outside_the_vault(workspace.settings, [LUCZYNSKA]) == []
    assert stage_paths(workspace, [folder]).duplicates == number


def test_an_encrypted_or_broken_zip_is_a_problem_and_the_rest_is_taken_in(
    workspace: Workspace, folder: Path, planning_ct: list[FileDataset]
):
    archive = _zip(folder, folder / "whole.zip")
    broken = bytearray(archive.read_bytes())
    start = broken.find(planning_ct[0].PixelData[:64])
    assert start < 0, "compressed, so that damage is found"
    broken[2000:2100] = bytes(100)
    (folder / "broken.zip").write_bytes(broken)
    report = stage_paths(workspace, [folder])
    assert any("is damaged" in problem for problem in report.problems)
    counted = report.staged + report.duplicates + report.quarantined + report.rejected + report.not_dicom
    assert report.unread == len(report.problems) > 0
    assert counted + report.unread == report.files


def test_problems_do_not_repeat_file_names(workspace: Workspace, folder: Path):
    named = folder / f"{LUCZYNSKA.family}.zip"
    named.write_bytes(_zip(folder, folder.parent / "x.zip").read_bytes()[:-30] + b"PK\x05\x06" + bytes(18))
    report = stage_paths(workspace, [folder])
    assert LUCZYNSKA.family not in repr(report)


def test_a_media_directory_is_no_object(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    made = FileSet()
    made.add(planning_ct[0])
    made.write(tmp_path / "medium")
    assert stage_file(workspace, tmp_path / "medium" / "DICOMDIR") is None
    assert quarantine.items(workspace) == []


def medium(folder: Path, objects: list[FileDataset]) -> Path:
    made = FileSet()
    for ds in objects:
        made.add(ds)
    made.write(folder)
    return folder


def test_a_medium_is_taken_in_and_everything_that_its_directory_names_is_there(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path
):
    report = stage_paths(workspace, [medium(tmp_path / "disc", planning_ct)])
    number = len(planning_ct)
    assert report == StagePathsReport(files=number + 1, staged=number, not_dicom=1)


@pytest.mark.parametrize("wrapped", ["folder", "zip", "tar", "dicomdir"])
def test_what_a_medium_names_and_does_not_hold_is_told(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path, wrapped: str
):
    disc = medium(tmp_path / "disc", planning_ct)
    files = sorted(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    files[0].unlink()
    files[1].write_text("no object any more")
    offers = {"folder": disc, "dicomdir": disc / "DICOMDIR"}
    if wrapped == "zip":
        offers["zip"] = _zip(disc, tmp_path / "disc.zip")
    if wrapped == "tar":
        offers["tar"] = tmp_path / "disc.tar"
        with tarfile.open(offers["tar"], "w") as archive:
            archive.add(disc, "disc")
    report = stage_paths(workspace, [offers[wrapped]])
    number = len(planning_ct)
    assert (report.files, report.staged, report.not_dicom) == (number, number - 2, 2)
    assert report.missing == 1
    assert [problem.partition(": ")[2] for problem in report.problems] == [
        "1 files that its DICOMDIR names and that are not there",
        "1 files that its DICOMDIR names and that are no DICOM objects",
    ]


def test_a_dicomdir_by_itself_stands_for_what_it_names(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path
):
    disc = medium(tmp_path / "disc", planning_ct[1:])
    write(planning_ct[0], disc / "not named")
    report = stage_paths(workspace, [disc / "DICOMDIR"])
    assert report.staged == len(planning_ct) - 1
    assert report.problems == []


def test_several_processes_give_what_one_gives(
    workspace: Workspace, folder: Path, rt_study: list[FileDataset], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(crew, "ALONE", 1)
    told: list[int] = []
    archive = _zip(folder, folder.parent / "exported.zip")
    report = stage_paths(workspace, [folder, archive], progress=told.append, processes=2)
    number = len(rt_study)
    assert report.staged + report.quarantined + report.duplicates == 2 * number
    assert (report.files, report.staged, report.quarantined) == (2 * number + 4, number - 1, 1)
    assert told == list(range(1, report.files + 1))
    require_ledger_and_store_agree(workspace.vault, workspace.settings)
    assert identities_outside_the_vault(workspace.settings, [LUCZYNSKA]) == []


def test_a_process_that_is_killed_loses_nothing(
    workspace: Workspace, folder: Path, rt_study: list[FileDataset], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(crew, "ALONE", 0)
    with crew.Crew(workspace, "file", 2) as helpers:
        one = next(one for one in offered([folder]) if isinstance(one, PlainFile))
        helpers.stage(one)
        assert helpers._pool is not None
        for process in list(helpers._pool._processes.values()):
            process.kill()
        with pytest.raises(TransientError, match="stage the same again"):
            list(helpers.rest())
    report = stage_paths(workspace, [folder])
    assert report.staged + report.duplicates + report.quarantined == len(rt_study)


def test_a_file_cut_short_is_kept_encrypted(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    path = tmp_path / "cut.dcm"
    path.write_bytes(part10(planning_ct[0])[:6000])
    staged = stage_file(workspace, path)
    assert staged is not None
    assert (staged.outcome, staged.sop_instance, staged.reason) == (InstanceState.QUARANTINED, "", "truncated")
    assert identities_outside_the_vault(workspace.settings, [LUCZYNSKA]) == []


def test_a_file_without_preamble_is_an_object(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    path = tmp_path / "bare.dcm"
    path.write_bytes(part10(planning_ct[0])[132:])
    staged = stage_file(workspace, path)
    assert staged is not None
    assert staged.outcome is InstanceState.STAGED


def test_a_path_that_does_not_exist_is_refused_before_anything_is_taken_in(workspace: Workspace, folder: Path):
    with pytest.raises(InputError, match="argument 2"):
        stage_paths(workspace, [folder, folder / "nowhere"])
    assert states(workspace.vault) == {}


def test_a_store_that_fails_ends_the_work_and_a_repetition_completes_it(
    workspace: Workspace, folder: Path, rt_study: list[FileDataset]
):
    workspace.settings.staging.rmdir()
    workspace.settings.staging.write_text("in the way")
    with pytest.raises(TransientError):
        stage_paths(workspace, [folder])
    workspace.settings.staging.unlink()
    report = stage_paths(workspace, [folder])
    assert report.staged == len(rt_study) - 1


def _zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file != path:
                archive.write(file, file.relative_to(folder))
    return path
