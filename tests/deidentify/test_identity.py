"""Whose an object is, and what filter rules ask of it, is read from the original header."""

from __future__ import annotations

from datetime import date

import pytest

from pacs2trial.deidentify.identity import Outermost, read_identity
from pacs2trial.dicomfile.encoding import EncodedObject, split_dataset
from pacs2trial.errors import UnsafeObjectError
from support.objects import (
    ACCESSION,
    CT_IMAGE,
    PATIENT_ID,
    SERIES_UID,
    STUDY_UID,
    ct_slice,
    encoded,
    raw_element,
    raw_items,
    structure_set,
    with_raw,
)
from support.stages import as_encoded

IMPLICIT = "1.2.840.10008.1.2"


def with_patient_id(value: bytes) -> bytes:
    return with_raw(encoded(ct_slice()), {0x00100020: raw_element(0x00100020, "LO", value)})


@pytest.mark.parametrize("implicit", [False, True])
def test_identity(implicit: bool) -> None:
    ds = ct_slice()
    ds.IssuerOfPatientID = "HOSPITAL"
    found = read_identity(as_encoded(encoded(ds, implicit=implicit), IMPLICIT if implicit else "1.2.840.10008.1.2.1"))
    assert (found.patient_id, found.issuer) == (PATIENT_ID, "HOSPITAL")
    assert (found.study, found.series, found.sop_instance) == (STUDY_UID, SERIES_UID, f"{SERIES_UID}.1")
    assert (found.sop_class, found.modality) == (CT_IMAGE, "CT")
    assert (found.study_date, found.accession_number) == (date(2019, 3, 12), ACCESSION)


@pytest.mark.parametrize("value", [b" 00123 ", b"00123\0", b"00123 ", b"  00123"])
def test_padding_is_no_part_of_an_id(value: bytes) -> None:
    assert read_identity(as_encoded(with_patient_id(value))).patient_id == "00123"


@pytest.mark.parametrize(
    "value",
    ["", "  ", "0", "000000", "ANONYMOUS", "anonymous ", "TEST", "None", "Unknown", "N/A", "xxxx", "123456", "?"],
)
def test_ids_that_stand_for_nobody_are_refused(value: str) -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        read_identity(as_encoded(with_patient_id(value.encode() + b" " * (len(value) % 2))))
    assert refused.value.reason == "no-patient-id"


def test_an_absent_id_is_refused() -> None:
    ds = ct_slice()
    del ds.PatientID
    with pytest.raises(UnsafeObjectError, match="no-patient-id"):
        read_identity(as_encoded(ds))


def test_several_ids_in_one_are_refused() -> None:
    with pytest.raises(UnsafeObjectError, match="no-patient-id"):
        read_identity(as_encoded(with_patient_id(b"A4711\\B4712 ")))


def test_an_id_in_another_character_set() -> None:
    ds = ct_slice()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientID = "Ä-4711"
    assert read_identity(as_encoded(ds)).patient_id == "Ä-4711"


@pytest.mark.parametrize("value", ["2019", "ZZPHI", "20190230"])
def test_a_study_date_that_is_none_is_left_out(value: str) -> None:
    data = with_raw(
        encoded(ct_slice()), {0x00080020: raw_element(0x00080020, "DA", value.encode() + b" " * (len(value) % 2))}
    )
    assert read_identity(as_encoded(data)).study_date is None


def test_facts() -> None:
    ds = ct_slice(rows=4, columns=6)
    ds.BurnedInAnnotation = "NO"
    ds.NumberOfFrames = 3
    ds.ConversionType = "WSD"
    facts = Outermost(as_encoded(ds)).facts()
    assert facts["sop_class"] == CT_IMAGE
    assert (facts["modality"], facts["manufacturer"], facts["model"], facts["station"]) == (
        "CT",
        "SIEMENS",
        "SOMATOM Force",
        "CT01",
    )
    assert facts["image_type"] == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert (facts["series_description"], facts["study_description"]) == ("Thorax 1.0 B30f", "CT Thorax")
    assert (facts["burned_in"], facts["conversion_type"], facts["photometric"]) == ("NO", "WSD", "MONOCHROME2")
    assert (facts["rows"], facts["columns"], facts["frames"]) == (4, 6, 3)
    assert facts["transfer_syntax"] == "1.2.840.10008.1.2.1"


def test_facts_that_are_absent_are_empty() -> None:
    facts = Outermost(split_dataset(encoded(structure_set()), "1.2.840.10008.1.2.1")).facts()
    assert (facts["rows"], facts["frames"], facts["burned_in"], facts["image_type"]) == (0, 0, "", [])


def test_facts_hold_no_name() -> None:
    assert "ZZPHI" not in str(Outermost(as_encoded(ct_slice())).facts())


def other_ids(content: bytes, *, vr: str = "SQ") -> EncodedObject:
    return as_encoded(with_raw(encoded(ct_slice()), {0x00101002: raw_element(0x00101002, vr, content)}))


@pytest.mark.parametrize(
    "content",
    [
        raw_items(b"\0\0\0\0"),
        raw_items(raw_element(0x00100020, "LO", b"ZZPHI2")[:-3]),
        b"\xfe\xff\x00\xe0\x40\0\0\0",
        b"ZZPHI2",
    ],
)
def test_broken_items_of_other_ids_are_refused(content: bytes) -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        Outermost(other_ids(content)).person()
    assert "ZZPHI" not in str(refused.value)


def test_other_ids_are_read_also_where_their_sequence_was_sent_as_un() -> None:
    explicit = raw_items(raw_element(0x00100020, "LO", b"ZZPHI2"))
    implicit = raw_items(b"\x10\0\x20\0\x06\0\0\0ZZPHI2")
    for content, vr in ((explicit, "SQ"), (explicit, "UN"), (implicit, "UN")):
        assert Outermost(other_ids(content, vr=vr)).person()["ids"] == ["ZZPHI2"]
