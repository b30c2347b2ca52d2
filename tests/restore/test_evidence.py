"""What waits in quarantine is lost with the disk too: it comes from the PACS again, or a person is told."""

from __future__ import annotations

import shutil
from datetime import date

import pytest
from sqlalchemy import select

from pacs2trial.errors import PermanentError
from pacs2trial.filtering.decisions import discard, reject
from pacs2trial.restore import Restored, restore_subject
from pacs2trial.restore.evidence import COMES_AGAIN, GONE
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import InstanceState, QuarantineItem
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.round_trip import Trial
from support.sites import TRIAL, add_new, objects_of

JUNE = date(2024, 6, 3)


@pytest.fixture
def token(ran: Trial, demo_pacs: DemoPacs) -> str:
    """An image with burned-in text came after the run and waits in quarantine; then the whole disk is lost."""
    (image,) = study(LUCZYNSKA, when=JUNE, parts={"CT"}, slices=1, matrix=32)
    image.BurnedInAnnotation = "YES"
    add_new(demo_pacs, [image])
    retrieve(ran.ws, TRIAL, subjects=["LA-001"])
    (item,) = quarantine.items(ran.ws, TRIAL)
    return item.token


def lose(ran: Trial) -> None:
    ran.lose()
    shutil.rmtree(ran.ws.settings.quarantine)
    ran.ws.settings.quarantine.mkdir(mode=0o700)


def restored(ran: Trial) -> Restored:
    return restore_subject(ran.ws, TRIAL, "LA-001", actor="test")


def state_of(ran: Trial, token: str) -> tuple[str, int]:
    """State of the item, and how many items there are."""
    with ran.ws.vault.session(read_only=True) as session:
        items = session.scalars(select(QuarantineItem)).all()
    return next(one.state for one in items if one.token == token), len(items)


def test_the_next_run_brings_the_same_object_back_to_quarantine(ran: Trial, token: str) -> None:
    before = quarantine.read(ran.ws, token, caller="test", purpose="compare")
    packages = ran.packages()
    lose(ran)
    assert dict(restored(ran).listed) == {COMES_AGAIN: 1}
    assert ran.packages().items() <= packages.items(), "nothing of a package waits for what is in none"
    retrieve(ran.ws, TRIAL, subjects=["LA-001"])
    assert quarantine.read(ran.ws, token, caller="test", purpose="compare") == before
    assert state_of(ran, token) == ("waiting", 1)
    assert len(ran.site.in_state(InstanceState.QUARANTINED)) == 1
    assert restored(ran).complete


def test_what_the_pacs_lacks_too_is_told_and_can_be_discarded(ran: Trial, token: str, demo_pacs: DemoPacs) -> None:
    (image,) = [one for one in objects_of(demo_pacs, LUCZYNSKA.patient_id) if one.header.StudyDate == "20240603"]
    demo_pacs.index.remove(image.uid("IMAGE"))
    lose(ran)
    assert dict(restored(ran).listed) == {GONE: 1}
    with pytest.raises(PermanentError, match="pacs2trial restore"):
        quarantine.read(ran.ws, token, caller="test", purpose="look")
    discard(ran.ws, token, "lost with the disk", "ann")
    assert restored(ran).complete


def test_what_a_person_rejected_stays_so(ran: Trial, token: str) -> None:
    reject(ran.ws, token, "a screenshot", "ann")
    lose(ran)
    assert restored(ran).complete
    retrieve(ran.ws, TRIAL, subjects=["LA-001"])
    assert state_of(ran, token) == ("rejected", 1)
    assert not ran.site.in_state(InstanceState.EXPECTED)


def test_what_is_there_is_left_alone(ran: Trial, token: str) -> None:
    ran.lose()
    assert restored(ran).complete
    assert state_of(ran, token) == ("waiting", 1)
    assert not ran.site.in_state(InstanceState.EXPECTED)
