"""Files that are written say nothing of where they come from."""

from __future__ import annotations

import io

import pydicom

from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, file_bytes, split_dataset, split_file
from support.objects import CT_IMAGE, ct_slice, encoded


def test_the_file_is_read_back_by_another_reader() -> None:
    obj = split_dataset(encoded(ct_slice()), EXPLICIT_LITTLE)
    data = file_bytes(CT_IMAGE, "2.25.77", EXPLICIT_LITTLE, bytes(obj.header)) + bytes(obj.pixel)
    found = pydicom.dcmread(io.BytesIO(data))
    assert found.file_meta.MediaStorageSOPInstanceUID == "2.25.77"
    assert (
        found.file_meta.FileMetaInformationGroupLength
        == len(file_bytes(CT_IMAGE, "2.25.77", EXPLICIT_LITTLE, b"")) - 144
    )
    assert found.PatientName == ct_slice().PatientName
    assert split_file(data) == obj


def test_meta_information_is_ours_and_without_a_release() -> None:
    meta = pydicom.dcmread(io.BytesIO(file_bytes(CT_IMAGE, "2.25.77", EXPLICIT_LITTLE, b""))).file_meta
    assert {element.keyword for element in meta} == {
        "FileMetaInformationGroupLength",
        "FileMetaInformationVersion",
        "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID",
        "TransferSyntaxUID",
        "ImplementationClassUID",
        "ImplementationVersionName",
    }
    assert meta.ImplementationVersionName == "PACS2TRIAL"
    assert meta.ImplementationClassUID.is_valid


def test_the_preamble_is_empty() -> None:
    assert file_bytes(CT_IMAGE, "2.25.77", EXPLICIT_LITTLE, b"")[:132] == bytes(128) + b"DICM"
