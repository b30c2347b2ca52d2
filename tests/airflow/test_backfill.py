"""A backfill after a corrected key table: exactly what became stale is made anew, each subject once over all days."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from sqlalchemy import update

from pacs2trial.corrections import take_key_table, whole_key_table
from pacs2trial.network.results import InstanceFound, SeriesFound, StudyFound
from pacs2trial.passes import begin, end
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.vault.tables import Instance, InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_airflow.operators.dicom import DicomFind
from support.ledgers import CT
from support.vaults import write_definition

TRIAL = "LUNGART"
FIRST, DAYS = date(2024, 1, 1), 400
KEYS = [f"LA-{number:03}" for number in range(1, 21)]
CORRECTED = KEYS[3:8]
AFTER_PLAN = ("filter", "collect", "verify", "deliver")


class Shelf:
    """What a PACS would answer: each patient has three studies of one image, spread over the days."""

    def studies(self, patient_id: str, date_from: date | None = None, date_to: date | None = None) -> list[StudyFound]:
        number = int(patient_id.removeprefix("PID"))
        days = [FIRST + timedelta(days=(number * 17 + visit * 131) % DAYS) for visit in range(3)]
        return [
            StudyFound(f"1.2.{number}.{visit}", patient_id, "", "", day, modalities=("CT",), series_told=1)
            for visit, day in enumerate(days)
            if (date_from or day) <= day <= (date_to or day)
        ]

    def series(self, study: StudyFound, modalities: object = ()) -> list[SeriesFound]:
        return [SeriesFound(study.study, f"{study.study}.1", "CT", 1)]

    def instances(self, series: SeriesFound) -> list[InstanceFound]:
        return [InstanceFound(series.study, series.series, f"{series.series}.1", CT)]


@contextmanager
def shelf(_node: object) -> Iterator[Shelf]:
    yield Shelf()


def write_keys(ws: Workspace, arm_of_corrected: str) -> None:
    rows = ["patient_id,subject_key,arm"]
    rows += [f"PID{n},{key},{arm_of_corrected if key in CORRECTED else 'A'}" for n, key in enumerate(KEYS, 1)]
    (ws.settings.keys / f"{TRIAL.lower()}.csv").write_text("\n".join(rows) + "\n", "utf-8")


def passed(ws: Workspace, keys: list[str], run_key: str) -> None:
    """What the steps of each subject amount to for the runs that follow."""
    begin(ws, ws.definition(TRIAL), keys, run_key=run_key)
    for key in keys:
        end(ws, TRIAL, key, run_key=run_key)


@pytest.fixture
def site(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Twenty subjects of whom everything has passed; opened once for all four hundred days."""
    for other in workspace.settings.trials.iterdir():
        other.unlink()
    write_definition(workspace.settings.trials, TRIAL, subject_key="LA-[0-9]{3}", schedule="0 2 * * *")
    fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": 104, "extra": {"aet": "SHELF"}}
    source = workspace.definition(TRIAL).source.pacs
    monkeypatch.setenv(f"AIRFLOW_CONN_{source.upper()}", json.dumps(fields))
    monkeypatch.setattr("pacs2trial.retrieve.plan.archive", shelf)
    monkeypatch.setattr("pacs2trial_airflow.operators.base.open_workspace", lambda: workspace)
    workspace.settings.keys.mkdir(mode=0o700, exist_ok=True)
    write_keys(workspace, "A")
    take_key_table(workspace, workspace.definition(TRIAL), keys_of(workspace), actor="test")
    plan = plan_run(workspace, TRIAL)
    with workspace.vault.session() as session:
        session.execute(update(Instance).values(state=InstanceState.STAGED, contents=1))
    passed(workspace, KEYS, plan.run_key)
    return workspace


def keys_of(ws: Workspace) -> Any:
    return whole_key_table(ws, ws.definition(TRIAL))


def night(run_type: str, day: date | None = None, **form: Any) -> Any:
    start = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) if day else None
    return {
        "params": form,
        "dag_run": SimpleNamespace(run_type=run_type),
        "data_interval_start": start,
        "data_interval_end": start + timedelta(days=1) if start else None,
        "outlet_events": defaultdict(SimpleNamespace),
        "ti": SimpleNamespace(pushed={}),
    }


def planned(context: Any) -> list[str]:
    """The subjects for which a run goes on behind its plan."""
    context["ti"].xcom_push = lambda key, value: context["ti"].pushed.update({key: value})
    try:
        batches = DicomFind(task_id="plan", trial=TRIAL).execute(context)
    except AirflowSkipException:
        return []
    return [key for batch in batches for key in batch]


def test_four_hundred_days_make_what_was_corrected_anew_once(site: Workspace):
    write_keys(site, "B")
    taken = take_key_table(site, site.definition(TRIAL), keys_of(site), actor="test")
    assert list(taken.rerun.subjects) == CORRECTED
    assert "--max-active-runs 1" in taken.rerun.backfill

    made: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for number in range(DAYS):
        run = night("backfill", FIRST + timedelta(days=number))
        keys = planned(run)
        tasks.update(["plan", "balance"])
        if keys:
            tasks.update(["retrieve", "stage", *AFTER_PLAN * len(keys)])
            passed(site, keys, run["ti"].pushed["run_key"])
        made.update(keys)

    assert made == dict.fromkeys(CORRECTED, 1)
    assert tasks["filter"] == tasks["deliver"] == len(CORRECTED)
    assert tasks["retrieve"] <= len(CORRECTED)
    assert sum(tasks.values()) <= 2 * DAYS + 2 * len(CORRECTED) + 4 * len(CORRECTED)
    assert planned(night("scheduled")) == []


def test_a_nightly_between_two_backfills_leaves_nothing_for_the_second(site: Workspace):
    write_keys(site, "B")
    take_key_table(site, site.definition(TRIAL), keys_of(site), actor="test")
    run = night("scheduled")
    assert planned(run) == CORRECTED
    passed(site, CORRECTED, run["ti"].pushed["run_key"])
    assert all(planned(night("backfill", FIRST + timedelta(days=number))) == [] for number in range(0, DAYS, 40))


def test_everything_can_be_asked_for(site: Workspace):
    assert planned(night("manual")) == []
    assert planned(night("manual", remake="everything")) == KEYS
    assert planned(night("manual", remake="everything", subjects=KEYS[:2])) == KEYS[:2]
