"""What comes unasked finds its trials by the key tables, once it is complete; the rest waits, visible, or expires."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import select

from pacs2trial.corrections.versions import Choice, use_versions
from pacs2trial.errors import InputError
from pacs2trial.incoming import Ready, expire, hand_over, ready, unmatched
from pacs2trial.incoming.news import AGAIN
from pacs2trial.receiver import Receiver
from pacs2trial.staging.ledger import Announced, expect
from pacs2trial.vault.tables import AuditEntry, Instance, now
from pacs2trial_demo.generate import write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.findings import staged_files
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital, small_study
from support.receivers import SENDER, send

QUIET = timedelta(seconds=121)
DAY = timedelta(days=1)


def due(hospital: Hospital, trial: str = LUNG, *, later: timedelta = QUIET) -> Ready:
    return ready(hospital.ws, hospital.ws.definition(trial), at=now() + later)


@pytest.fixture
def receiver(hospital: Hospital) -> Iterator[int]:
    running = Receiver(hospital.ws)
    yield running.start()
    running.stop(grace=5)


@pytest.fixture
def settled(hospital: Hospital) -> Hospital:
    """Both trials have judged what is there."""
    hospital.filter(LUNG, "LA-001")
    hospital.filter(PELVIS, "PV-007")
    return hospital


def late() -> list[FileDataset]:
    return small_study(when=SECOND_DAY)


def test_a_study_that_is_sent_is_due_in_every_trial_of_its_patient_once_it_is_quiet(settled: Hospital, receiver: int):
    assert due(settled).subject_keys == ()
    assert set(send(receiver, late())) == {0}

    assert due(settled, later=timedelta()).subject_keys == ()
    found = due(settled)
    assert (found.subject_keys, found.studies, found.instances) == (("LA-001",), 1, len(late()))
    assert due(settled, PELVIS).subject_keys == ("PV-007",)
    settled.filter(LUNG, "LA-001")
    assert due(settled).subject_keys == ()
    assert due(settled, PELVIS).subject_keys == ("PV-007",)


def test_a_late_series_is_due_again_and_what_was_there_already_is_not(settled: Hospital, receiver: int):
    first, second = late()[:4], late()[4:]
    send(receiver, first)
    settled.filter(LUNG, "LA-001")
    send(receiver, first)
    assert due(settled).subject_keys == ()
    send(receiver, second)
    assert due(settled).instances == len(second)


def test_a_trial_that_does_not_want_the_modality_is_left_alone(settled: Hospital):
    settled.define(PELVIS, source={"pacs": "main", "modalities": ["MR"]})
    settled.stage(late())
    assert due(settled, PELVIS).subject_keys == ()


def test_what_was_handed_over_is_named_again_only_when_more_came_or_nothing_happened_for_hours(settled: Hospital):
    settled.stage(late()[:3])
    hand_over(settled.ws, due(settled))
    assert due(settled).subject_keys == ()
    assert due(settled, later=AGAIN + QUIET).subject_keys == ("LA-001",)
    settled.stage(late()[3:])
    assert due(settled).instances == len(late())


def test_what_a_pacs_was_asked_for_is_the_work_of_the_run_that_asked(settled: Hospital):
    settled.stage(late())
    with settled.ws.vault.session(read_only=True) as session:
        these = session.scalars(select(Instance).where(Instance.study_date == SECOND_DAY)).all()
    names = Announced.__dataclass_fields__
    expect(
        settled.ws.vault,
        [Announced(**{name: getattr(one, name) for name in names}) for one in these],
        source="pacs:main",
    )
    assert due(settled).subject_keys == ()


def test_another_content_and_a_decision_on_it_are_news(settled: Hospital):
    (first, *_rest) = small_study()
    first.SliceThickness = "9"
    settled.stage([first])
    hand_over(settled.ws, due(settled))
    settled.filter(LUNG, "LA-001")
    assert due(settled).subject_keys == ()
    use_versions(settled.ws, LUNG, "LA-001", Choice.NEWEST, reason="right", actor="anna")
    assert due(settled).subject_keys == ("LA-001",)
    assert due(settled).instances == 1


def test_a_study_of_a_stranger_waits_visible_and_joins_when_a_key_table_knows_it(settled: Hospital, receiver: int):
    strange = small_study(OXENBARGER)
    send(receiver, strange)
    assert due(settled).subject_keys == ()
    (study,) = unmatched(settled.ws)

    assert (study.instances, study.sources, study.expires) == (len(strange), (f"push:{SENDER}",), None)
    assert study.study != strange[0].StudyInstanceUID
    assert study.modalities == tuple(sorted({ds.Modality for ds in strange}))

    settled.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    assert unmatched(settled.ws) == []
    assert due(settled).subject_keys == ("LA-002",)
    assert settled.package(LUNG, "LA-002").instances == len(strange)


class Site:
    """The hospital's home with settings of its own, and what lies there of a stranger."""

    def __init__(self, hospital: Hospital, **settings: object) -> None:
        changed = hospital.ws.settings.model_copy(update=settings)
        self.ws = replace(hospital.ws, settings=changed)
        hospital.stage(small_study(OXENBARGER))
        self.before = set(staged_files(changed))

    def expire(self, after: timedelta, *, dry_run: bool = False) -> tuple[int, int]:
        done = expire(self.ws, actor="anna", at=now() + after, dry_run=dry_run)
        return done.files, done.stuck

    def gone(self) -> int:
        return len(self.before - set(staged_files(self.ws.settings)))


@pytest.fixture
def pacs(hospital: Hospital, tmp_path: Path) -> Iterator[DemoPacs]:
    """A PACS that has all of the stranger's study but one object."""
    folder = tmp_path / "pacs"
    for ds in small_study(OXENBARGER)[1:]:
        write(ds, folder)
    with DemoPacs(folder, "DEMOPACS") as running:
        path = hospital.ws.settings.connections_path
        fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": running.port, "extra": {"aet": running.aet}}
        path.write_text(json.dumps({"main": fields}))
        path.chmod(0o600)
        yield running


def test_nothing_expires_unless_the_site_says_so(hospital: Hospital):
    site = Site(hospital)
    with pytest.raises(InputError, match="PACS2TRIAL_INCOMING_EXPIRE_DAYS"):
        site.expire(1000 * DAY)
    assert site.gone() == 0


def test_what_has_waited_long_enough_goes_if_a_pacs_shows_it(hospital: Hospital, pacs: DemoPacs):
    site = Site(hospital, incoming_expire_days=30)
    shown = len(small_study(OXENBARGER)) - 1

    assert site.expire(29 * DAY) == (0, 0)
    assert site.expire(31 * DAY, dry_run=True) == (shown, 1)
    assert site.gone() == 0
    assert site.expire(31 * DAY) == (shown, 1)
    assert site.gone() == shown
    with site.ws.vault.session(read_only=True) as session:
        act = session.scalars(select(AuditEntry).where(AuditEntry.act == "expire unmatched")).one()
    assert (act.actor, act.detail["files"], act.detail["unshown"]) == ("anna", shown, False)
    assert len(unmatched(site.ws)) == 1, "one object is still here"


def test_what_nobody_else_has_goes_only_where_the_site_says_that_too(hospital: Hospital):
    site = Site(hospital, incoming_expire_days=30, incoming_expire_unshown=True)
    number = len(small_study(OXENBARGER))

    assert site.expire(31 * DAY) == (number, 0)
    assert site.gone() == number
    assert unmatched(site.ws) == []


def test_data_of_people_who_are_in_a_trial_never_expire_this_way(hospital: Hospital):
    site = Site(hospital, incoming_expire_days=1, incoming_expire_unshown=True)
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})

    assert site.expire(1000 * DAY) == (0, 0)
    assert site.gone() == 0
