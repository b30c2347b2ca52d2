"""Policies of review: changes only, and four eyes."""

from __future__ import annotations

import pytest

from pacs2trial.collect import collect_subject
from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import HeldError, InputError
from pacs2trial.review import Reason, Word, approve, reject, reject_series, series_of
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

KEY = "LA-001"
OUTBOX = [{"to": "folder", "path": "outbox"}]


def remake(hospital: Hospital, requested_by: str = "") -> None:
    hospital.filter(LUNG, KEY)
    definition = hospital.ws.definition(LUNG)
    (made,) = collect_subject(hospital.ws, definition, hospital.subject(LUNG, KEY), requested_by=requested_by)
    hospital.verify(made)


def deliver(hospital: Hospital) -> list:
    return deliver_subject(hospital.ws, hospital.ws.definition(LUNG), KEY)


def without_one_series(hospital: Hospital) -> None:
    series = next(one.series for one in series_of(hospital.ws, LUNG, KEY) if one.modality == "REG")
    reject_series(hospital.ws, LUNG, KEY, [series], Word("ann", Reason.NOT_PROTOCOL))
    remake(hospital)


def test_changes_are_asked_about_where_an_object_is_new(hospital: Hospital) -> None:
    hospital.define(LUNG, review="changes", deliver=OUTBOX)
    remake(hospital)
    approve(hospital.ws, LUNG, KEY, Word("ann"))
    hospital.stage(small_study(when=SECOND_DAY))
    remake(hospital)
    with pytest.raises(HeldError, match="waits for review"):
        deliver(hospital)


@pytest.mark.parametrize(("policy", "asked"), [("changes", False), ("always", True)])
def test_a_content_of_approved_objects_alone_is_no_change(hospital: Hospital, policy: str, asked: bool) -> None:
    hospital.define(LUNG, review=policy, deliver=OUTBOX)
    remake(hospital)
    approve(hospital.ws, LUNG, KEY, Word("ann"))
    without_one_series(hospital)
    if asked:
        with pytest.raises(HeldError, match="waits for review"):
            deliver(hospital)
    else:
        assert deliver(hospital)[0].new


def test_objects_of_a_rejected_content_were_not_approved(hospital: Hospital) -> None:
    hospital.define(LUNG, review="changes", deliver=OUTBOX)
    remake(hospital)
    reject(hospital.ws, LUNG, KEY, Word("ann", Reason.QUALITY))
    without_one_series(hospital)
    with pytest.raises(HeldError, match="waits for review"):
        deliver(hospital)


def test_who_started_the_run_does_not_approve_where_four_eyes_are_wanted(hospital: Hospital) -> None:
    hospital.define(LUNG, review="always", four_eyes=True, deliver=OUTBOX)
    remake(hospital, requested_by="ann")
    with pytest.raises(InputError, match="four eyes"):
        approve(hospital.ws, LUNG, KEY, Word("ann"))
    approve(hospital.ws, LUNG, KEY, Word("bea"))
    assert deliver(hospital)[0].new


def test_two_eyes_do_where_four_are_not_wanted(hospital: Hospital) -> None:
    hospital.define(LUNG, review="always", deliver=OUTBOX)
    remake(hospital, requested_by="ann")
    approve(hospital.ws, LUNG, KEY, Word("ann"))
    assert deliver(hospital)[0].new
