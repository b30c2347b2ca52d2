"""What a trial's options leave out is no broken link; everything else is."""

from __future__ import annotations

import pytest

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.trials.definition import Option
from pacs2trial.vault.tables import Kind
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.left_out import is_left_out
from pacs2trial.verify.links import Links
from support.objects import TableOfPseudonyms
from support.reports import dose_report, key_objects
from support.stages import file_of, stage1, stage2

REPORT, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.59"
CONTENT, GRAPHICS, PRIVATE = Option.CLEAN_STRUCTURED_CONTENT, Option.CLEAN_GRAPHICS, Option.RETAIN_SAFE_PRIVATE


@pytest.mark.parametrize(
    ("path", "sop_class", "kept_by"),
    [
        ("ContentSequence[1].ContentSequence[2].UID", REPORT, CONTENT),
        ("ContentSequence[1].ReferencedSOPSequence[1].ReferencedSOPInstanceUID", REPORT, CONTENT),
        ("GraphicAnnotationSequence[1].ReferencedImageSequence[1].ReferencedSOPInstanceUID", REPORT, GRAPHICS),
        ("RequestAttributesSequence[1].StudyInstanceUID", REPORT, Option.CLEAN_DESCRIPTORS),
        ("(0099,1002)", REPORT, PRIVATE),
        ("(7E01,1010)[1].FrameOfReferenceUID", REPORT, PRIVATE),
    ],
)
def test_an_option_decides_what_may_be_gone(path: str, sop_class: str, kept_by: Option) -> None:
    assert is_left_out(path, sop_class, frozenset())
    assert not is_left_out(path, sop_class, {kept_by})


@pytest.mark.parametrize(
    ("path", "sop_class"),
    [
        ("ContentSequence[1].ReferencedSOPSequence[1].ReferencedSOPInstanceUID", KEY_OBJECTS),
        ("ReferencedRTPlanSequence[1].ReferencedSOPInstanceUID", REPORT),
        ("FrameOfReferenceUID", REPORT),
        ("ObservationUID", REPORT),
    ],
)
def test_all_else_must_be_there(path: str, sop_class: str) -> None:
    assert not is_left_out(path, sop_class, frozenset())


def mapped(table: TableOfPseudonyms) -> set[str]:
    """Every UID that the table was asked for, as it is in staging."""
    return {table.pseudonym(original) for asked in table.calls for original in asked if original.kind is Kind.UID}


@pytest.mark.parametrize("options", [(), ("clean_structured_content", "clean_descriptors")], ids=["basic", "clean"])
@pytest.mark.parametrize("make", [dose_report, key_objects])
def test_reports_pass_the_proof_whatever_items_were_dropped(make, options: tuple[str, ...]) -> None:
    staging, trial = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    first = file_of(stage1(make(), pseudonyms=staging))
    last = file_of(stage2(split_file(first), *options, pseudonyms=trial))
    staged = mapped(staging)
    links = Links({uid: trial.uid(uid) for uid in staged}, staged, frozenset(map(Option, options)))
    assert list(links.differences("x", DicomObject(first), DicomObject(last))) == []


def test_a_reference_that_is_lost_from_a_report_is_found() -> None:
    staging, trial = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    first = file_of(stage1(key_objects(), pseudonyms=staging))
    shorter = key_objects()
    del shorter.ContentSequence[-1]
    last = file_of(stage2(split_file(file_of(stage1(shorter, pseudonyms=staging))), pseudonyms=trial))
    staged = mapped(staging)
    links = Links({uid: trial.uid(uid) for uid in staged}, staged)
    assert list(links.differences("x", DicomObject(first), DicomObject(last))) == [
        "x: ContentSequence.ReferencedSOPSequence.ReferencedSOPInstanceUID no longer links as in staging"
    ]
