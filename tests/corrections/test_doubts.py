"""Studies of which it is in doubt whose they are: held with the reason, decided by a person; the next run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pacs2trial.corrections.doubts import Doubt, decide, doubts, look
from pacs2trial.errors import HeldError, InputError
from pacs2trial.keytable.studies import Answer
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import AuditEntry
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, Identity
from support.hospital import LUNG, SECOND_DAY, Hospital, copied, small_study
from support.vaults import PostgresServer

ANOTHER_DAY = replace(LUCZYNSKA, birth_date=date(1950, 1, 1))
OTHER_SEX = replace(LUCZYNSKA, sex="M" if LUCZYNSKA.sex == "F" else "F")


@pytest.fixture(params=["sqlite", "postgresql"])
def hospital(request: pytest.FixtureRequest, settings: Settings, furnished_home: Path) -> Iterator[Hospital]:
    """The hospital with its vault on each kind of database."""
    changes = {}
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        changes = {"database_url": server.new_database(request.getfixturevalue("furnished_database"))}
    yield from copied(settings, furnished_home, **changes)


def rules(hospital: Hospital) -> list[tuple[str, str]]:
    hospital.filter(LUNG, "LA-001")
    return [(one.subject_key, one.reason) for one in doubts(hospital.ws, LUNG)]


def token_of(hospital: Hospital, day: date) -> str:
    return next(one.token for one in doubts(hospital.ws, LUNG) if one.study_date == day)


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (ANOTHER_DAY, "the subject's studies name two birth dates"),
        (OTHER_SEX, "the subject's studies name two sexes"),
    ],
)
def test_an_id_of_two_persons_holds_its_subject(hospital: Hospital, identity: Identity, reason: str) -> None:
    hospital.stage(small_study(identity, SECOND_DAY))
    assert rules(hospital) == [("LA-001", reason)] * 2
    with pytest.raises(HeldError):
        hospital.collect(LUNG, "LA-001")


def test_a_study_that_is_left_out_holds_nobody(hospital: Hospital) -> None:
    hospital.stage(small_study(ANOTHER_DAY, SECOND_DAY))
    rules(hospital)
    decide(hospital.ws, LUNG, token_of(hospital, SECOND_DAY), Answer.LEFT_OUT, reason="not hers", actor="ann")
    assert rules(hospital) == []
    assert hospital.package(LUNG, "LA-001").instances == len(small_study())


def test_a_study_that_belongs_tells_what_is_right(hospital: Hospital) -> None:
    hospital.stage(small_study(ANOTHER_DAY, SECOND_DAY))
    rules(hospital)
    decide(hospital.ws, LUNG, token_of(hospital, SECOND_DAY), Answer.BELONGS, reason="registry", actor="ann")
    (left,) = doubts_after_filter(hospital)
    assert left.study_date != SECOND_DAY
    decide(hospital.ws, LUNG, left.token, Answer.BELONGS, reason="typing error", actor="ann")
    assert rules(hospital) == []
    assert hospital.package(LUNG, "LA-001").instances == 2 * len(small_study())


def doubts_after_filter(hospital: Hospital) -> list[Doubt]:
    hospital.filter(LUNG, "LA-001")
    return doubts(hospital.ws, LUNG)


def test_a_birth_date_that_is_absent_or_written_otherwise_contradicts_nobody(hospital: Hospital) -> None:
    objects = small_study(LUCZYNSKA, SECOND_DAY)
    for number, dataset in enumerate(objects):
        day = str(dataset.PatientBirthDate)
        dataset.PatientBirthDate = "" if number % 2 else day
        dataset.PatientSex = ""
    hospital.stage(objects)
    assert rules(hospital) == []


def test_a_study_with_objects_of_two_persons_is_decided(hospital: Hospital) -> None:
    objects = small_study()
    stray = small_study(OXENBARGER)[0]
    stray.StudyInstanceUID = objects[0].StudyInstanceUID
    hospital.stage([stray])
    assert rules(hospital) == [("LA-001", "the study holds instances of two persons")]
    (doubt,) = doubts(hospital.ws, LUNG)
    decide(hospital.ws, LUNG, doubt.token, Answer.BELONGS, reason="a stray image", actor="ann")
    assert rules(hospital) == []
    assert hospital.package(LUNG, "LA-001").instances == len(objects), "the stray object stays the other patient's"


def test_a_decision_is_audited_and_needs_a_reason(hospital: Hospital) -> None:
    hospital.stage(small_study(ANOTHER_DAY, SECOND_DAY))
    rules(hospital)
    token = token_of(hospital, SECOND_DAY)
    with pytest.raises(InputError, match="--reason"):
        decide(hospital.ws, LUNG, token, Answer.BELONGS, reason=" ", actor="ann")
    with pytest.raises(InputError, match="no such study in doubt"):
        decide(hospital.ws, LUNG, "0000000000", Answer.BELONGS, reason="x", actor="ann")
    decide(hospital.ws, LUNG, token, Answer.LEFT_OUT, reason="not hers", actor="ann")
    with hospital.ws.vault.session(read_only=True) as session:
        entry = session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert entry is not None
    assert (entry.act, entry.actor, entry.target, entry.reason) == (
        "study in doubt: left out",
        "ann",
        "LA-001",
        "not hers",
    )
    assert hospital.ws.vault.audit.verify_chain() == []


def test_who_looks_sees_what_the_objects_say_and_is_audited(hospital: Hospital) -> None:
    hospital.stage(small_study(ANOTHER_DAY, SECOND_DAY))
    rules(hospital)
    doubt, told = look(hospital.ws, LUNG, token_of(hospital, SECOND_DAY), actor="ann")
    assert told.patient_ids == (("", LUCZYNSKA.patient_id),)
    assert told.birth_dates == ("19500101",)
    with hospital.ws.vault.session(read_only=True) as session:
        acts = [(entry.act, json.dumps(entry.detail)) for entry in session.query(AuditEntry)]
    assert acts[-1][0] == "study in doubt shown"
    assert LUCZYNSKA.patient_id not in str(acts)
    assert doubt.study in acts[-1][1]


def test_another_person_under_the_key_does_not_inherit_a_decision(hospital: Hospital) -> None:
    hospital.stage(small_study(ANOTHER_DAY, SECOND_DAY))
    rules(hospital)
    decide(hospital.ws, LUNG, token_of(hospital, SECOND_DAY), Answer.LEFT_OUT, reason="not hers", actor="ann")
    hospital.enrol(LUNG, {"LA-001": OXENBARGER})
    hospital.enrol(LUNG, {"LA-002": LUCZYNSKA})
    hospital.filter(LUNG, "LA-002")
    assert len(doubts(hospital.ws, LUNG)) == 2


def test_an_object_may_come_under_any_id_of_its_person(hospital: Hospital) -> None:
    """The PACS merged a patient: what it announced under one ID comes with the other."""
    from pacs2trial.keytable import import_key_table
    from support.key_tables import rows as table

    main, alias = LUCZYNSKA.patient_id, OXENBARGER.patient_id
    both = table(hospital.ws.settings.keys, f"{main},LA-001,", f"{alias},LA-001,yes", columns=["alias"])
    import_key_table(hospital.ws.vault, hospital.ws.definition(LUNG), both, actor="ann")
    merged = replace(LUCZYNSKA, patient_id=alias)
    hospital.stage(small_study(merged))
    made = hospital.package(LUNG, "LA-001")
    assert made.instances == len(small_study())
    assert doubts(hospital.ws, LUNG) == []
