"""When a study that is sent is complete: associations ended and quiet, or all is here that was announced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import select

from pacs2trial.incoming import ready
from pacs2trial.receiver import Receiver, arriving, scp
from pacs2trial.receiver.arriving import LEASE, OpenStudies
from pacs2trial.staging.ledger import Announced, expect, record_missing
from pacs2trial.vault import Original
from pacs2trial.vault.tables import Arriving, Instance, Kind, now
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital, small_study
from support.receivers import association, receiver_process, send, send_one
from support.waiting import eventually

AT_ONCE = timedelta()
QUIET = timedelta(seconds=21)
"""More than the site asks for, and less than a lease lasts."""


@pytest.fixture
def site(hospital: Hospital) -> Hospital:
    """Both trials have judged what is there; a study is quiet after twenty seconds."""
    hospital.filter(LUNG, "LA-001")
    hospital.filter(PELVIS, "PV-007")
    hospital.ws = replace(hospital.ws, settings=hospital.ws.settings.model_copy(update={"incoming_quiet_seconds": 20}))
    return hospital


@pytest.fixture
def receiver(site: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Looks many times a second at what is open."""
    monkeypatch.setattr(scp, "OpenStudies", partial(OpenStudies, beat=0.02))
    running = Receiver(site.ws)
    yield running.start()
    running.stop(grace=5)


def due(site: Hospital, later: timedelta = QUIET) -> tuple[str, ...]:
    return ready(site.ws, site.ws.definition(LUNG), at=now() + later).subject_keys


def leases(site: Hospital) -> list[tuple[str, datetime]]:
    with site.ws.vault.session(read_only=True) as session:
        return [(row.study, row.until) for row in session.scalars(select(Arriving))]


def late() -> list[FileDataset]:
    return small_study(when=SECOND_DAY)


def test_a_study_is_not_taken_up_while_the_association_that_brings_it_is_open(site: Hospital, receiver: int):
    images = late()
    with association(receiver, images) as made:
        assert send_one(made, images[0]) == 0
        eventually(lambda: bool(leases(site)))
        assert due(site) == ()
        assert send_one(made, images[1]) == 0
        assert due(site) == ()
    eventually(lambda: not leases(site))
    assert due(site, AT_ONCE) == (), "quiet is asked for besides"
    assert due(site) == ("LA-001",)


def test_an_association_that_is_broken_off_has_ended(site: Hospital, receiver: int):
    images = late()
    with association(receiver, images) as made:
        assert send_one(made, images[0]) == 0
        eventually(lambda: bool(leases(site)))
        made.abort()
    eventually(lambda: not leases(site))
    assert due(site) == ("LA-001",)


def test_another_study_on_the_same_association_is_not_held_for_ever(
    site: Hospital, receiver: int, monkeypatch: pytest.MonkeyPatch
):
    """A modality that never closes its association."""
    images = late()
    with association(receiver, images) as made:
        assert send_one(made, images[0]) == 0
        eventually(lambda: bool(leases(site)))
        monkeypatch.setattr(arriving, "LONGEST_S", 0.0)
        eventually(lambda: not leases(site))
        assert due(site) == ("LA-001",)


def test_a_study_is_held_until_the_last_association_of_any_worker_ends(site: Hospital, receiver: int):
    """Two workers: two holders in the vault, as on two machines."""
    images = late()
    other = Receiver(site.ws)
    try:
        port = other.start()
        with association(receiver, images) as first:
            assert send_one(first, images[0]) == 0
            with association(port, images) as second:
                assert send_one(second, images[1]) == 0
                eventually(lambda: len(leases(site)) == 2)
            eventually(lambda: len(leases(site)) == 1)
            assert due(site) == ()
        eventually(lambda: not leases(site))
        assert due(site) == ("LA-001",)
    finally:
        other.stop(grace=5)


def test_a_receiver_that_is_killed_lets_go(site: Hospital, tmp_path: Path):
    """Several workers on one port; the association that holds the study was not released by anybody."""
    images = late()
    settings = site.ws.settings.model_copy(update={"receiver_workers": 2})
    with receiver_process(settings, tmp_path / "receiver.log") as running, association(running.port, images) as lasting:
        assert send_one(lasting, images[0]) == 0
        eventually(lambda: bool(leases(site)))
        for ds in images[1:4]:
            assert send(running.port, [ds]) == [0]
        assert due(site) == ()
        running.kill()
    assert due(site) == ()
    assert all(until <= now() + LEASE for _, until in leases(site))
    assert due(site, LEASE + QUIET) == ("LA-001",)


def announced(site: Hospital, images: Sequence[FileDataset]) -> list[Announced]:
    """These objects as a PACS would announce them."""
    scope = site.ws.vault.pseudonyms("STAGING")

    def pseudo(uid: str) -> str:
        original = Original(Kind.UID, uid)
        return scope.resolve([original])[original]

    with site.ws.vault.session(read_only=True) as session:
        identifier_id = session.scalars(select(Instance.identifier_id)).first()
    assert identifier_id is not None
    return [
        Announced(
            *(identifier_id, pseudo(ds.StudyInstanceUID), pseudo(ds.SeriesInstanceUID), pseudo(ds.SOPInstanceUID)),
            *(str(ds.SOPClassUID), ds.Modality, SECOND_DAY),
        )
        for ds in images
    ]


def test_what_a_retrieval_gave_up_is_due_at_once_when_the_last_of_it_is_sent(site: Hospital, receiver: int):
    images = late()
    expected = announced(site, images)
    expect(site.ws.vault, expected, source="pacs:main")
    site.stage(images[:-2])
    assert due(site, LEASE + QUIET) == (), "the run that asked is still at it"
    record_missing(site.ws.vault, [one.sop_instance for one in expected], "did not arrive")

    assert send(receiver, images[-2:-1]) == [0]
    assert due(site, AT_ONCE) == (), "one is still missing"
    assert send(receiver, images[-1:]) == [0]
    assert due(site, AT_ONCE) == ("LA-001",)
    site.filter(LUNG, "LA-001")
    assert due(site, LEASE + QUIET) == ()


def test_what_nobody_announced_keeps_its_study_waiting_until_it_is_quiet(site: Hospital, receiver: int):
    images = late()
    expected = announced(site, images[:-1])
    expect(site.ws.vault, expected, source="pacs:main")
    record_missing(site.ws.vault, [one.sop_instance for one in expected], "did not arrive")
    assert set(send(receiver, images)) == {0}
    assert due(site, AT_ONCE) == ()
    eventually(lambda: due(site) == ("LA-001",))


def test_what_is_asked_for_again_is_the_work_of_the_run_that_asks(site: Hospital, receiver: int):
    images = late()
    expected = announced(site, images)
    expect(site.ws.vault, expected, source="pacs:main")
    record_missing(site.ws.vault, [one.sop_instance for one in expected], "did not arrive")
    expect(site.ws.vault, expected, source="pacs:main")
    assert set(send(receiver, images)) == {0}
    assert due(site, LEASE + QUIET) == ()
