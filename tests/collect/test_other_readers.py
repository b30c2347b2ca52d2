"""A package in the hands of others: dcmtk reads it, Orthanc takes it in and gives the same objects back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pydicom
import pytest

from pacs2trial.vault import Original
from pacs2trial.vault.tables import Kind
from support.findings import staged_objects
from support.hospital import LUNG, Hospital, small_study
from support.peers import Dcmtk, Orthanc

UNTOUCHED = (
    *("Rows", "Columns", "BitsStored", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"),
    *(
        "RescaleSlope",
        "RescaleIntercept",
        "InstanceNumber",
        "SliceThickness",
        "DoseGridScaling",
        "GridFrameOffsetVector",
    ),
)


@pytest.fixture
def unpacked(hospital: Hospital, tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(hospital.package(LUNG, "LA-001").path) as archive:
        archive.extractall(folder)
    return folder


def test_dcmtk_reads_every_object(unpacked: Path, dcmtk: Dcmtk) -> None:
    for path in sorted(unpacked.rglob("*.dcm")):
        dumped = dcmtk.dcmdump(path)
        assert "PatientIdentityRemoved" in dumped
        assert not [line for line in dumped.splitlines() if line.startswith(("E:", "W:"))]


def test_orthanc_takes_the_package_in_with_every_link_intact(unpacked: Path, orthanc: Orthanc) -> None:
    orthanc.store(unpacked)
    sent = {path.stem: pydicom.dcmread(path) for path in unpacked.rglob("*.dcm")}
    held = {str(each.SOPInstanceUID): each for each in orthanc.instances()}
    assert held.keys() == sent.keys()
    for uid, dataset in sent.items():
        assert encoded(held[uid]) == encoded(dataset)
    assert len(orthanc.rest("GET", "/patients")) == 1
    by_modality = {each.Modality: each for each in held.values()}
    plan, structures = by_modality["RTPLAN"], by_modality["RTSTRUCT"]
    assert plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == structures.SOPInstanceUID
    assert by_modality["RTDOSE"].ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID


def test_every_staged_object_is_what_orthanc_gives_back(hospital: Hospital, unpacked: Path, orthanc: Orthanc) -> None:
    """Staged, collected, packaged, imported: each instance once, its pixels to the byte, its place in study and series
    kept, and of its attributes those that both have with the same values, but for what stage 2 alters."""
    orthanc.store(unpacked)
    given_back = {str(each.SOPInstanceUID): each for each in orthanc.instances()}
    pairs = [(ds, given_back.pop(trial_uid(hospital, ds))) for ds in staged_objects(hospital.ws.settings)]
    assert not given_back
    assert len(pairs) == len(small_study())
    for before, after in pairs:
        assert (before.SOPClassUID, before.Modality) == (after.SOPClassUID, after.Modality)
        assert before.get("PixelData") == after.get("PixelData")
        for keyword in UNTOUCHED:
            assert before.get(keyword) == after.get(keyword), keyword
        assert contours(before) == contours(after)
    for level in ("StudyInstanceUID", "SeriesInstanceUID"):
        named = {(before.get(level), after.get(level)) for before, after in pairs}
        assert len(named) == len({one for one, _ in named}) == len({other for _, other in named})


def contours(dataset: pydicom.Dataset) -> list[object]:
    rois = dataset.get("ROIContourSequence", [])
    return [list(contour.ContourData) for roi in rois for contour in roi.ContourSequence]


def trial_uid(hospital: Hospital, staged: pydicom.Dataset) -> str:
    """The pseudonym of the trial for a staged instance."""
    original = Original(Kind.UID, str(staged.SOPInstanceUID))
    return hospital.ws.vault.pseudonyms(LUNG).resolve([original])[original]


def encoded(dataset: pydicom.FileDataset) -> bytes:
    """The data set alone: Orthanc may write a file meta group of its own."""
    file = io.BytesIO()
    pydicom.filewriter.write_dataset(pydicom.filebase.DicomFileLike(file), dataset)
    return file.getvalue()
