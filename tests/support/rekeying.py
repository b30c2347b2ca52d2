"""A subject gets another key while the nightly run is busy: what the import prints is typed, word for word."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from pacs2trial.keytable import key_file
from pacs2trial.vault.tables import Delivery, PackageRow, Subject
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import Identity
from pacs2trial_demo.pacs import DemoPacs
from support.cluster import Cluster
from support.waiting import eventually

SCHEDULE = "0 2 * * *"
ENDED = {"success", "failed"}
_SLOWLY_S = 6.0
"""Seconds before each object that the PACS sends to the nightly run."""
_COMMAND = re.compile(r"^ +(airflow backfill create .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Seen:
    """A package in the vault: its version, what is in it, whether it counts, and how often it was delivered."""

    version: int
    content: str
    state: str
    delivered: int


@dataclass
class Rekeyed:
    """What was seen.

    Attributes:
        command: what the import printed.
        before, after: the packages by subject key, before the import and after the backfill and the nightly run.
        runs: the runs of the backfill by study date, each with its tasks that succeeded.
        states: in which they ended.
        state_of_nightly: of the nightly run when the backfill had ended.
        nightly: its end.
        second: the answer to a second backfill while the first was going on.
    """

    command: str
    before: dict[str, list[Seen]]
    after: dict[str, list[Seen]]
    runs: dict[str, list[str]]
    states: set[str]
    state_of_nightly: str
    nightly: str
    second: int


def rekey(
    made: Cluster, pacs: DemoPacs, ws: Workspace, trial: str, late: Path, subjects: dict[str, Identity]
) -> Rekeyed:
    """Give the trial a schedule, and while its first nightly run fetches what lies in ``late``, import a key table.

    Its backfill is then done as the import says. The PACS is slow until that has ended, and a second one is asked for.
    """
    rest, dag_id = made.rest(), f"trial_{trial}"
    pacs.faults.delay = _SLOWLY_S
    pacs.index.scan(late)
    _give_schedule(made, ws, trial)
    eventually(lambda: _busy(made, dag_id), seconds=120, every=0.5)
    (nightly,) = _runs(made, dag_id, "scheduled")
    before = _packages(ws, trial)
    command = _imported(made, ws, trial, subjects)
    made.type(command)
    second = _second(made, dag_id)
    runs = _runs(made, dag_id, "backfill")
    eventually(lambda: all(one["state"] in ENDED for one in _runs(made, dag_id, "backfill")), seconds=300, every=0.5)
    state_of_nightly = rest.run_state(dag_id, nightly["dag_run_id"])
    pacs.faults.delay = 0
    eventually(lambda: rest.run_state(dag_id, nightly["dag_run_id"]) in ENDED, seconds=300, every=0.5)
    return Rekeyed(
        command,
        before,
        _packages(ws, trial),
        {str(one["logical_date"])[:10]: _succeeded(made, dag_id, one["dag_run_id"]) for one in runs},
        {one["state"] for one in _runs(made, dag_id, "backfill")},
        state_of_nightly,
        rest.run_state(dag_id, nightly["dag_run_id"]),
        second,
    )


def _give_schedule(made: Cluster, ws: Workspace, trial: str) -> None:
    path = ws.settings.trials / f"{trial.lower().replace('-', '_')}.yaml"
    path.write_text(path.read_text("utf-8") + f'schedule: "{SCHEDULE}"\n', "utf-8")
    os.utime(made.dags / "trials.py")


def _imported(made: Cluster, ws: Workspace, trial: str, subjects: dict[str, Identity]) -> str:
    """Import a key table at the terminal; the backfill that it prints."""
    rows = ["patient_id,subject_key", *(f"{who.patient_id},{key}" for key, who in subjects.items())]
    key_file(ws.definition(trial), ws.settings).write_text("\n".join(rows), "utf-8")
    seen = made.type(f"pacs2trial keys import {trial} --yes")
    (command,) = _COMMAND.findall(seen)
    return str(command)


def _busy(made: Cluster, dag_id: str) -> bool:
    """Whether the nightly run waits for the PACS."""
    rest = made.rest()
    return any(
        task["task_id"] == "retrieve" and task["state"] == "running"
        for run in _runs(made, dag_id, "scheduled")
        for task in rest.task_instances(dag_id, run["dag_run_id"])
    )


def _runs(made: Cluster, dag_id: str, kind: str) -> list[dict[str, Any]]:
    found = made.rest().get(f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return [run for run in found if run["run_type"] == kind]


def _succeeded(made: Cluster, dag_id: str, run_id: str) -> list[str]:
    """The tasks of a run that had something to do and did it."""
    return sorted(task["task_id"] for task in made.rest().task_instances(dag_id, run_id) if task["state"] == "success")


def _second(made: Cluster, dag_id: str) -> int:
    """How Airflow answers to one backfill more."""
    body = {"dag_id": dag_id, "from_date": "2024-03-01T00:00:00Z", "to_date": "2024-03-02T00:00:00Z"}
    headers = {"Authorization": made.rest().token}
    return httpx.post(f"{made.url}/api/v2/backfills", json=body, headers=headers, timeout=60).status_code


def _packages(ws: Workspace, trial: str) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    with ws.vault.session(read_only=True) as session:
        query = select(Subject.key, PackageRow).join(Subject, Subject.id == PackageRow.subject_id)
        for key, row in session.execute(query.where(PackageRow.trial == trial).order_by(PackageRow.id)):
            sent = session.scalars(select(Delivery.id).where(Delivery.package_id == row.id)).all()
            found.setdefault(key, []).append(Seen(row.version, row.content_digest, row.state, len(sent)))
    return found
