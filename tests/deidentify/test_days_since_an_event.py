"""Longitudinal Temporal Offset from Event (0012,0052), its type (0012,0053), and what (0028,0303) says beside them."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import HeldError, InputError
from pacs2trial.profile import trial_plan
from pacs2trial.profile.sentences import topics
from pacs2trial.trials.definition import TrialDefinition
from support.definitions import trial
from support.objects import ct_slice
from support.stages import file_of, reread, stage1, stage2

ASKED = {"column": "enrolled", "event": "ENROLLMENT", "because": "An endpoint."}


def definition(*options: str, **offset: Any) -> TrialDefinition:
    return trial(profile={"options": list(options), "offset": ASKED | offset})


def scanned(day: str) -> Dataset:
    ds = ct_slice()
    ds.StudyDate = day
    ds.LongitudinalTemporalOffsetFromEvent, ds.LongitudinalTemporalEventType = 99.0, "BASELINE"
    return ds


def found(day: str, enrolled: str, *options: str) -> Dataset:
    staged = split_file(file_of(stage1(scanned(day))))
    return reread(stage2(staged, definition=definition(*options), columns={"enrolled": enrolled}))


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "REMOVED"), (("retain_modified_dates",), "MODIFIED"), (("retain_full_dates",), "UNMODIFIED")],
)
def test_the_days_are_those_of_the_calendar_whatever_becomes_of_dates(options: tuple[str, ...], said: str) -> None:
    ds = found("20240301", "20240228", *options)
    assert (ds.LongitudinalTemporalOffsetFromEvent, ds.LongitudinalTemporalEventType) == (2.0, "ENROLLMENT")
    assert ds.LongitudinalTemporalInformationModified == said
    assert ("20240301" in str(ds)) == (said == "UNMODIFIED")


def test_a_study_before_the_event_has_a_negative_number() -> None:
    assert found("20231231", "2024-01-01").LongitudinalTemporalOffsetFromEvent == -1.0


@pytest.mark.parametrize("day", ["", "19000101"])
def test_an_object_without_a_date_of_its_study_gets_neither(day: str) -> None:
    ds = found(day, "20240101")
    assert "LongitudinalTemporalOffsetFromEvent" not in ds
    assert "LongitudinalTemporalEventType" not in ds


def test_unasked_both_are_removed() -> None:
    ds = reread(stage2(split_file(file_of(stage1(scanned("20240301")))), "retain_full_dates"))
    assert "LongitudinalTemporalOffsetFromEvent" not in ds
    assert "LongitudinalTemporalEventType" not in ds


@pytest.mark.parametrize("cell", ["", "31.1.2024", "2024131", "20240230", "2024-0131"])
def test_a_cell_that_is_no_day_holds_the_subject_and_is_not_told(cell: str) -> None:
    with pytest.raises(HeldError) as held:
        found("20240301", cell)
    assert "LUNGART/LA-001: column enrolled" in str(held.value)
    assert not cell or cell not in str(held.value)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"profile\.offset: unknown column 'enroled'; did you mean enrolled"):
        stage2(scanned("20240301"), definition=definition(column="enroled"), columns={"enrolled": "20240101"})


def test_a_rule_may_not_set_what_the_plan_writes() -> None:
    rule = {"attribute": "LongitudinalTemporalEventType", "set": "BASELINE"}
    with pytest.raises(InputError, match="written by the plan itself"):
        trial_plan(trial(profile={"offset": ASKED, "rules": [rule]}))


def test_it_is_part_of_the_plan_and_of_its_statement() -> None:
    asked, plain = trial_plan(definition()), trial_plan(trial())
    assert len({asked.digest, plain.digest, trial_plan(definition(event="BASELINE")).digest}) == 3
    assert asked.digest == trial_plan(definition(because="Another word for it.")).digest
    said = {topic.title: topic.text for topic in topics(asked)}["Dates and times"]
    assert "column enrolled of the key table, and (0012,0053) calls that ENROLLMENT" in said
    assert "are removed" in {topic.title: topic.text for topic in topics(plain)}["Dates and times"]
