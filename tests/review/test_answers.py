"""Review: a person's word on exactly one content."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import HeldError, InputError
from pacs2trial.review import Reason, ReviewState, Word, approve, hold, reject, reviews
from pacs2trial.vault.tables import AuditEntry, Review
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

ACTOR = "reviewer"


@pytest.fixture
def outbox(hospital: Hospital) -> Path:
    """A trial that wants every package reviewed, with one verified package."""
    hospital.define(LUNG, review="always", deliver=[{"to": "folder", "path": "outbox"}])
    make(hospital)
    return hospital.ws.settings.home / "delivered" / "outbox"


def make(hospital: Hospital):
    package = hospital.package(LUNG, "LA-001")
    hospital.verify(package)
    return package


def deliver(hospital: Hospital) -> list:
    return deliver_subject(hospital.ws, hospital.ws.definition(LUNG), "LA-001")


@pytest.mark.parametrize("wish", ["always", "changes"])
def test_a_package_waits_until_it_is_approved(hospital: Hospital, outbox: Path, wish: str) -> None:
    hospital.define(LUNG, review=wish, deliver=[{"to": "folder", "path": "outbox"}])
    with pytest.raises(HeldError, match="LUNGART/LA-001 waits for review: pacs2trial review LUNGART"):
        deliver(hospital)
    assert not outbox.exists()
    approve(hospital.ws, LUNG, "LA-001", Word(ACTOR))
    assert deliver(hospital)[0].new


def test_a_content_is_asked_about_once(hospital: Hospital, outbox: Path) -> None:
    for _run in range(2):
        with pytest.raises(HeldError):
            deliver(hospital)
    with hospital.ws.vault.session(read_only=True) as session:
        assert len(session.scalars(select(Review)).all()) == 1


def test_the_question_names_the_content_and_no_more(hospital: Hospital, outbox: Path) -> None:
    with pytest.raises(HeldError):
        deliver(hospital)
    (item,) = reviews(hospital.ws, LUNG)
    assert (item.subject_key, item.state, item.study) == ("LA-001", ReviewState.OPEN, "")
    assert item.content_digest == hospital.package(LUNG, "LA-001").content_digest


def test_approval_is_of_one_content_only(hospital: Hospital, outbox: Path) -> None:
    approve(hospital.ws, LUNG, "LA-001", Word(ACTOR))
    hospital.stage(small_study(when=SECOND_DAY))
    make(hospital)
    with pytest.raises(HeldError, match="waits for review"):
        deliver(hospital)
    assert [item.state for item in reviews(hospital.ws, LUNG)] == [ReviewState.OPEN]


def test_a_held_package_may_be_approved_later(hospital: Hospital, outbox: Path) -> None:
    hold(hospital.ws, LUNG, "LA-001", Word(ACTOR, Reason.QUESTION))
    with pytest.raises(HeldError):
        deliver(hospital)
    approve(hospital.ws, LUNG, "LA-001", Word(ACTOR))
    assert deliver(hospital)[0].new


def test_a_rejected_content_never_leaves(hospital: Hospital, outbox: Path) -> None:
    reject(hospital.ws, LUNG, "LA-001", Word(ACTOR, Reason.NOT_PROTOCOL))
    with pytest.raises(HeldError, match="was rejected in review"):
        deliver(hospital)
    with pytest.raises(InputError, match="was rejected"):
        approve(hospital.ws, LUNG, "LA-001", Word(ACTOR))


def test_a_rejection_needs_a_reason(hospital: Hospital, outbox: Path) -> None:
    with pytest.raises(InputError, match="reason"):
        reject(hospital.ws, LUNG, "LA-001", Word(ACTOR, None))


def test_an_unproven_package_cannot_be_approved(hospital: Hospital) -> None:
    hospital.define(LUNG, review="always", deliver=[{"to": "folder"}])
    hospital.package(LUNG, "LA-001")
    with pytest.raises(InputError, match="not proven"):
        approve(hospital.ws, LUNG, "LA-001", Word(ACTOR))


def test_another_content_than_the_one_in_force_cannot_be_approved(hospital: Hospital, outbox: Path) -> None:
    with pytest.raises(InputError, match="no such package is in force"):
        approve(hospital.ws, LUNG, "LA-001", Word(ACTOR), content_digest="0" * 64)


def test_every_answer_stands_in_the_audit_with_who_and_why(hospital: Hospital, outbox: Path) -> None:
    hold(hospital.ws, LUNG, "LA-001", Word(ACTOR, Reason.QUESTION, comment="first look"))
    approve(hospital.ws, LUNG, "LA-001", Word("second reviewer"))
    with hospital.ws.vault.session(read_only=True) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act.startswith("review"))).all()
    assert [(entry.act, entry.actor, entry.target, entry.reason) for entry in entries] == [
        ("review held", ACTOR, "LA-001", "question: first look"),
        ("review approved", "second reviewer", "LA-001", ""),
    ]
    assert hospital.ws.vault.audit.verify_chain() == []
