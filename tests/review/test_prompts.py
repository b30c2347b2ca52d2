"""Prompts: every content is asked about once, by one run; what nobody answers is held; answers make work."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from pacs2trial.delivery import deliver_subject
from pacs2trial.review import (
    Reason,
    ReviewState,
    Word,
    approve,
    give_back,
    put_questions,
    ready_subjects,
    reject,
    reject_series,
    reviews,
    run_out,
    series_of,
    take_questions,
)
from pacs2trial.vault.tables import AuditEntry
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

KEY = "LA-001"


@pytest.fixture
def asked(hospital: Hospital) -> Hospital:
    """One package that the first run asks about."""
    hospital.define(LUNG, review="always", deliver=[{"to": "folder", "path": "outbox"}])
    hospital.verify(hospital.package(LUNG, KEY))
    assert put_questions(hospital.ws, hospital.ws.definition(LUNG)) == 1
    assert [one.subject_key for one in take_questions(hospital.ws, LUNG, "first run")] == [KEY]
    return hospital


def state(hospital: Hospital) -> ReviewState:
    (item,) = reviews(hospital.ws, LUNG)
    return item.state


def test_no_other_run_asks_about_the_same_content(asked: Hospital) -> None:
    assert put_questions(asked.ws, asked.ws.definition(LUNG)) == 0
    assert take_questions(asked.ws, LUNG, "second run") == []


def test_a_run_that_is_repeated_asks_again_what_is_open(asked: Hospital) -> None:
    assert [one.subject_key for one in take_questions(asked.ws, LUNG, "first run")] == [KEY]
    approve(asked.ws, LUNG, KEY, Word("ann"))
    assert take_questions(asked.ws, LUNG, "first run") == []


def test_another_content_is_another_question(asked: Hospital) -> None:
    asked.stage(small_study(when=SECOND_DAY))
    asked.verify(asked.package(LUNG, KEY))
    assert put_questions(asked.ws, asked.ws.definition(LUNG)) == 1


def test_what_is_given_back_another_run_asks_about(asked: Hospital) -> None:
    give_back(asked.ws, LUNG, "first run")
    assert [one.subject_key for one in take_questions(asked.ws, LUNG, "second run")] == [KEY]


def test_a_trial_without_a_review_asks_nothing(hospital: Hospital) -> None:
    hospital.define(LUNG, review="never")
    hospital.verify(hospital.package(LUNG, KEY))
    assert put_questions(hospital.ws, hospital.ws.definition(LUNG)) == 0
    assert reviews(hospital.ws, LUNG) == []


def test_what_nobody_answers_is_held_and_audited(asked: Hospital) -> None:
    assert run_out(asked.ws, LUNG, "first run", actor="airflow") == [KEY]
    assert state(asked) is ReviewState.HELD
    assert ready_subjects(asked.ws, LUNG) == []
    with asked.ws.vault.session(read_only=True) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "review held"))
    assert (entry.actor, entry.target, entry.reason) == ("airflow", KEY, "nobody answered in time")


def test_what_was_answered_is_not_held_when_time_runs_out(asked: Hospital) -> None:
    approve(asked.ws, LUNG, KEY, Word("ann"))
    assert run_out(asked.ws, LUNG, "first run", actor="airflow") == []
    assert state(asked) is ReviewState.APPROVED


def _approved(hospital: Hospital) -> None:
    approve(hospital.ws, LUNG, KEY, Word("ann"))


def _rejected(hospital: Hospital) -> None:
    reject(hospital.ws, LUNG, KEY, Word("ann", Reason.QUALITY))


def _without_one(hospital: Hospital) -> None:
    series = next(one.series for one in series_of(hospital.ws, LUNG, KEY) if one.modality == "REG")
    reject_series(hospital.ws, LUNG, KEY, [series], Word("ann", Reason.NOT_PROTOCOL))


@pytest.mark.parametrize(
    ("said", "ready"), [(_approved, [KEY]), (_rejected, []), (_without_one, [KEY]), (lambda hospital: None, [])]
)
def test_there_is_work_for_what_was_approved_or_has_to_be_made_anew(
    asked: Hospital, said: Callable[[Hospital], None], ready: list[str]
) -> None:
    said(asked)
    assert ready_subjects(asked.ws, LUNG) == ready


def test_what_was_delivered_is_no_work_any_more(asked: Hospital) -> None:
    _approved(asked)
    deliver_subject(asked.ws, asked.ws.definition(LUNG), KEY)
    assert ready_subjects(asked.ws, LUNG) == []
