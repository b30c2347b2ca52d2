"""What a trial made of our data comes back under the patient's own name, surely or not at all."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from sqlalchemy import select

from pacs2trial.errors import InputError
from pacs2trial.returned import Returned, map_back
from pacs2trial.vault.tables import AuditEntry, Disclosure
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.hospital import FIRST_DAY, LUNG, PELVIS, Hospital, small_study

REASON = "import of the consensus contours"
NEW = "1.2.826.0.1.3680043.8.498.77"
Derive = Callable[..., Path]


def packed(hospital: Hospital, modality: str, trial: str = LUNG, key: str = "LA-001") -> FileDataset:
    """An object of a package, as the trial has it."""
    with zipfile.ZipFile(hospital.package(trial, key).path) as archive:
        for name in archive.namelist():
            if name.endswith(".dcm"):
                dataset = dcmread(io.BytesIO(archive.read(name)))
                if dataset.Modality == modality:
                    return dataset
    raise LookupError(modality)


def original(modality: str) -> FileDataset:
    return next(one for one in small_study() if one.Modality == modality)


def references(dataset: Dataset) -> set[tuple[str, str]]:
    """Every UID that an object refers to, with its keyword."""
    return {
        (element.keyword, str(element.value))
        for element in dataset.iterall()
        if element.VR == "UI" and element.keyword.startswith(("Referenced", "Frame", "Study"))
    }


@pytest.fixture
def derive(hospital: Hospital, tmp_path: Path) -> Derive:
    """A structure set that the trial drew on our CT: new object, new series, references to ours."""

    def made(number: int = 1, **changes: object) -> Path:
        dataset = packed(hospital, "RTSTRUCT")
        dataset.SOPInstanceUID, dataset.SeriesInstanceUID = f"{NEW}.{number}", f"{NEW}.9"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.StructureSetLabel = "CONSENSUS"
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        folder = tmp_path / "from the trial"
        folder.mkdir(exist_ok=True)
        path = folder / f"{number}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return path

    return made


def returned(hospital: Hospital, output: Path, *paths: Path) -> Returned:
    return map_back(hospital.ws, paths, output, actor="test", reason=REASON)


def test_a_structure_set_refers_to_the_original_images_again(
    hospital: Hospital, derive: Derive, tmp_path: Path
) -> None:
    done = returned(hospital, tmp_path / "out", derive())
    assert (done.files, done.subjects) == (1, ["LUNGART/LA-001"])
    back = dcmread(tmp_path / "out" / f"{NEW}.1.dcm")
    ours = original("RTSTRUCT")
    assert references(back) == references(ours)
    assert (back.PatientID, str(back.PatientName)) == (LUCZYNSKA.patient_id, str(ours.PatientName))
    assert (back.PatientBirthDate, back.PatientSex) == (ours.PatientBirthDate, ours.PatientSex)
    assert (back.StudyInstanceUID, back.StudyDate) == (ours.StudyInstanceUID, f"{FIRST_DAY:%Y%m%d}")
    assert (back.SOPInstanceUID, back.SeriesInstanceUID) == (f"{NEW}.1", f"{NEW}.9"), "what is new keeps its name"
    assert back.file_meta.MediaStorageSOPInstanceUID == f"{NEW}.1"
    assert back.StructureSetLabel == "CONSENSUS"
    assert [len(roi.ContourSequence) for roi in back.ROIContourSequence]


def test_nothing_of_the_trial_stays(hospital: Hospital, derive: Derive, tmp_path: Path) -> None:
    returned(hospital, tmp_path / "out", derive())
    back = dcmread(tmp_path / "out" / f"{NEW}.1.dcm")
    assert [element.keyword for element in back if element.tag.group == 0x0012] == ["PatientIdentityRemoved"]
    assert back.PatientIdentityRemoved == "NO"
    assert "LA-001" not in str(back)
    assert "LUNGART" not in str(back)


def test_objects_of_one_return_may_refer_to_each_other(hospital: Hospital, derive: Derive, tmp_path: Path) -> None:
    report = packed(hospital, "RTPLAN")
    report.SOPInstanceUID, report.SeriesInstanceUID = f"{NEW}.2", f"{NEW}.10"
    report.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = f"{NEW}.1"
    path = derive().with_name("2.dcm")
    report.save_as(path, enforce_file_format=True)
    with pytest.raises(InputError, match="ReferencedSOPInstanceUID"):
        returned(hospital, tmp_path / "alone", path)
    assert returned(hospital, tmp_path / "out", path.parent).files == 2


def test_what_was_not_sent_for_this_trial_is_not_referred_to(
    hospital: Hospital, derive: Derive, tmp_path: Path
) -> None:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", generate_uid()
    other = Dataset()
    other.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    other.ReferencedSOPInstanceUID = packed(hospital, "CT", PELVIS, "PV-007").SOPInstanceUID
    for number, strange in enumerate((item, other), 1):
        path = derive(number, ReferencedInstanceSequence=Sequence([strange]))
        with pytest.raises(InputError) as refused:
            returned(hospital, tmp_path / "out", path)
        (problem,) = refused.value.problems
        assert problem.endswith("was not sent from here for trial LUNGART: ReferencedSOPInstanceUID")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"PatientID": "LA-999"}, "no subject key of trial LUNGART"),
        ({"PatientID": LUCZYNSKA.patient_id}, "no subject key of trial LUNGART"),
        ({"StudyInstanceUID": generate_uid()}, "its study is none that was sent from here"),
    ],
)
def test_a_patient_that_is_not_sure_is_refused(
    hospital: Hospital, derive: Derive, tmp_path: Path, changes: dict[str, str], why: str
) -> None:
    with pytest.raises(InputError, match=why) as refused:
        returned(hospital, tmp_path / "out", derive(**changes))
    assert LUCZYNSKA.patient_id not in str(refused.value)


def test_another_subject_of_the_trial_is_refused(hospital: Hospital, derive: Derive, tmp_path: Path) -> None:
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    hospital.stage(study(OXENBARGER, when=FIRST_DAY, parts={"CT"}, slices=1, matrix=32))
    with pytest.raises(InputError, match="are not of one patient here"):
        returned(hospital, tmp_path / "out", derive(PatientID="LA-002"))


def test_an_object_of_ours_is_no_new_one(hospital: Hospital, tmp_path: Path) -> None:
    path = tmp_path / "ours.dcm"
    packed(hospital, "RTSTRUCT").save_as(path, enforce_file_format=True)
    with pytest.raises(InputError, match="was sent from here, not one that was made of it"):
        returned(hospital, tmp_path / "out", path)


def test_one_wrong_object_stops_all(hospital: Hospital, derive: Derive, tmp_path: Path) -> None:
    derive(1)
    derive(2, PatientID="LA-999")
    folder = derive(3).parent
    (folder / "4.txt").write_text("no DICOM")
    with pytest.raises(InputError) as refused:
        returned(hospital, tmp_path / "out", folder)
    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "argument 1, file 4 of 4",
        "argument 1, file 2 of 4",
    ]
    assert not (tmp_path / "out").exists()


def test_the_folder_is_its_owner_s_and_nothing_is_overwritten(
    hospital: Hospital, derive: Derive, tmp_path: Path
) -> None:
    path = derive()
    returned(hospital, tmp_path / "out", path)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "out").iterdir()} == {0o600}
    with pytest.raises(InputError, match="not an empty folder"):
        returned(hospital, tmp_path / "out", path)


def test_it_is_audited_and_every_use_recorded(hospital: Hospital, derive: Derive, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        map_back(hospital.ws, [derive()], tmp_path / "out", actor="test", reason=" ")
    returned(hospital, tmp_path / "out", derive())
    with hospital.ws.vault.session(read_only=True) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "reidentify files"))
        uses = session.scalars(select(Disclosure).where(Disclosure.caller == "reidentify")).all()
    assert (entry.actor, entry.target, entry.reason, entry.detail) == ("test", "LUNGART/LA-001", REASON, {"files": 1})
    assert len(uses) >= 3
