"""A package in the hands of others: dcmtk reads it, Orthanc takes it in and gives the same objects back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pydicom
import pytest

from support.hospital import LUNG, Hospital
from support.peers import Dcmtk, Orthanc


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


def encoded(dataset: pydicom.FileDataset) -> bytes:
    """The data set alone: Orthanc may write a file meta group of its own."""
    file = io.BytesIO()
    pydicom.filewriter.write_dataset(pydicom.filebase.DicomFileLike(file), dataset)
    return file.getvalue()
