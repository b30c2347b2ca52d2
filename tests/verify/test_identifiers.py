"""The search for a person's own identifiers, one attribute at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.identifiers import Search, own_identifiers
from support.packages import encoded, plain_object

CT = "1.2.840.10008.5.1.4.1.1.2"
ORIGINAL_UID = "1.2.826.0.1.3680043.2.1125.7"
PSEUDONYM = "2.25.110048213344"
OWN = own_identifiers(
    names={"Head^Left", "Ärmel-Smythe^Eliza Jo^^Dr^Prof", "山田^太郎"},
    ids={"10048213", "00010048214", "A7", "ACC-2024/9"},
    birth_dates={"19520317"},
    uids={ORIGINAL_UID},
)
PSEUDONYMS = frozenset({PSEUDONYM, "2.25.100", "2.25.110", "2.25.111", "2.25.130"})
SEARCH = Search(OWN, PSEUDONYMS, constants=["Smythe Foundation"])


def found(change: Callable[[Dataset], None]) -> list[str]:
    dataset = plain_object(CT, "2.25.110", "2.25.111")
    change(dataset)
    return list(SEARCH.in_object("m.dcm", DicomObject(encoded(dataset))))


def setting(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, value)


def adding(tag: int, vr: str, value: object) -> Callable[[Dataset], None]:
    return lambda dataset: dataset.add_new(tag, vr, value)


def test_a_clean_object_gives_no_finding() -> None:
    assert found(lambda dataset: None) == []


@pytest.mark.parametrize(
    ("keyword", "value", "what"),
    [
        ("StudyDescription", "Thorax SMYTHE control", "a part of the name"),
        ("StudyDescription", "Mrs Head", "a part of the name"),
        ("ImageType", ["ORIGINAL", "SMYTHE"], "a part of the name"),
        ("StudyDescription", "armel", "a part of the name"),
        ("StudyDescription", "AERMEL", "a part of the name"),
        ("SeriesDescription", "for eliza", "a part of the name"),
        ("StudyComments", "x10048213y", "an original ID"),
        ("StudyComments", "see acc-2024/9", "an original ID"),
        ("StudyID", "A7", "an original ID"),
        ("StudyComments", "was 10048214 before", "an original ID"),
        ("OtherPatientIDs", ["B1", "A7"], "an original ID"),
        ("InstanceNumber", "10048213", "an original ID"),
        ("StudyComments", "born 1952-03-17", "the birth date"),
        ("PatientBirthDate", "19520317", "the birth date"),
        ("FrameOfReferenceUID", ORIGINAL_UID, "an original UID"),
        ("StudyComments", f"copy of {ORIGINAL_UID}", "an original UID"),
        ("StudyComments", f"copy of {ORIGINAL_UID}.4", "an original UID"),
        ("StationName", "10048213", "an original ID"),
        ("AccessionNumber", "ACC-2024/9", "an original ID"),
    ],
)
def test_an_identifier_is_found_where_it_stands_and_not_repeated(keyword: str, value: object, what: str) -> None:
    assert found(setting(keyword, value)) == [f"m.dcm: {keyword} holds {what}"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDescription", "Smythesonian armelle"),  # no whole words
        ("StudyDescription", "Dr Prof Jo"),  # title, suffix, a word of two letters
        ("StudyComments", "A7b"),  # a short ID counts as a whole value only
        ("InstanceNumber", "7"),
        ("FrameOfReferenceUID", PSEUDONYM),  # holds the patient ID's digits by chance
        ("SliceLocation", "-110048213.5"),
        ("StudyDate", "19520317"),  # a shifted date may fall anywhere
        ("ClinicalTrialSponsorName", "Smythe Foundation"),  # a text of the definition
        ("BodyPartExamined", "HEAD"),
        ("DeidentificationMethod", "Retain Patient Characteristics"),
    ],
)
def test_what_stands_there_by_chance_is_no_finding(keyword: str, value: object) -> None:
    assert found(setting(keyword, value)) == []


def test_a_name_in_another_character_set_is_found() -> None:
    def change(dataset: Dataset) -> None:
        dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
        dataset.StudyDescription = "for 太郎"

    assert found(change) == ["m.dcm: StudyDescription holds a part of the name"]


def test_an_identifier_deep_in_sequences_is_found_with_its_path() -> None:
    def change(dataset: Dataset) -> None:
        inner, outer = Dataset(), Dataset()
        inner.CodeMeaning = "Eliza"
        outer.ConceptNameCodeSequence = Sequence([Dataset(), inner])
        dataset.ContentSequence = Sequence([outer])

    assert found(change) == [
        "m.dcm: ContentSequence[1].ConceptNameCodeSequence[2].CodeMeaning holds a part of the name"
    ]


def test_an_identifier_in_a_private_attribute_is_found_by_its_tag() -> None:
    assert found(adding(0x00191010, "UN", b"id=10048213 ")) == ["m.dcm: (0019,1010) holds an original ID"]


def test_a_name_in_binary_is_found_from_five_letters() -> None:
    assert found(adding(0x00191010, "OB", b"\0\1\xffSMYTHE\0\1")) == ["m.dcm: (0019,1010) holds a part of the name"]


def test_an_identifier_in_the_file_meta_group_is_found() -> None:
    def change(dataset: Dataset) -> None:
        dataset.file_meta.SourceApplicationEntityTitle = "ELIZA"

    assert found(change) == ["m.dcm: SourceApplicationEntityTitle holds a part of the name"]


def test_an_identifier_in_the_preamble_is_found() -> None:
    content = bytearray(encoded(plain_object(CT, "2.25.110", "2.25.111")))
    content[:8] = b"10048213"
    assert list(SEARCH.in_object("m.dcm", DicomObject(bytes(content)))) == ["m.dcm: preamble holds an original ID"]


def test_the_pixel_payload_is_left_to_the_filter() -> None:
    def change(dataset: Dataset) -> None:
        dataset.Rows, dataset.Columns, dataset.BitsAllocated = 1, 8, 8
        dataset.add_new(0x7FE00010, "OB", b"10048213")

    assert found(change) == []


def test_the_identifiers_are_not_printed_by_accident() -> None:
    assert repr(OWN) == "OwnIdentifiers(5 IDs, 8 name parts)"
