"""Text stays where it says nothing of the patient, whatever it looks like."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.dicomfile.encoding import split_file
from support.definitions import trial
from support.objects import ct_slice, encoded, raw_element, structure_set, with_raw
from support.stages import both_stages, file_of, reread, stage1, stage2


def named(name: str, **attributes: object) -> Dataset:
    ds = ct_slice()
    ds.PatientName = name
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def test_a_coded_string_is_a_term_and_not_a_name() -> None:
    found = reread(stage1(named("Chest^Head", BodyPartExamined="CHEST")))
    assert found.BodyPartExamined == "CHEST"


def test_a_longer_number_is_another_number() -> None:
    ds = named("Doe^Jane", SeriesDescription="prot 9123456", PatientID="123456", AcquisitionNumber=9123456)
    found = reread(stage1(ds))
    assert found.SeriesDescription == "prot 9123456"
    assert found.AcquisitionNumber == 9123456


def test_an_id_in_an_integer_string_is_found() -> None:
    ds = named("Doe^Jane", PatientID="00123456", AcquisitionNumber=123456)
    assert reread(stage1(ds)).AcquisitionNumber in (None, "")


@pytest.mark.parametrize(("tag", "vr"), [(0x00180050, "DS"), (0x00200012, "IS")])
@pytest.mark.parametrize(
    "value", [b"00123456", b"123456", b"1\\123456 ", b"19610407", b"0176 123 45", b"12-34-56", b"1+1 "]
)
def test_no_identifier_passes_as_a_number(tag: int, vr: str, value: bytes) -> None:
    ds = named("Doe^Jane", PatientID="00123456", PatientBirthDate="19610407")
    delattr(ds, "SliceThickness")
    made = stage1(with_raw(encoded(ds), {tag: raw_element(tag, vr, value + b" " * (len(value) % 2))}))
    assert value.strip() not in made.header


@pytest.mark.parametrize("value", [b"1.5", b"-2.50E-3", b"+7", b" 1 \\ 2", b"\\1", b".5\\5.", b"123456.7\\0"])
def test_numbers_in_all_their_forms_stay(value: bytes) -> None:
    made = stage1(with_raw(encoded(ct_slice()), {0x00180050: raw_element(0x00180050, "DS", value)}))
    assert value.rstrip() in made.header


def test_a_name_by_its_vr_is_a_name_whatever_the_attribute() -> None:
    data = with_raw(
        encoded(named("Doe^Jane", SeriesDescription="for Umlauf", StudyDescription="CT")),
        {
            0x00081010: raw_element(0x00081010, "PN", b"Kowalski^Otto "),
            0x00180015: raw_element(0x00180015, "PN", b"Umlauf"),
        },
    )
    made = stage1(data)
    assert b"Kowalski" not in made.header
    assert b"Umlauf" not in made.header
    assert reread(made).StudyDescription == "CT"


def test_identifiers_in_removed_sequences_are_searched_too() -> None:
    ds = named("Doe^Jane", SeriesDescription="scan of XK-77123", StudyDescription="for Dr Umlauf")
    other = Dataset()
    other.PatientID = "XK-77123"
    person = Dataset()
    person.PatientName = "Umlauf^Otto"
    other.OtherPatientIDsSequence = Sequence([person])
    for undefined in (False, True):
        ds.OtherPatientIDsSequence = Sequence([other])
        ds["OtherPatientIDsSequence"].is_undefined_length = undefined
        other.is_undefined_length_sequence_item = undefined
        found = reread(stage1(ds))
        assert (found.SeriesDescription, found.get("StudyDescription", "")) == ("scan", "")


@pytest.mark.parametrize("text", ["mail a.b@example.org", "bell\x07", "esc \x9b"])
def test_mail_addresses_and_control_characters_do_not_stay(text: str) -> None:
    data = with_raw(
        encoded(ct_slice()), {0x0008103E: raw_element(0x0008103E, "LO", text.encode() + b" " * (len(text) % 2))}
    )
    assert reread(stage1(data)).get("SeriesDescription", "") == ""


@pytest.mark.parametrize("text", ["https://example.org/x", "www.example.org"])
def test_web_addresses_stay_in_staging_only(text: str) -> None:
    ds = ct_slice()
    ds.ManufacturerModelName = text
    assert reread(stage1(ds)).ManufacturerModelName == text
    assert reread(both_stages(ds)).ManufacturerModelName == "REMOVED"


@pytest.mark.parametrize("vr", ["CS", "LO", "SH"])
def test_coded_strings_that_are_none_do_not_stay(vr: str) -> None:
    for value in (b"a free text of Jane", b"TOO LONG FOR A CODED STRING ", b"lower "):
        data = with_raw(encoded(ct_slice()), {0x00180015: raw_element(0x00180015, vr, value)})
        assert reread(stage1(data)).BodyPartExamined == ""


def test_a_bad_value_of_a_coded_string_does_not_take_the_others_along() -> None:
    value = b"ORIGINAL\\PRIMARY\\Jane Doe\\AXIAL "
    data = with_raw(encoded(ct_slice()), {0x00080008: raw_element(0x00080008, "CS", value)})
    assert list(reread(stage1(data)).ImageType) == ["ORIGINAL", "PRIMARY", "", "AXIAL"]


@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00180050, "DS"), (0x00200012, "IS"), (0x00280006, "US"), (0x00181050, "FD")]
)
def test_text_in_place_of_numbers_does_not_stay(tag: int, vr: str) -> None:
    for sent in (vr, "LO", "UN"):
        if sent == "UN" and vr in ("US", "FD"):
            continue
        data = with_raw(encoded(ct_slice()), {tag: raw_element(tag, sent, b"ZZPHI JANE DOE  ")})
        if sent == vr and vr in ("US", "FD"):
            continue
        assert b"JANE" not in file_of(stage1(data))


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("ISO_IR 100", "Schädel nativ".encode("latin-1")),
        ("ISO_IR 192", "Schädel nativ".encode()),
        ("GB18030", "胸部平扫".encode("gb18030")),
        ("\\ISO 2022 IR 87", b"\x1b$B6;It\x1b(B CT"),
        ("\\ISO 2022 IR 149", b"\x1b$)C\xb0\xa1\xb3\xaa"),
    ],
)
def test_text_of_declared_character_sets_stays(charset: str, value: bytes) -> None:
    value += b" " * (len(value) % 2)
    text = charset.encode() + b" " * (len(charset) % 2)
    extra = {0x00080005: raw_element(0x00080005, "CS", text), 0x0008103E: raw_element(0x0008103E, "LO", value)}
    made = stage1(with_raw(encoded(named("Doe^Jane")), extra))
    assert value in made.header


@pytest.mark.parametrize("charset", ["", "ISO_IR 192", "NOT A TERM"])
def test_bytes_that_are_no_text_do_not_stay(charset: str) -> None:
    value = "Schädel Jörg".encode("latin-1")
    text = charset.encode() + b" " * (len(charset) % 2)
    extra = {0x00080005: raw_element(0x00080005, "CS", text), 0x0008103E: raw_element(0x0008103E, "LO", value)}
    made = stage1(with_raw(encoded(named("Doe^Jane")), extra))
    assert b"rg" not in made.header


def test_a_name_in_another_script_is_found_in_an_item_of_another_character_set() -> None:
    ds = named("Müller^Jörg", SpecificCharacterSet="ISO_IR 100")
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.CodeMeaning = "für Müller"
    item.CodeValue, item.CodingSchemeDesignator = "1", "99X"
    ds.AnatomicRegionSequence = Sequence([item])
    assert "ller" not in str(reread(stage1(ds)).AnatomicRegionSequence)


def test_descriptions_of_a_trial_pass_an_allow_list() -> None:
    ds = named("Doe^Jane", SeriesDescription="Thorax Kowalski 5mm", StudyDescription="Leeds", ProtocolName="6 CT Lung")
    found = reread(both_stages(ds, "clean_descriptors"))
    assert found.SeriesDescription == "Thorax 5mm"
    assert "StudyDescription" not in found
    assert found.ProtocolName == "6 CT Lung"


def test_without_the_option_descriptions_go() -> None:
    found = reread(both_stages(ct_slice()))
    assert "SeriesDescription" not in found
    assert "StudyDescription" not in found


def test_unknown_structure_names_become_numbers() -> None:
    ds = structure_set(["GTVp", "Kowalski 1", "Lung_L", "Herz Emma", "GTV_4DCT"])
    found = reread(both_stages(ds, "clean_descriptors"))
    assert [roi.ROIName for roi in found.StructureSetROISequence] == ["GTVp", "ROI_2", "Lung_L", "ROI_4", "ROI_5"]
    assert [roi.ROINumber for roi in found.StructureSetROISequence] == [1, 2, 3, 4, 5]


def test_a_trial_adds_structure_names_of_its_own() -> None:
    ds = structure_set(["GTVp", "Zielgebiet"])
    own = trial("clean_descriptors", roi_names={"allow": "none", "also": ["Zielgebiet"]})
    found = reread(stage2(ds, definition=own))
    assert [roi.ROIName for roi in found.StructureSetROISequence] == ["ROI_1", "Zielgebiet"]


def test_without_the_option_structure_names_are_emptied() -> None:
    found = reread(both_stages(structure_set()))
    assert [roi.ROIName for roi in found.StructureSetROISequence] == ["", ""]
    assert found.StructureSetLabel == "REMOVED"


def test_staging_keeps_structure_names() -> None:
    found = reread(stage1(structure_set(["GTVp", "Kowalski 1", "Zoltan GTV"])))
    assert [roi.ROIName for roi in found.StructureSetROISequence] == ["GTVp", "Kowalski 1", "GTV"]


def test_text_of_radiotherapy_that_the_table_forgets_is_cleaned() -> None:
    ds = structure_set()
    beam = Dataset()
    beam.BeamName = "AP Kowalski"
    beam.TreatmentMachineName = "LINAC 7 Jane"
    beam.BeamNumber = 1
    ds.BeamSequence = Sequence([beam])
    found = reread(stage2(ds))
    assert found.BeamSequence[0].BeamName == "AP"
    assert found.BeamSequence[0].TreatmentMachineName == ""
    assert found.BeamSequence[0].BeamNumber == 1


def test_what_standard_codes_mean_stays_and_private_words_are_cleaned() -> None:
    ds = ct_slice()
    items = []
    for scheme, meaning in (("SRT", "Zygomatic arch"), ("99LOCAL", "Lung Kowalski"), ("99LOCAL", "Kowalski")):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "T-1", scheme, meaning
        items.append(item)
    ds.AnatomicRegionSequence = Sequence(items)
    found = reread(both_stages(ds))
    assert [item.CodeMeaning for item in found.AnatomicRegionSequence] == ["Zygomatic arch", "Lung", "REMOVED"]


@pytest.mark.parametrize("length", [30, 64, 66, 5000, 60000])
def test_long_lists_of_numbers_stay_and_anything_else_in_them_does_not(length: int) -> None:
    numbers = (b"10.25\\-3.5e1\\" * (length // 12 + 1))[:length].rstrip(b"\\.-+e")
    numbers += b" " * (len(numbers) % 2)
    for text, stays in ((numbers, True), (numbers[:-6] + b"ZZPHI ", False), (b"Z" + numbers[1:], False)):
        made = stage1(with_raw(encoded(ct_slice()), {0x00180050: raw_element(0x00180050, "DS", text)}))
        assert (text.rstrip() in made.header) is stays, text[:20]


OWN_IN_VALUES = [
    ("ScanOptions", "KOWALSKI"),
    ("BodyPartExamined", "OTTO UMLAUF"),
    ("FilterMaterial", "ZOLTAN"),
    ("PatientPosition", "QX4711"),
    ("ConvolutionKernel", "B30f Kowalski"),
    ("SequenceName", "Zoltan_fl2d"),
    ("ManufacturerModelName", "Scanner of Kowalski"),
    ("SoftwareVersions", "v1 QX4711"),
    ("DeviceSerialNumber", "QX4711"),
]
"""Attributes that the table does not list, or that staging keeps for the options: CS, SH and LO."""


@pytest.mark.parametrize(("keyword", "value"), OWN_IN_VALUES)
def test_own_identifiers_are_searched_in_every_value_that_stays_whatever_its_vr(keyword: str, value: str) -> None:
    ds = ct_slice()
    ds.PatientName, ds.PatientID, ds.OperatorsName = "Kowalski^Zoltan", "QX4711", "Umlauf^Otto"
    setattr(ds, keyword, value)
    first = stage1(ds)
    for made in (first, stage2(split_file(file_of(first)), "clean_descriptors", "retain_device_identity")):
        left = str(reread(made).get(keyword, ""))
        assert not [word for word in ("KOWALSKI", "OTTO", "UMLAUF", "ZOLTAN", "QX4711") if word in left.upper()]
