"""Links that a trial requires, told from what the staged objects themselves refer to."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from pacs2trial.filtering.filter import filter_subject
from pacs2trial.vault.tables import Instance, InstanceState
from support.hospital import LUNG, Hospital

ALL = ["plan-dose", "plan-structures", "dose-plan", "structures-images"]


def gaps(hospital: Hospital, **require: object) -> tuple[dict[str, int], int]:
    hospital.define(LUNG, filter={"require": {"links": ALL, **require}})
    done = filter_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001"))
    return dict(done.gaps), done.held


def without(hospital: Hospital, modality: str) -> None:
    """One object of a modality is rejected, as by a person."""
    with hospital.ws.vault.session() as session:
        one = session.scalars(select(Instance.id).where(Instance.modality == modality).order_by(Instance.id)).first()
        session.execute(update(Instance).where(Instance.id == one).values(state=InstanceState.REJECTED))


def test_a_whole_study_lacks_nothing(hospital: Hospital) -> None:
    assert gaps(hospital) == ({}, 0)


@pytest.mark.parametrize(
    ("modality", "lacking"),
    [
        ("RTDOSE", {"plan without dose": 1}),
        ("RTSTRUCT", {"structure set that a plan names": 1}),
        ("RTPLAN", {"plan that a dose names": 1}),
        ("CT", {"image that a structure set names": 1}),
    ],
)
def test_what_is_missing_is_told(hospital: Hospital, modality: str, lacking: dict[str, int]) -> None:
    without(hospital, modality)
    assert gaps(hospital) == (lacking, 0)


def test_what_lacks_something_is_held_where_the_trial_wants_that(hospital: Hospital) -> None:
    without(hospital, "CT")
    assert gaps(hospital, otherwise="hold") == ({"image that a structure set names": 1}, 1)
