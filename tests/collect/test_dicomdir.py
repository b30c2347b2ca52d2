"""A package with a DICOMDIR: members have names that media know, and every reader finds all of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import jsonschema
import pytest
from pydicom.fileset import FileSet

from pacs2trial.verify import verify_file
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study
from support.packages import objects_of
from support.peers import Dcmtk


@pytest.fixture
def medium(hospital: Hospital) -> Path:
    """A package of two studies, with a DICOMDIR; dates, which it must have, are removed."""
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.define(LUNG, package={"per": "subject", "dicomdir": True}, profile={"options": []})
    package = hospital.package(LUNG, "LA-001")
    assert all(proof.passed for proof in hospital.verify(package))
    return package.path


def test_every_object_is_named_and_found(medium: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(medium) as archive:
        archive.extractall(tmp_path)
    listed = FileSet(tmp_path / "DICOMDIR")
    held = {str(each.SOPInstanceUID): Path(each.path).read_bytes() for each in listed}
    objects = objects_of(medium)
    assert held.keys() == {str(each.SOPInstanceUID) for each in objects}
    assert len(listed.find_values("StudyInstanceUID")) == 2


def test_names_are_those_of_media(medium: Path) -> None:
    with zipfile.ZipFile(medium) as archive:
        names = [name for name in archive.namelist() if name.startswith("DICOM/")]
    assert names == sorted(names)
    assert all(len(part) <= 8 and part.isupper() for name in names for part in name.split("/"))


def test_dcmtk_reads_it(medium: Path, tmp_path: Path, dcmtk: Dcmtk) -> None:
    with zipfile.ZipFile(medium) as archive:
        archive.extractall(tmp_path)
    dumped = dcmtk.dcmdump(tmp_path / "DICOMDIR")
    assert not [line for line in dumped.splitlines() if line.startswith(("E:", "W:"))]
    objects = objects_of(medium)
    series = {each.SeriesInstanceUID for each in objects}
    assert dumped.count("DirectoryRecordType") == len(objects) + len(series) + 2 + 1


def test_it_proves_itself_offline(medium: Path) -> None:
    assert [proof for proof in verify_file(medium) if not proof.passed] == []


def test_its_manifest_is_as_the_schema_says(medium: Path) -> None:
    import json

    schema = json.loads((Path(__file__).parents[2] / "docs" / "manifest.schema.json").read_text())
    with zipfile.ZipFile(medium) as archive:
        jsonschema.validate(json.loads(archive.read("manifest.json")), schema)
