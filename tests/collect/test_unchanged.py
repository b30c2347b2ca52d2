"""A subject of which nothing has changed costs one question; whatever changes is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from pacs2trial.collect import collect_subject
from pacs2trial.errors import ProofError
from pacs2trial.vault.tables import HeldStudy, Judgement, PackageRow, TrialInstance, now
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study
from support.statements import heard


def questions(hospital: Hospital) -> list[str]:
    """What collecting LA-001 asks the vault."""
    definition, subject = hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001")
    with heard(hospital.ws.vault) as said:
        collect_subject(hospital.ws, definition, subject)
    return [one for one in said if one.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]


def test_an_unchanged_subject_costs_one_question(hospital: Hospital) -> None:
    hospital.package(LUNG, "LA-001")
    assert [one.split()[0] for one in questions(hospital)] == ["SELECT"]


def test_so_does_one_without_data(hospital: Hospital) -> None:
    hospital.enrol(LUNG, {"LA-001": OXENBARGER})
    assert hospital.collect(LUNG, "LA-001") == []
    assert len(questions(hospital)) == 1


def test_what_is_told_of_an_unchanged_package_is_what_was_told_before(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    again = hospital.package(LUNG, "LA-001")
    assert (first.changed, again.changed) == (True, False)
    assert (again.path, again.sha256, again.instances) == (first.path, first.sha256, first.instances)


def touch(hospital: Hospital) -> None:
    path = hospital.ws.settings.packages / LUNG / "LA-001.zip"
    os.utime(path, ns=(1, 1))


def another_definition(hospital: Hospital) -> None:
    hospital.define(LUNG, sponsor="Another sponsor")


def new_data(hospital: Hospital) -> None:
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.filter(LUNG, "LA-001")


def another_column(hospital: Hospital) -> None:
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, arm="B")


def a_study_in_doubt(hospital: Hospital) -> None:
    subject = hospital.subject(LUNG, "LA-001").subject_id
    with hospital.ws.vault.session() as session:
        session.add(HeldStudy(trial=LUNG, subject_id=subject, study="2.25.1", reason="two patient IDs", held_at=now()))


def a_held_instance(hospital: Hospital) -> None:
    with hospital.ws.vault.session() as session:
        session.query(TrialInstance).filter_by(trial=LUNG).limit(1).one().state = Judgement.HELD


def cleaned_up(hospital: Hospital) -> None:
    with hospital.ws.vault.session() as session:
        session.query(PackageRow).filter_by(trial=LUNG).one().removed_at = now()


@pytest.mark.parametrize(
    "change", [touch, another_definition, new_data, another_column, a_study_in_doubt, a_held_instance, cleaned_up]
)
def test_a_change_is_noticed(hospital: Hospital, change: Callable[[Hospital], None]) -> None:
    hospital.package(LUNG, "LA-001")
    change(hospital)
    try:
        asked = questions(hospital)
    except Exception as error:  # noqa: BLE001  # a subject that is held is not collected, which is noticed too
        assert type(error).__name__ == "HeldError"
    else:
        assert len(asked) > 1


def test_a_changed_subject_is_unchanged_again_once_it_is_collected(hospital: Hospital) -> None:
    hospital.package(LUNG, "LA-001")
    new_data(hospital)
    assert hospital.package(LUNG, "LA-001").changed
    assert len(questions(hospital)) == 1


def test_a_package_that_was_proven_is_not_proven_again(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    assert not first.proven
    assert len(hospital.verify(first)) > 1
    again = hospital.package(LUNG, "LA-001")
    assert again.proven
    (proof,) = hospital.verify(again)
    assert proof.findings == ("verified before; its bytes are the same",)


def test_a_proven_package_is_proven_again_when_other_data_are_let_through(hospital: Hospital) -> None:
    first = hospital.package(LUNG, "LA-001")
    hospital.verify(first)
    new_data(hospital)
    with pytest.raises(ProofError):
        hospital.verify(first)
