"""Lists for people cost the same number of statements however long they are, and stay quick with 10,000 studies."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.lists import lines, subjects
from pacs2trial.holdings.progress import progress
from pacs2trial.holdings.view import Views
from pacs2trial.staging.balance import Balance, balance, balance_of_trial
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import Identifier, Instance, Person, StagedVersion, Subject, TrialInstance
from support.hospital import LUNG, Hospital
from support.statements import heard

STUDIES, SUBJECTS = 10_000, 2_000


def fill(hospital: Hospital) -> None:
    """2,000 subjects with 10,000 studies, rows alone."""
    with hospital.ws.vault.session() as session:
        plan = session.scalars(select(StagedVersion.plan)).first()
        ids = range(1_000, 1_000 + SUBJECTS)
        session.execute(insert(Person), [{"id": one} for one in ids])
        session.execute(
            insert(Identifier),
            [
                {"id": one, "person_id": one, "lookup": f"l{one}", "original_sealed": b"", "code": f"C{one}"}
                for one in ids
            ],
        )
        session.execute(
            insert(Subject), [{"id": one, "trial": LUNG, "key": f"LB-{one}", "person_id": one} for one in ids]
        )
        rows, versions, judged = [], [], []
        for number in range(STUDIES):
            key, one = 100_000 + number, 1_000 + number % SUBJECTS
            rows.append(
                {
                    "id": key,
                    "identifier_id": one,
                    "study": f"2.25.1{number}",
                    "series": f"2.25.2{number}",
                    "sop_instance": f"2.25.3{number}",
                    "sop_class": "1.2.840.10008.5.1.4.1.1.2",
                    "modality": "CT",
                    "state": "staged",
                    "source": "file",
                    "contents": 1,
                    "arrived_at": datetime.now(UTC),
                }
            )
            versions.append(
                {
                    "id": key,
                    "instance_id": key,
                    "digest": f"{number:064x}",
                    "size": 1,
                    "path": "a",
                    "plan": plan,
                    "current": True,
                }
            )
            judged.append(
                {"trial": LUNG, "subject_id": one, "instance_id": key, "state": "accepted", "rule": "", "contents": 1}
            )
        session.execute(insert(Instance), rows)
        session.execute(insert(StagedVersion), versions)
        session.execute(insert(TrialInstance), judged)


def pages(hospital: Hospital) -> list[Callable[[], object]]:
    """What the pages ask for: the first page of each list, the balance of a trial, its last days."""
    views, vault = Views(hospital.ws), hospital.ws.vault
    keys = subjects(vault, LUNG, limit=50).keys
    return [
        lambda: lines(views.of(LUNG), Level.STUDY, Narrowing(), limit=50),
        lambda: lines(views.of(STAGING), Level.PATIENT, Narrowing(), limit=50),
        lambda: lines(views.of(LUNG), Level.STUDY, Narrowing(modalities_in_study=("RTDOSE",)), limit=50),
        lambda: subjects(vault, LUNG, text="LB", limit=50),
        lambda: subjects(vault, LUNG, waiting=True, limit=50),
        lambda: balance(vault, LUNG, keys, modalities=["CT"]),
        lambda: balance_of_trial(vault, LUNG, modalities=["CT"]),
        lambda: progress(vault, LUNG, today=datetime.now(UTC).date()),
    ]


def test_ten_thousand_studies_cost_no_more_statements_and_little_time(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    with heard(hospital.ws.vault) as few:
        for ask in pages(hospital):
            ask()
    fill(hospital)
    for ask in pages(hospital):
        ask()  # the first time pseudonyms are made
    with heard(hospital.ws.vault) as many:
        for ask in pages(hospital):
            began = time.process_time()
            ask()
            assert time.process_time() - began < 1.0
    assert len(many) <= len(few) + 2


def test_the_balance_of_a_trial_is_the_sum_of_its_subjects(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    whole = balance_of_trial(hospital.ws.vault, LUNG, modalities=["CT"])
    each = balance(hospital.ws.vault, LUNG, modalities=["CT"])
    for name in Balance.__dataclass_fields__.keys() - {"subject_key", "study"}:
        assert getattr(whole, name) == sum(getattr(one, name) for one in each)
    assert whole.staged > 0


def test_a_subject_is_found_by_part_of_its_key(hospital: Hospital) -> None:
    vault = hospital.ws.vault
    assert subjects(vault, LUNG, text="001", limit=5).keys == ("LA-001",)
    assert subjects(vault, LUNG, text="%", limit=5).total == 0
    assert subjects(vault, LUNG, waiting=True, limit=5).total == 0


@pytest.mark.parametrize("days", [1, 30])
def test_what_arrived_today_stands_under_today(hospital: Hospital, days: int) -> None:
    found = progress(hospital.ws.vault, LUNG, today=datetime.now(UTC).date(), days=days)
    assert len(found) == days
    assert sum(day.arrived for day in found) > 0
