"""Collecting a subject: stage 2 into packages that repeat to the byte."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pydicom
import pytest
from sqlalchemy import select

from pacs2trial import __version__
from pacs2trial.collect import collect_subject
from pacs2trial.errors import BalanceError, HeldError, PermanentError, TransientError
from pacs2trial.settings import Settings
from pacs2trial.staging.ledger import Announced, expect
from pacs2trial.vault.tables import Instance, Judgement, PackageRow, PackageState, StagedVersion, TrialInstance
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.hospital import FIRST_DAY, LUNG, PELVIS, SECOND_DAY, Hospital, small_study
from support.packages import objects_of

BESIDE = {"conformance.md", "inventory.csv", "inventory.parquet", "manifest.json"}
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "manifest.schema.json").read_text())


def manifest_of(package: Path) -> dict:
    with zipfile.ZipFile(package) as archive:
        return json.loads(archive.read("manifest.json"))


def uids_of(package: Path) -> set[str]:
    """Every UID value of a package that the standard does not define."""
    found: set[str] = set()

    def note(_dataset: pydicom.Dataset, element: pydicom.DataElement) -> None:
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else element.value
            found.update(uid for uid in values if not uid.startswith("1.2.840.10008."))

    for dataset in objects_of(package):
        dataset.walk(note)
    return found


def versions(ws: Workspace, trial: str) -> list[tuple[int, str]]:
    with ws.vault.session(read_only=True) as session:
        rows = session.scalars(select(PackageRow).where(PackageRow.trial == trial).order_by(PackageRow.version))
        return [(row.version, row.state) for row in rows]


def test_package_holds_every_accepted_object_under_its_pseudonyms(hospital: Hospital) -> None:
    made = hospital.package(LUNG, "LA-001")
    objects = objects_of(made.path)
    assert made.instances == len(objects) == len(small_study())
    with zipfile.ZipFile(made.path) as archive:
        names = {
            f"LA-001/{each.StudyInstanceUID}/{each.SeriesInstanceUID}/{each.SOPInstanceUID}.dcm" for each in objects
        }
        assert set(archive.namelist()) == names | BESIDE


def test_objects_carry_the_subject_key_and_the_trial(hospital: Hospital) -> None:
    for each in objects_of(hospital.package(LUNG, "LA-001").path):
        assert (each.PatientID, str(each.PatientName), each.ClinicalTrialSubjectID) == ("LA-001",) * 3
        assert each.ClinicalTrialProtocolID == "LUNGART-P1"
        assert each.PatientIdentityRemoved == "YES"


def test_manifest_is_as_its_schema_says_and_agrees_with_the_members(hospital: Hospital) -> None:
    made = hospital.package(LUNG, "LA-001")
    manifest = manifest_of(made.path)
    jsonschema.validate(manifest, SCHEMA)
    with zipfile.ZipFile(made.path) as archive:
        infos = {info.filename: info.file_size for info in archive.infolist() if info.filename.endswith(".dcm")}
    assert {member["name"]: member["size"] for member in manifest["members"]} == infos
    modalities = [each.Modality for each in objects_of(made.path)]
    assert manifest["counts"]["by_modality"] == {name: modalities.count(name) for name in modalities}


def test_collecting_again_changes_and_writes_nothing(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    stat = first.path.stat()
    second = hospital.package(LUNG, "LA-001")
    assert (second.changed, second.package_id, second.sha256) == (False, first.package_id, first.sha256)
    assert (first.path.stat().st_mtime_ns, first.path.stat().st_ino) == (stat.st_mtime_ns, stat.st_ino)


def test_a_lost_package_is_made_again_to_the_byte(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    content = first.path.read_bytes()
    first.path.unlink()
    second = hospital.package(LUNG, "LA-001")
    assert second.path.read_bytes() == content
    assert (second.changed, second.package_id) == (False, first.package_id)


def test_a_damaged_package_is_made_again(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    content = first.path.read_bytes()
    first.path.write_bytes(content[:-1] + b"x")
    hospital.package(LUNG, "LA-001")
    assert first.path.read_bytes() == content


def test_another_order_of_staging_in_another_home_gives_the_same_bytes(
    hospital: Hospital, settings: Settings, tmp_path: Path
) -> None:
    first = hospital.package(LUNG, "LA-001")
    second = Hospital(other_home(settings, tmp_path / "elsewhere"))
    second.define(LUNG)
    second.enrol(LUNG, {"LA-001": LUCZYNSKA})
    second.stage(reversed(small_study()))
    again = second.package(LUNG, "LA-001")
    second.ws.vault.close()
    assert again.path.read_bytes() == first.path.read_bytes()
    assert again.content_digest == first.content_digest


def other_home(settings: Settings, home: Path) -> Workspace:
    """A site with vault and secret of another, and no file of it."""
    home.mkdir()
    trials = home / "trials"
    trials.mkdir()
    copied = Settings(home=home, trials=trials, receiver_port=0)
    for name in ("vault.db", "vault.db-wal", "secret.json"):
        if (settings.home / name).exists():
            shutil.copy2(settings.home / name, home / name)
    for folder in (copied.staging, copied.quarantine, copied.packages, copied.keys):
        folder.mkdir()
    return Workspace.open(copied)


def test_two_trials_of_one_person_have_no_uid_in_common(hospital: Hospital) -> None:
    lung, pelvis = hospital.package(LUNG, "LA-001"), hospital.package(PELVIS, "PV-007")
    assert len(uids_of(lung.path)) == len(uids_of(pelvis.path)) > 0
    assert uids_of(lung.path) & uids_of(pelvis.path) == set()


def test_two_trials_of_one_person_have_no_date_in_common(hospital: Hospital) -> None:
    dates = [
        {each.StudyDate for each in objects_of(hospital.package(trial, key).path)}
        for trial, key in ((LUNG, "LA-001"), (PELVIS, "PV-007"))
    ]
    assert all(dates)
    assert dates[0].isdisjoint(dates[1])
    assert f"{FIRST_DAY:%Y%m%d}" not in dates[0] | dates[1]


def test_new_data_make_a_new_version_and_supersede_the_old(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    hospital.stage(small_study(when=SECOND_DAY))
    second = hospital.package(LUNG, "LA-001")
    assert second.changed
    assert second.content_digest != first.content_digest
    assert second.instances == 2 * first.instances
    assert versions(hospital.ws, LUNG) == [(1, PackageState.SUPERSEDED), (2, PackageState.MADE)]
    assert len(list(first.path.parent.iterdir())) == 1


def test_new_data_of_one_person_leave_packages_of_others_alone(hospital: Hospital) -> None:
    hospital.stage(small_study(OXENBARGER))
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    hospital.package(LUNG, "LA-001")
    assert not hospital.package(LUNG, "LA-001").changed
    assert hospital.package(LUNG, "LA-002").changed


def test_an_import_that_changes_other_rows_changes_no_package(hospital: Hospital) -> None:
    hospital.package(LUNG, "LA-001")
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    assert not hospital.package(LUNG, "LA-001").changed


def test_a_corrected_key_moves_the_person_to_the_new_package_alone(hospital: Hospital) -> None:
    hospital.stage(small_study(OXENBARGER))
    before = hospital.package(LUNG, "LA-001")
    names = set(zipfile.ZipFile(before.path).namelist()) - BESIDE
    hospital.enrol(LUNG, {"LA-001": OXENBARGER, "LA-002": LUCZYNSKA})
    after, moved = hospital.package(LUNG, "LA-001"), hospital.package(LUNG, "LA-002")
    assert names.isdisjoint(zipfile.ZipFile(after.path).namelist())
    kept = {name.replace("LA-001/", "LA-002/") for name in names}
    assert set(zipfile.ZipFile(moved.path).namelist()) == kept | BESIDE


def test_instances_are_collected_afterwards(hospital: Hospital) -> None:
    hospital.package(LUNG, "LA-001")
    with hospital.ws.vault.session(read_only=True) as session:
        states = set(session.scalars(select(TrialInstance.state).where(TrialInstance.trial == LUNG)))
    assert states == {Judgement.COLLECTED}


@pytest.mark.parametrize("compression", ["store", "fast"])
def test_both_compressions_give_the_same_content_digest(hospital: Hospital, compression: str) -> None:
    plain = hospital.package(LUNG, "LA-001")
    hospital.define(LUNG, package={"per": "subject", "compression": compression})
    again = hospital.package(LUNG, "LA-001")
    assert (again.content_digest, again.changed) == (plain.content_digest, False)
    assert again.sha256 == plain.sha256 if compression == "store" else again.size < plain.size


def test_package_per_study_has_one_study_each(hospital: Hospital) -> None:
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.define(LUNG, package={"per": "study", "compression": "store"})
    packages = hospital.collect(LUNG, "LA-001")
    assert len({each.study for each in packages}) == 2
    for each in packages:
        assert each.path.name == f"LA-001_{each.study}.zip"
        assert {found.StudyInstanceUID for found in objects_of(each.path)} == {each.study}
        jsonschema.validate(manifest_of(each.path), SCHEMA)


def test_change_to_packages_per_study_retires_the_package_per_subject(hospital: Hospital) -> None:
    whole = hospital.package(LUNG, "LA-001")
    hospital.define(LUNG, package={"per": "study", "compression": "store"})
    (made,) = hospital.collect(LUNG, "LA-001")
    assert [found.name for found in made.path.parent.iterdir()] == [made.path.name]
    assert not whole.path.exists()
    assert versions(hospital.ws, LUNG) == [(1, PackageState.SUPERSEDED), (1, PackageState.MADE)]


def test_a_subject_without_data_has_no_package(hospital: Hospital) -> None:
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    assert hospital.collect(LUNG, "LA-002") == []


def announced(hospital: Hospital, number: int) -> Announced:
    with hospital.ws.vault.session(read_only=True) as session:
        row = session.scalars(select(Instance).where(Instance.modality == "CT").limit(1)).one()
    return Announced(
        row.identifier_id, row.study, row.series, f"2.25.{number}", row.sop_class, row.modality, row.study_date
    )


def test_a_missing_instance_forbids_the_package_and_names_the_remedy(hospital: Hospital) -> None:
    expect(hospital.ws.vault, [announced(hospital, 77)], source="pacs:main")
    with pytest.raises(BalanceError, match=r"LUNGART/LA-001: 1 waiting; run pacs2trial retrieve LUNGART"):
        hospital.collect(LUNG, "LA-001")
    assert versions(hospital.ws, LUNG) == []


def test_a_held_instance_forbids_the_package_and_names_the_remedy(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    with hospital.ws.vault.session() as session:
        session.scalars(select(TrialInstance).where(TrialInstance.trial == LUNG).limit(1)).one().state = Judgement.HELD
    with pytest.raises(HeldError, match=r"LUNGART/LA-001: 1 held; decide with pacs2trial quarantine LUNGART"):
        collect_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001"))


def test_instances_that_nobody_judged_forbid_the_package(hospital: Hospital) -> None:
    with pytest.raises(HeldError, match="undecided; run pacs2trial filter LUNGART"):
        collect_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001"))


def test_a_damaged_staged_file_makes_no_package_and_names_no_value(hospital: Hospital) -> None:
    with hospital.ws.vault.session(read_only=True) as session:
        path = session.scalars(select(StagedVersion.path).limit(1)).one()
    staged = hospital.ws.settings.staging / path
    staged.write_bytes(staged.read_bytes()[:400])
    with pytest.raises(PermanentError, match="is damaged"):
        hospital.collect(LUNG, "LA-001")
    assert not list(hospital.ws.settings.packages.rglob("*.zip*"))
    assert not list(hospital.ws.settings.packages.rglob(".*.part"))


KILLED = """
import os, sys
from pathlib import Path
from pacs2trial.collect import archive, collect_subject
from pacs2trial.keytable import enrolled
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

archive.Archive.close_with = lambda *_: os.kill(os.getpid(), 9)
home, trials = map(Path, sys.argv[1:])
ws = Workspace.open(Settings(home=home, trials=trials))
collect_subject(ws, ws.definition("LUNGART"), enrolled(ws.vault, "LUNGART", ["LA-001"])[0])
"""


def test_a_collect_that_is_killed_leaves_the_earlier_package_whole(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    before = first.path.read_bytes()
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.filter(LUNG, "LA-001")
    settings = hospital.ws.settings
    done = subprocess.run([sys.executable, "-c", KILLED, settings.home, settings.trials], check=False)
    assert done.returncode == -signal.SIGKILL
    assert first.path.read_bytes() == before
    assert versions(hospital.ws, LUNG) == [(1, PackageState.MADE)]


def test_what_a_killed_collect_left_is_written_over(hospital: Hospital) -> None:
    hospital.ws.settings.packages.joinpath(LUNG).mkdir()
    rubbish = hospital.ws.settings.packages / LUNG / ".LA-001.zip.part"
    rubbish.write_bytes(b"half a zip" * 1000)
    made = hospital.package(LUNG, "LA-001")
    assert [found.name for found in made.path.parent.iterdir()] == ["LA-001.zip"]
    assert zipfile.ZipFile(made.path).testzip() is None


def test_another_process_that_holds_the_subject_is_waited_for(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    with hospital.ws.vault.lock(f"{LUNG}/LA-001"), pytest.raises(TransientError):
        collect_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001"))


def test_a_copy_elsewhere_has_the_same_bytes_and_leaves_no_trace(hospital: Hospital, tmp_path: Path) -> None:
    hospital.filter(LUNG, "LA-001")
    definition, subject = hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001")
    (copy,) = collect_subject(hospital.ws, definition, subject, output=tmp_path / "copies")
    assert copy.path == tmp_path / "copies" / "LA-001.zip"
    assert versions(hospital.ws, LUNG) == []
    assert copy.path.read_bytes() == hospital.package(LUNG, "LA-001").path.read_bytes()


def test_inputs_of_a_package_are_pinned(hospital: Hospital) -> None:
    made = hospital.package(LUNG, "LA-001")
    with hospital.ws.vault.session(read_only=True) as session:
        pinned = session.get_one(PackageRow, made.package_id).inputs
        digests = {(row.digest) for row in session.scalars(select(StagedVersion))}
    inputs = json.loads(hospital.ws.vault.pinned(pinned))
    assert {digest for _uid, digest in inputs["decides"]["staged"]} == digests
    for digest in (inputs["decides"]["rules"], inputs["origin"]["definition"], *inputs["origin"]["staging_plans"]):
        assert hospital.ws.vault.pinned(digest)


def test_package_holds_nothing_of_clock_run_release_or_staging(hospital: Hospital) -> None:
    made = hospital.package(LUNG, "LA-001")
    with hospital.ws.vault.session(read_only=True) as session:
        staged = session.execute(select(Instance.study, Instance.series, Instance.sop_instance)).all()
        digests = set(session.scalars(select(StagedVersion.digest)))
    content = made.path.read_bytes()
    forbidden = {uid for row in staged for uid in row} | digests | {__version__, str(hospital.ws.settings.home)}
    assert [text for text in forbidden if text.encode() in content] == []
