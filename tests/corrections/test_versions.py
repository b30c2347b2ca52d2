"""The same SOP Instance UID twice: identical counts once; another content is kept, told, used only if one says so."""

from __future__ import annotations

import copy
import io
import zipfile

import pydicom
import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import select

from pacs2trial.collect import PackageMade, collect_subject
from pacs2trial.corrections import stale_subjects
from pacs2trial.corrections.versions import Choice, use_version, use_versions, versions
from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import HeldError, InputError
from pacs2trial.filtering import decisions
from pacs2trial.intake.stage1 import Staged, stage_part10
from pacs2trial.staging import quarantine
from pacs2trial.staging.balance import balance
from pacs2trial.vault.tables import AuditEntry, InstanceState, Pin, StagedVersion
from pacs2trial.verify import verify_package
from pacs2trial.verify.origin import origin_of, originals_of, survey
from pacs2trial_demo.generate import part10
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital, small_study

KEY = "LA-001"


def slices() -> list[FileDataset]:
    return [ds for ds in small_study() if ds.Modality == "CT"]


def changed(ds: FileDataset, thickness: str = "7.5") -> FileDataset:
    """The same object with another slice thickness and one pixel that is different."""
    other = copy.deepcopy(ds)
    other.SliceThickness = thickness
    other.PixelData = bytes([other.PixelData[0] ^ 1]) + other.PixelData[1:]
    return other


def came(hospital: Hospital, ds: FileDataset) -> Staged:
    return stage_part10(hospital.ws, part10(ds), source="push:SCANNER")


def thicknesses(package: PackageMade) -> list[float]:
    """Of all CT slices, in mm, ascending."""
    with zipfile.ZipFile(package.path) as archive:
        members = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    objects = [pydicom.dcmread(io.BytesIO(content)) for content in members]
    return sorted(float(ds.SliceThickness) for ds in objects if ds.Modality == "CT")


@pytest.fixture
def normal() -> list[float]:
    """Thickness of all slices as they came first; all are the same."""
    return [float(ds.SliceThickness) for ds in slices()]


def test_an_identical_object_is_counted_once(hospital: Hospital):
    assert not came(hospital, slices()[0]).new
    hospital.package(LUNG, KEY)

    assert versions(hospital.ws, LUNG, everything=True) == []


def test_both_contents_are_kept_and_told_apart_by_attribute_never_by_value(hospital: Hospital):
    first = slices()[0]
    assert came(hospital, changed(first)).new
    hospital.filter(LUNG, KEY)
    (one,) = versions(hospital.ws, LUNG)
    original, newer = one.versions

    assert (one.subject_key, one.modality, one.waits) == (KEY, "CT", "another content of it came")
    assert not original.used
    assert not newer.used
    assert newer.differs is not None
    assert newer.differs.pixel_data
    assert newer.differs.attributes == ("(0018,0050) SliceThickness",)
    assert "7.5" not in repr(one)
    files = {path.name for path in hospital.ws.settings.staging.rglob(f"{one.sop_instance}*")}
    assert files == {f"{one.sop_instance}.{newer.token[:8]}.dcm", f"{one.sop_instance}.dcm"}


def test_a_subject_waits_from_the_moment_in_which_another_content_comes(hospital: Hospital):
    hospital.filter(LUNG, KEY)
    came(hospital, changed(slices()[0]))
    (line,) = balance(hospital.ws.vault, LUNG, [KEY])

    assert (line.undecided, line.deliverable()) == (1, False)
    with pytest.raises(HeldError, match="1 undecided"):
        collect_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, KEY))
    with pytest.raises(HeldError, match="pacs2trial versions"):
        hospital.collect(LUNG, KEY)


@pytest.mark.parametrize(("policy", "used"), [("newest", 7.5), ("first", None)])
def test_a_trial_can_say_what_is_used(hospital: Hospital, normal: list[float], policy: str, used: float | None):
    hospital.define(LUNG, versions=policy)
    came(hospital, changed(slices()[0]))
    package = hospital.package(LUNG, KEY)

    assert thicknesses(package) == sorted([used or normal[0], *normal[1:]])
    assert all(proof.passed for proof in verify_package(hospital.ws, package.package_id))
    assert versions(hospital.ws, LUNG) == []


def test_a_person_decides_for_one_object_and_it_stands_in_the_audit(hospital: Hospital, normal: list[float]):
    came(hospital, changed(slices()[0]))
    hospital.filter(LUNG, KEY)
    (one,) = versions(hospital.ws, LUNG)
    use_version(hospital.ws, LUNG, one.versions[1].token, reason="the scanner was reset", actor="anna")

    assert thicknesses(hospital.package(LUNG, KEY)) == [*normal[1:], 7.5]
    (settled,) = versions(hospital.ws, LUNG, everything=True)
    assert [version.used for version in settled.versions] == [False, True]
    with hospital.ws.vault.session(read_only=True) as session:
        act = session.scalars(select(AuditEntry).where(AuditEntry.act == "version chosen")).one()
    assert (act.actor, act.trial, act.target, act.reason) == ("anna", LUNG, KEY, "the scanner was reset")


@pytest.mark.parametrize("choice", list(Choice))
def test_a_person_decides_for_all_objects_of_a_subject(hospital: Hospital, normal: list[float], choice: Choice):
    for ds in slices():
        came(hospital, changed(ds))
    hospital.filter(LUNG, KEY)
    number = use_versions(hospital.ws, LUNG, KEY, choice, reason="sent again", actor="anna")

    assert number == len(slices())
    assert set(thicknesses(hospital.package(LUNG, KEY))) == {7.5 if choice is Choice.NEWEST else normal[0]}


def test_a_decision_is_void_once_a_third_content_comes(hospital: Hospital):
    came(hospital, changed(slices()[0]))
    hospital.filter(LUNG, KEY)
    use_versions(hospital.ws, LUNG, KEY, Choice.NEWEST, reason="right", actor="anna")
    hospital.package(LUNG, KEY)
    came(hospital, changed(slices()[0], "9.0"))

    with pytest.raises(HeldError):
        hospital.collect(LUNG, KEY)
    (one,) = versions(hospital.ws, LUNG)
    assert len(one.versions) == 3


def test_trials_decide_for_themselves(hospital: Hospital, normal: list[float]):
    came(hospital, changed(slices()[0]))
    hospital.define(PELVIS, versions="first")
    hospital.filter(LUNG, KEY)
    use_versions(hospital.ws, LUNG, KEY, Choice.NEWEST, reason="right", actor="anna")

    assert thicknesses(hospital.package(LUNG, KEY)) == [*normal[1:], 7.5]
    assert thicknesses(hospital.package(PELVIS, "PV-007")) == normal


def test_a_decision_makes_the_package_of_its_object_stale_and_no_other(hospital: Hospital):
    hospital.define(LUNG, versions="first", package={"per": "study"}, deliver=[{"to": "folder", "path": "x"}])
    hospital.stage(small_study(when=SECOND_DAY))
    before = {one.study: one for one in hospital.collect(LUNG, KEY)}
    hospital.package(PELVIS, "PV-007")
    came(hospital, changed(slices()[0]))
    assert stale_subjects(hospital.ws, LUNG) == [KEY]
    hospital.collect(LUNG, KEY)
    assert stale_subjects(hospital.ws, LUNG) == []

    (one,) = versions(hospital.ws, LUNG, everything=True)
    use_version(hospital.ws, LUNG, one.versions[1].token, reason="right", actor="anna")
    assert stale_subjects(hospital.ws, LUNG) == [KEY]
    with pytest.raises(HeldError, match="1 undecided"):
        deliver_subject(hospital.ws, hospital.ws.definition(LUNG), KEY)
    hospital.filter(LUNG, KEY)
    assert stale_subjects(hospital.ws, LUNG) == [KEY]
    with pytest.raises(HeldError, match="another content"):
        deliver_subject(hospital.ws, hospital.ws.definition(LUNG), KEY)
    after = {one.study: one for one in hospital.collect(LUNG, KEY)}

    assert len(before) == len(after) == 2
    assert [one.changed for one in after.values()].count(True) == 1
    assert sum(after[study].content_digest != before[study].content_digest for study in before) == 1
    assert stale_subjects(hospital.ws, LUNG) == []


def test_what_came_of_a_decision_is_pinned_with_the_package(hospital: Hospital):
    came(hospital, changed(slices()[0]))
    hospital.filter(LUNG, KEY)
    use_versions(hospital.ws, LUNG, KEY, Choice.NEWEST, reason="right", actor="anna")
    package = hospital.package(LUNG, KEY)
    content = package.path.read_bytes()
    package.path.unlink()

    assert hospital.package(LUNG, KEY).path.read_bytes() == content
    with hospital.ws.vault.session(read_only=True) as session:
        newest = session.scalars(select(StagedVersion.digest).order_by(StagedVersion.id.desc())).first()
        pins = [pin.content for pin in session.scalars(select(Pin).where(Pin.kind == "package"))]
    assert newest is not None
    assert any(newest.encode() in pin for pin in pins)


def test_a_content_that_waits_in_quarantine_holds_its_subject_until_it_is_decided(
    hospital: Hospital, normal: list[float]
):
    suspect = changed(slices()[0])
    suspect.BurnedInAnnotation = "YES"
    hospital.define(LUNG, versions="newest")
    assert came(hospital, suspect).outcome is InstanceState.QUARANTINED
    with pytest.raises(HeldError):
        hospital.collect(LUNG, KEY)
    (item,) = quarantine.items(hospital.ws, LUNG)
    decisions.reject(hospital.ws, item.token, "a screen save", "anna")

    assert thicknesses(hospital.package(LUNG, KEY)) == normal


def test_a_version_that_names_another_series_is_never_put_in_the_place_of_the_first(hospital: Hospital):
    moved = changed(slices()[0])
    moved.SeriesInstanceUID += ".1"
    hospital.define(LUNG, versions="newest")
    came(hospital, moved)
    with pytest.raises(HeldError):
        hospital.collect(LUNG, KEY)
    (one,) = versions(hospital.ws, LUNG)

    assert one.waits == "its newest content names another study or series"
    with pytest.raises(InputError, match="another study or series"):
        use_version(hospital.ws, LUNG, one.versions[1].token, reason="why not", actor="anna")
    use_version(hospital.ws, LUNG, one.versions[0].token, reason="the first", actor="anna")
    assert hospital.package(LUNG, KEY).instances == len(small_study())


def test_the_name_in_a_newer_header_is_searched_in_the_package(hospital: Hospital):
    """Its facts are those of its own header: what verify must not find, what rules judge by."""
    renamed = changed(slices()[0])
    renamed.PatientName = "Married^Name"
    hospital.define(LUNG, versions="newest")
    came(hospital, renamed)
    package = hospital.package(LUNG, KEY)
    origin = origin_of(hospital.ws, package.package_id)
    found = originals_of(hospital.ws, origin, survey(hospital.ws.settings.staging, origin.sources.values()))
    assert "married" in found.own.names


def test_a_decision_needs_a_reason_and_a_version_that_there_is(hospital: Hospital):
    came(hospital, changed(slices()[0]))
    hospital.filter(LUNG, KEY)
    (one,) = versions(hospital.ws, LUNG)
    with pytest.raises(InputError, match="needs a reason"):
        use_version(hospital.ws, LUNG, one.versions[0].token, reason=" ", actor="anna")
    with pytest.raises(InputError, match="has no version"):
        use_version(hospital.ws, LUNG, "0" * 12, reason="x", actor="anna")
    with pytest.raises(InputError, match="no version waits"):
        use_versions(hospital.ws, PELVIS, "PV-007", Choice.NEWEST, reason="x", actor="anna")
