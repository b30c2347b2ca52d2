"""Where identities hide outside ordinary attributes: each place is planted, and dcmtk looks for what was planted."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.deidentify.bulk import FORMS
from pacs2trial.dicomfile.encoding import split_dataset, split_file
from pacs2trial.dicomfile.syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.profile import staging_plan
from support.objects import (
    MARKER,
    PATIENT_NAME,
    ct_slice,
    encoded,
    part10,
    raw_element,
    raw_items,
    structure_set,
    with_raw,
)
from support.second_readers import dump, leaks, xml
from support.stages import both_stages, file_of, stage1, stage2

NAME = raw_element(0x00100010, "PN", b"ZZPHI^Hidden")
MARKED = raw_element(0x0008103E, "LO", b"ZZPHI Zoltan")
SERIES_SEQUENCE = 0x00081115
UNDEFINED = b"\xff\xff\xff\xff"
ITEM = b"\xfe\xff\x00\xe0"
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def meta(*extra: bytes) -> bytes:
    """A file with these elements added to its meta information, and text in its preamble."""
    data = part10(ct_slice())
    length = int.from_bytes(data[140:144], "little")
    content = data[144 : 144 + length] + b"".join(extra)
    preamble = b"II*\0\x08\0\0\0ZZPHI^Preamble".ljust(128, b"Z")
    group_length = raw_element(0x00020000, "UL", struct.pack("<L", len(content)))
    return preamble + b"DICM" + group_length + content + data[144 + length :]


def header() -> bytes:
    ds = ct_slice()
    del ds.PixelData
    return encoded(ds)


def implicit(tag: int, value: bytes, *, undefined: bool = False) -> bytes:
    head = struct.pack("<HHL", tag >> 16, tag & 0xFFFF, 0xFFFFFFFF if undefined else len(value))
    return head + value + (SEQUENCE_END if undefined else b"")


def clean(data: bytes, folder: Path, *, syntax: str = EXPLICIT_LITTLE) -> None:
    """Neither stage leaves anything of what was planted."""
    obj = split_file(data) if data[128:132] == b"DICM" else split_dataset(data, syntax)
    for made in (stage1(obj), stage2(obj, "clean_descriptors"), both_stages(obj, "clean_descriptors")):
        assert leaks(file_of(made), folder) == []


def test_file_meta_and_preamble_are_made_anew(tmp_path: Path) -> None:
    data = meta(
        raw_element(0x00020016, "AE", b"ZZPHI-AE"),
        raw_element(0x00020017, "AE", b"ZZPHI-AE"),
        raw_element(0x00020018, "AE", b"ZZPHI-AE"),
        raw_element(0x00020026, "UR", b"dicom://ZZPHI "),
        raw_element(0x00020027, "UR", b"dicom://ZZPHI "),
        raw_element(0x00020028, "UR", b"dicom://ZZPHI "),
        raw_element(0x00020035, "OB", b"ZZPHI "),
        raw_element(0x00020100, "UI", b"1.2.826.0.1.3680043.10.999.66 "),
        raw_element(0x00020102, "OB", PATIENT_NAME.encode()),
    )
    clean(data, tmp_path)
    made = file_of(stage1(split_file(data)))
    assert made[:128] == bytes(128)
    assert made == file_of(stage1(split_file(part10(ct_slice()))))


def test_the_instance_uid_of_the_data_set_counts_and_the_one_of_the_file_meta_does_not(tmp_path: Path) -> None:
    ds = ct_slice()
    other = "1.2.826.0.1.3680043.10.999.1.1.77777"
    data = part10(ds).replace(b"1.2.826.0.1.3680043.10.999.1.1.1\0", b"1.2.826.0.1.3680043.10.999.1.1.7\0", 1)
    made = stage1(split_file(data))
    shown = dump(file_of(made), tmp_path)
    assert shown.count(made.sop_instance) == 2
    assert made.sop_instance == stage1(ct_slice()).sop_instance
    assert other not in shown


@pytest.mark.parametrize("without", [132, 128])
def test_a_file_without_preamble_gives_the_same_as_with_it(without: int) -> None:
    whole = part10(ct_slice())
    assert file_of(stage1(split_file(whole[without:] if without == 132 else bytes(128) + whole[128:]))) == file_of(
        stage1(split_file(whole))
    )


def test_a_data_set_without_any_meta_gives_the_same_as_the_file() -> None:
    whole = file_of(stage1(split_file(part10(ct_slice()))))
    for data in (encoded(ct_slice()), encoded(ct_slice(), implicit=True)):
        assert file_of(stage1(split_file(data))) == whole


def test_an_object_of_acr_nema_is_refused_for_want_of_uids() -> None:
    elements = {
        0x00080000: struct.pack("<L", 100),
        0x00080001: struct.pack("<L", 500),
        0x00080010: b"ACR-NEMA 2.0",
        0x00080020: b"1994.01.02",
        0x00080030: b"10:20:30",
        0x00080060: b"CT",
        0x00100000: struct.pack("<L", 100),
        0x00100010: b"ZZPHI^Old ",
        0x00100020: b"ZZPHI1",
        0x00280010: struct.pack("<H", 2),
        0x00280011: struct.pack("<H", 2),
        0x00280100: struct.pack("<H", 8),
        0x7FE00010: b"abcd",
    }
    data = b"".join(implicit(tag, value) for tag, value in elements.items())
    with pytest.raises(UnsafeObjectError) as refused:
        stage1(split_file(data))
    assert refused.value.reason == "no-uid"


@pytest.mark.parametrize(
    "content",
    [
        b"II*\0" + b"ZZPHI" * 100,
        b"ZZPHI" * 100,
        bytes(128) + b"DICM",
        bytes(128) + b"DICM" + b"ZZPHI" * 40,
        bytes(128) + b"DICM" + raw_element(0x00020010, "UI", b"1.2.840.10008.1.2.4.ZZPHI "),
        bytes(128) + b"DICM" + raw_element(0x00020010, "UI", b"1.2.840.10008.1.2.4.9999 ") + header(),
        bytes(128) + b"DICM" + header(),
    ],
)
def test_files_of_unknown_make_are_refused(content: bytes) -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        stage1(split_file(content))
    assert "ZZPHI" not in str(refused.value)


def test_trailing_padding_and_what_follows_the_last_element_do_not_stay(tmp_path: Path) -> None:
    padding = raw_element(0xFFFCFFFC, "OB", b"ZZPHI^Padding ")
    signature = raw_element(0xFFFAFFFA, "SQ", raw_items(NAME))
    for data in (header() + padding, header() + signature + padding, encoded(ct_slice()) + signature + padding):
        clean(data, tmp_path)
    clean(encoded(ct_slice()) + b"ZZPHI^Behind the pixel data", tmp_path)
    with pytest.raises(UnsafeObjectError):
        stage1(header() + b"ZZPHI^Behind the last element")


def test_group_lengths_go_also_within_items(tmp_path: Path) -> None:
    length = raw_element(0x00080000, "UL", b"ZZPH")
    inner = length + raw_element(0x00080060, "CS", b"CT") + raw_element(0x00100000, "UL", b"ZZPH")
    data = with_raw(
        encoded(ct_slice()),
        {0x00080000: length, 0x00280000: raw_element(0x00280000, "UL", b"ZZPH")}
        | {SERIES_SEQUENCE: raw_element(SERIES_SEQUENCE, "SQ", raw_items(inner))},
    )
    made = file_of(stage1(data))
    assert b"ZZPH" not in made
    assert dump(made, tmp_path).count(",0000) UL") == 1  # of the file meta information


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("depth", [0, 1, 4])
def test_private_sequences_whose_vr_nobody_knows(undefined: bool, depth: int, tmp_path: Path) -> None:
    """In implicit VR and as UN, with and without lengths, at the top and within sequences."""
    inner = implicit(0x00100010, b"ZZPHI^Nested") + implicit(0x00091030, b"ZZPHI again ")
    item = ITEM + (UNDEFINED + inner + ITEM_END if undefined else struct.pack("<L", len(inner)) + inner)
    creator, value = b"ACME 1.0", item + (b"" if undefined else raw_items(b""))
    hidden = implicit(0x00110011, creator) + implicit(0x00111130, value, undefined=undefined)
    as_un = raw_element(0x00110011, "LO", creator) + _un(0x00111130, value, undefined=undefined)
    for explicit, content in ((False, hidden), (True, as_un)):
        for _ in range(depth):
            content = (
                raw_element(SERIES_SEQUENCE, "SQ", raw_items(content))
                if explicit
                else implicit(SERIES_SEQUENCE, raw_items(content))
            )
        data = encoded(ct_slice(), implicit=not explicit)
        at = data.index(struct.pack("<HH", 0x0008, 0x1140) if depth else struct.pack("<HH", 0x0018, 0x0015))
        clean(data[:at] + content + data[at:], tmp_path, syntax=EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE)


def _un(tag: int, value: bytes, *, undefined: bool) -> bytes:
    whole = raw_element(tag, "UN", value)
    return whole[:8] + UNDEFINED + whole[12:] + SEQUENCE_END if undefined else whole


def test_what_varian_hides_in_private_groups_goes(tmp_path: Path) -> None:
    ds = structure_set()
    ds.add_new(0x32530010, "LO", "Varian Medical Systems VISION 3253")
    ds.add_new(0x32531000, "OB", b"<?xml version='1.0'?><ZZPHI/> ")
    ds.add_new(0x32531001, "IS", "30")
    ds.add_new(0x32531002, "LO", "ZZPHI type")
    ds.add_new(0x32870010, "LO", "Varian Medical Systems VISION 3287")
    ds.add_new(0x32871000, "LO", "ZZPHI0123456789ABCDEF")
    clean(encoded(ds), tmp_path)
    assert "VISION" not in dump(file_of(stage1(ds)), tmp_path)


@pytest.mark.parametrize("group", [0x5000, 0x5002, 0x501E, 0x6000, 0x6002, 0x601E, 0x60FE])
def test_curves_and_overlays_of_every_repeat_go_at_every_depth(group: int, tmp_path: Path) -> None:
    marked = {(group << 16) + number: vr for number, vr in ((0x0022, "LO"), (0x1500, "LO"), (0x4000, "LT"))}
    data = {(group << 16) + 0x3000: raw_element((group << 16) + 0x3000, "OW", b"ZZPHI ")}
    data |= {tag: raw_element(tag, vr, b"ZZPHI ") for tag, vr in marked.items()}
    nested = raw_element(SERIES_SEQUENCE, "SQ", raw_items(b"".join(raw for _, raw in sorted(data.items()))))
    clean(with_raw(encoded(ct_slice()), data | {SERIES_SEQUENCE: nested}), tmp_path)


def test_other_ids_kin_and_insurance_go(tmp_path: Path) -> None:
    ds = ct_slice()
    ds.OtherPatientIDs = ["ZZPHI-A", "ZZPHI-B"]
    ds.OtherPatientNames = ["ZZPHI^Born", "ZZPHI^Alias"]
    ds.PatientBirthName = ds.PatientMotherBirthName = "ZZPHI^Mother"
    ds.IssuerOfPatientID = "ZZPHI-HOSPITAL"
    ds.add_new(0x00101050, "LO", "ZZPHI insurance")
    ds.PatientAddress, ds.PatientTelephoneNumbers = "ZZPHI Street 1", "ZZPHI-040-123"
    ds.ResponsiblePerson, ds.ResponsibleOrganization = "ZZPHI^Parent", "ZZPHI Org"
    ds.MilitaryRank, ds.PatientReligiousPreference = "ZZPHI", "ZZPHI"
    other = Dataset()
    other.PatientID, other.TypeOfPatientID, other.IssuerOfPatientID = "ZZPHI-OTHER", "TEXT", "ZZPHI-HOSPITAL"
    qualifier = Dataset()
    qualifier.UniversalEntityID, qualifier.UniversalEntityIDType = "ZZPHI", "DNS"
    other.IssuerOfPatientIDQualifiersSequence = Sequence([qualifier])
    ds.OtherPatientIDsSequence = Sequence([other])
    ds.IssuerOfPatientIDQualifiersSequence = Sequence([qualifier])
    ds.ReferencedPatientSequence = Sequence([Dataset()])
    ds.ReferencedPatientSequence[0].ReferencedSOPInstanceUID = "1.2.826.0.1.3680043.10.999.1.88"
    person = Dataset()
    person.PersonName, person.InstitutionName, person.PersonAddress = "ZZPHI^Staff", "ZZPHI", "ZZPHI"
    ds.PerformingPhysicianIdentificationSequence = Sequence([person])
    ds.RequestAttributesSequence = Sequence([Dataset()])
    ds.RequestAttributesSequence[0].RequestedProcedureID = "ZZPHI1"
    clean(encoded(ds), tmp_path)


def test_what_was_changed_and_signed_before_goes(tmp_path: Path) -> None:
    ds = ct_slice()
    before = Dataset()
    before.ModifyingSystem, before.SourceOfPreviousValues = "ZZPHI", "ZZPHI"
    before.ModifiedAttributesSequence = Sequence([Dataset()])
    before.ModifiedAttributesSequence[0].PatientName = "ZZPHI^Before"
    ds.OriginalAttributesSequence = Sequence([before])
    ds.EncryptedAttributesSequence = Sequence([Dataset()])
    ds.EncryptedAttributesSequence[0].EncryptedContent = b"ZZPHI "
    ds.MACParametersSequence = Sequence([Dataset()])
    ds.MACParametersSequence[0].MACAlgorithm = "ZZPHI"
    clean(encoded(ds), tmp_path)


def test_bulk_bytes_that_are_no_numbers_do_not_stay(tmp_path: Path) -> None:
    """Where bytes may be anything, text can be put: thumbnails, colour profiles, encapsulated documents, voice."""
    marked = (MARKER + " " * 3).encode()
    data = with_raw(
        encoded(ct_slice()),
        {
            tag: raw_element(tag, "OB", marked)
            for tag in (0x00282000, 0x00420011, 0x00340007, 0x04000520, 0x00160062, 0x00880904, 0x00700256)
        },
    )
    clean(data, tmp_path)


def test_bytes_that_stay_have_a_form_of_their_own() -> None:
    kept = {tag for tag, rule in staging_plan().rules.items() if rule.vr in (b"OB", b"UN") and rule.action == "keep"}
    assert kept <= set(FORMS) | {0x00701808}, "of the rest only a table of weights"
    profile = struct.pack(">L", 132) + bytes(32) + b"acsp" + bytes(92)
    made = stage1(with_raw(encoded(ct_slice()), {0x00282000: raw_element(0x00282000, "OB", profile)}))
    assert profile in made.header


def test_every_reader_sees_the_same_nothing(tmp_path: Path) -> None:
    for ds in (ct_slice(), structure_set(["GTVp", "ZZPHIson lung"])):
        for made in (stage1(ds), both_stages(ds, "clean_descriptors")):
            text = xml(file_of(made), tmp_path)
            assert MARKER not in text
            assert "Zoltan" not in text
