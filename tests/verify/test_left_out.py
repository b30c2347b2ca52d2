"""What a trial's options leave out is no broken link; everything else is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.trials.definition import Option
from pacs2trial.vault.tables import Kind
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.left_out import is_left_out
from pacs2trial.verify.links import Links
from support.definitions import trial
from support.objects import TableOfPseudonyms, ct_slice
from support.reports import dose_report, key_objects
from support.stages import file_of, reread, stage1, stage2

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


def rt_plan() -> Dataset:
    """A plan with links at three places."""
    ds = ct_slice()
    for keyword, count in (
        ("ReferencedStudySequence", 1),
        ("ReferencedStructureSetSequence", 1),
        ("ReferencedRTPlanSequence", 2),
    ):
        items = []
        for number in range(count):
            one = Dataset()
            one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = REPORT, f"1.2.3.{count}.{number}"
            items.append(one)
        setattr(ds, keyword, items)
    return ds


def found(
    *rules: dict[str, Any], broken: str = "", options: tuple[str, ...] = (), original: Dataset | None = None
) -> tuple[list[str], list[str]]:
    """Findings and remarks of an object through both stages by these rules, less the attribute ``broken``."""
    staging, trial_uids = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    definition = trial(profile={"options": list(options), "rules": list(rules)})
    first = file_of(stage1(original or rt_plan(), pseudonyms=staging))
    packed = reread(stage2(split_file(first), definition=definition, pseudonyms=trial_uids))
    if broken:
        delattr(packed, broken)
    staged = mapped(staging)
    links = Links(
        {uid: trial_uids.uid(uid) for uid in staged}, staged, frozenset(map(Option, options)), definition.profile.rules
    )
    findings = links.differences("x", DicomObject(first), DicomObject(saved(packed)))
    return list(findings), links.remarks()


def saved(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ({"attribute": "ReferencedStudySequence", "remove": True}, 1),
        ({"attribute": "ReferencedRTPlanSequence", "empty": True}, 2),
        ({"attribute": "ReferencedRTPlanSequence > ReferencedSOPInstanceUID", "remove": True}, 2),
        ({"attribute": "ReferencedSOPInstanceUID", "empty": True}, 5),
        ({"attribute": "FrameOfReferenceUID", "remove": True, "modality": "CT"}, 1),
    ],
)
def test_what_a_rule_of_the_trial_takes_away_is_no_broken_link_but_is_said(rule: dict[str, Any], count: int) -> None:
    assert found(rule) == ([], [f"profile.rules[0] takes away {count} UID{'s' if count > 1 else ''}"])


def test_a_break_beside_what_a_rule_takes_away_is_found() -> None:
    rule = {"attribute": "ReferencedStudySequence", "remove": True}
    findings, _ = found(rule, broken="ReferencedStructureSetSequence")
    assert findings == ["x: ReferencedStructureSetSequence[1].ReferencedSOPInstanceUID no longer links as in staging"]


@pytest.mark.parametrize(
    "rule",
    [
        {"attribute": "ReferencedStructureSetSequence", "remove": True, "modality": "MR"},
        {"attribute": "ReferencedStructureSetSequence", "remove": True, "sop_class": "RTPlanStorage"},
        {"attribute": "BeamSequence > ReferencedSOPInstanceUID", "remove": True},
    ],
)
def test_a_rule_for_other_objects_or_places_excuses_nothing(rule: dict[str, Any]) -> None:
    findings, remarks = found(rule, broken="ReferencedStructureSetSequence")
    assert len(findings) == 1
    assert remarks == []


def test_the_first_rule_that_matches_decides() -> None:
    keep = {"attribute": "ReferencedStructureSetSequence", "keep": True}
    remove = {"attribute": "(300C,00xx)", "remove": True}
    assert len(found(keep, remove, broken="ReferencedStructureSetSequence")[0]) == 1


def test_a_sequence_that_a_rule_keeps_must_keep_its_links() -> None:
    request = Dataset()
    request.StudyInstanceUID = "1.2.3.4"
    ds = ct_slice()
    ds.RequestAttributesSequence = [request]
    keep = {"attribute": "RequestAttributesSequence", "keep": True, "because": "The protocol needs it."}
    assert found(keep, original=ds) == ([], [])
    assert len(found(keep, original=ds, broken="RequestAttributesSequence")[0]) == 1
    assert found(original=ds) == ([], [])


def test_the_uids_that_place_an_object_are_never_excused() -> None:
    rule = {"vr": "UI", "remove": True}
    findings, _ = found(rule, broken="StudyInstanceUID")
    assert findings == ["x: StudyInstanceUID no longer links as in staging"]
