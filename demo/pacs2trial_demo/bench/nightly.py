"""The nightly refresh of a large trial in which nothing is new: a scheduled run in a running Airflow.

``python -m pacs2trial_demo.bench.nightly`` fills an Orthanc with a study of each subject and tells the vault that all
of it has passed. Airflow is then started as ``make demo`` starts it, the trial is unpaused, and its run is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, select, update

from pacs2trial.keytable import import_key_table, read_key_table
from pacs2trial.passes import begin, due, end
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, Subject, TrialInstance, now
from pacs2trial.workspace import Workspace
from pacs2trial_demo.bench.servers import ENVIRONMENT, Running, orthanc, program
from pacs2trial_demo.bench.site import new_site
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.rest import AirflowRest
from pacs2trial_demo.system import PACS_CONNECTION, DemoSystem

TRIAL = "NIGHTLY"
_DAG = f"trial_{TRIAL}"
_WHEN = date(2024, 3, 13)
_FIRST = 1000
"""Number of the first subject: all numbers have as many digits, so that they can be written over each other."""
_PATIENCE_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=500)
    parser.add_argument("--slices", type=int, default=20, help="CT slices of a study, beside structures, plan and dose")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pacs").mkdir()
        with orthanc(folder / "pacs") as pacs:
            _fill(pacs, folder / "objects", asked.subjects, asked.slices)
            settings = _site(folder, asked.subjects)
            system = DemoSystem(settings)
            connection = {"conn_type": "dicom", "host": "127.0.0.1", "port": pacs.port, "extra": {"aet": pacs.aet}}
            instances = _all_passed(settings, connection)
            try:
                run, tasks = _timed(system, connection)
            finally:
                system.processes.stop_all()
    Console(width=120).print(_table(f"{asked.subjects} subjects, {instances:,} instances", run, tasks))


def _fill(pacs: Running, folder: Path, subjects: int, slices: int) -> None:
    """A study of each subject, alike but for what names it."""
    who = replace(LUCZYNSKA, number=_FIRST, patient_id=f"BENCH{_FIRST}")
    parts = {"CT", "RTSTRUCT", "RTPLAN", "RTDOSE"}
    objects = [part10(ds) for ds in study(who, when=_WHEN, parts=parts, slices=slices, matrix=16, dose_spacing=40.0)]
    day = f"{_WHEN:%Y%m%d}".encode()
    for number in range(_FIRST, _FIRST + subjects):
        (folder / str(number)).mkdir(parents=True)
        for place, content in enumerate(objects):
            named = content.replace(b"BENCH%d" % _FIRST, b"BENCH%d" % number)
            named = named.replace(b".%d.%s" % (_FIRST, day), b".%d.%s" % (number, day))
            (folder / str(number) / f"{place}.dcm").write_bytes(named)
    command = [program("storescu"), "-aec", pacs.aet, "-R", "+sd", "+r", "127.0.0.1", str(pacs.port), str(folder)]
    subprocess.run(command, env=ENVIRONMENT, check=True)


def _site(folder: Path, subjects: int) -> Settings:
    rows = [(f"BENCH{number}", f"N-{number}") for number in range(_FIRST, _FIRST + subjects)]
    definition = {
        "subject_key": "N-[0-9]{4}",
        "source": {"pacs": PACS_CONNECTION, "modalities": ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"], "retrieve": "c-get"},
        "deliver": [{"to": "folder", "path": "nightly"}],
        "schedule": "0 2 * * *",
        "start": f"{_WHEN}",
        "paused": True,
    }
    return new_site(folder, TRIAL, rows, definition)


def _all_passed(settings: Settings, connection: dict[str, Any]) -> int:
    """Write down that whatever the PACS announces is staged and collected; how many instances that is."""
    os.environ[f"AIRFLOW_CONN_{PACS_CONNECTION.upper()}"] = json.dumps(connection)
    ws = Workspace.open(settings)
    definition = ws.definition(TRIAL)
    import_key_table(ws.vault, definition, read_key_table(settings.keys / f"{TRIAL}.csv"), actor="bench")
    plan = plan_run(ws, TRIAL)
    keys = [subject.subject_key for subject in plan.subjects]
    with ws.vault.session() as session:
        there = {"state": InstanceState.STAGED, "contents": 1, "settled_at": now(), "arrived_at": now()}
        session.execute(update(Instance).values(**there))
        theirs = (
            select(Subject.id, Instance.id)
            .join(Identifier, Identifier.person_id == Subject.person_id)
            .join(Instance, Instance.identifier_id == Identifier.id)
        )
        judged = {"trial": TRIAL, "state": "collected", "rule": "all", "contents": 1}
        rows = [{**judged, "subject_id": one, "instance_id": other} for one, other in session.execute(theirs)]
        session.execute(insert(TrialInstance), rows)
    begin(ws, definition, keys, run_key=plan.run_key)
    for key in keys:
        end(ws, TRIAL, key, run_key=plan.run_key)
    if due(ws, definition, keys):
        raise RuntimeError("something is due before the night: the bench would measure another thing")
    return len(rows)


def _timed(system: DemoSystem, connection: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The scheduled run that unpausing brings, and its task instances, as Airflow's API has them."""
    system.start_airflow()
    rest = system.rest()
    rest.wait_until_healthy(_PATIENCE_S)
    rest.log_in()
    rest.put_connection(PACS_CONNECTION, {**connection, "extra": json.dumps(connection["extra"])})
    rest.wait_for_dags([_DAG], _PATIENCE_S)
    rest.unpause(_DAG)
    run = _succeeded(rest)
    return run, rest.task_instances(_DAG, run["dag_run_id"])


def _succeeded(rest: AirflowRest) -> dict[str, Any]:
    limit = time.monotonic() + _PATIENCE_S
    while time.monotonic() < limit:
        for run in rest.get(f"dags/{_DAG}/dagRuns")["dag_runs"]:
            if run["state"] == "failed":
                raise RuntimeError("the run failed: its time means nothing")
            if run["state"] == "success":
                return dict(run)
        time.sleep(1)
    raise TimeoutError(f"the run did not end within {_PATIENCE_S:.0f} s")


def _table(title: str, run: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> Table:
    taken = datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])
    table = Table(
        title=f"A night without news: {title}: done after {taken.total_seconds():.0f} s",
        caption=f"{len(tasks)} task instances; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        title_justify="left",
        caption_justify="left",
        min_width=80,
    )
    for heading in ("task", "state", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for task in sorted(tasks, key=lambda one: one["start_date"] or datetime.now(UTC).isoformat()):
        table.add_row(task["task_id"], task["state"] or "", f"{task['duration']:.1f}" if task["duration"] else "")
    return table


if __name__ == "__main__":
    main()
