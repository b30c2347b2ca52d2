"""Dates, attribute by attribute: a date that a trial alters must not come out as it was."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.verify.dates import Dates
from pacs2trial.verify.dicom import DicomObject
from support.packages import encoded, plain_object

SHIFT = -100


def checked(before: Dataset, after: Dataset, *options: str, **profile: object) -> list[str]:
    definition = TrialDefinition.model_validate(
        {
            "trial": "T",
            "sponsor": "S",
            "protocol": "P",
            "keys": {"file": "t.csv"},
            "subject_key": "T-[0-9]",
            "source": {"pacs": "main", "modalities": ["CT"]},
            "profile": {"options": list(options), **profile},
        }
    )
    staged, packed = (DicomObject(encoded(each)) for each in (before, after))
    return list(Dates(definition, SHIFT).findings("a.dcm", staged, packed))


def dated(**dates: str) -> Dataset:
    found = plain_object("1.2.840.10008.5.1.4.1.1.2", "2.25.1", "2.25.2")
    found.update(dates)
    for keyword, value in dates.items():
        setattr(found, keyword, value)
    return found


def test_a_date_that_moved_by_the_subjects_days_is_right() -> None:
    before, after = (
        dated(StudyDate="20240313", AcquisitionDateTime="20240313101500"),
        dated(StudyDate="20231204", AcquisitionDateTime="20231204101500"),
    )
    assert checked(before, after, "retain_modified_dates") == []


@pytest.mark.parametrize("day", ["20240313", "20231205"])
def test_a_date_that_did_not_move_or_moved_otherwise_is_found(day: str) -> None:
    (finding,) = checked(dated(StudyDate="20240313"), dated(StudyDate=day), "retain_modified_dates")
    assert finding == "a.dcm: StudyDate holds a date that is not the moved one"


def test_a_date_in_a_sequence_is_found() -> None:
    before, after = dated(), dated()
    for each in (before, after):
        item = Dataset()
        item.ReferencedDateTime = "20240313"
        each.RequestAttributesSequence = Sequence([item])
    (finding,) = checked(before, after, "retain_modified_dates")
    assert finding.startswith("a.dcm: RequestAttributesSequence[1].")


def test_where_dates_are_removed_none_may_stay() -> None:
    assert checked(dated(StudyDate="20240313"), dated(StudyDate="")) == []
    assert checked(dated(StudyDate="20240313"), dated(StudyDate="19000101")) == []
    assert checked(dated(StudyDate="20240313"), dated(StudyDate="20240313")) == ["a.dcm: StudyDate holds a date"]


def test_where_dates_stay_nothing_is_said() -> None:
    assert checked(dated(StudyDate="20240313"), dated(StudyDate="20240313"), "retain_full_dates") == []


def test_of_the_birth_date_at_most_the_year_may_stay() -> None:
    before = dated(PatientBirthDate="19510101")
    assert checked(before, before, birth_date="year") == []
    assert checked(before, before) == ["a.dcm: PatientBirthDate holds a date"]


def test_a_date_that_a_rule_sets_is_the_rules() -> None:
    rules = [{"attribute": "StudyDate", "set": "20200101"}]
    assert checked(dated(StudyDate="20240313"), dated(StudyDate="20200101"), rules=rules) == []


def test_bytes_of_the_file_are_searched_without_its_pixels() -> None:
    found = dated()
    found.PixelData = b"PIXELS" * 10
    found.Rows = found.Columns = 1
    found.BitsAllocated = 8
    file = io.BytesIO()
    pydicom.dcmwrite(file, found, enforce_file_format=True)
    content = file.getvalue() + b"BEHIND IT"
    read = DicomObject(content[: -len(b"BEHIND IT")]).header_bytes()
    assert b"PIXELS" not in read
    assert b"2.25.2" in read


def test_dates_of_a_device_may_stay_where_its_identity_does() -> None:
    as_it_was = dated(DateOfLastCalibration="20240102")
    assert checked(as_it_was, as_it_was, "retain_device_identity") == []
    assert checked(as_it_was, as_it_was, "retain_device_identity", "retain_modified_dates") == []
    assert checked(as_it_was, as_it_was) == ["a.dcm: DateOfLastCalibration holds a date"]
    (finding,) = checked(as_it_was, dated(DateOfLastCalibration="20240103"), "retain_device_identity")
    assert finding == "a.dcm: DateOfLastCalibration holds a date"
