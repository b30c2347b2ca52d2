"""Runs of the project's DAGs in a process of their own, as a worker is, and what Airflow kept and printed of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset

from pacs2trial_demo.generate import RT_PARTS, study
from pacs2trial_demo.identities import THRUMMINGTON, Identity
from support.airflow_env import ROOT
from support.demo_site import ENROLLED, DemoSite, enrol, running
from support.receivers import send

SENT = replace(THRUMMINGTON, patient_id="SCANNED-4417")
STRANGER = replace(THRUMMINGTON, number=77, patient_id="STRANGER-77")


@dataclass(frozen=True)
class Ended:
    """A DAG run that has ended: its state, that of each task (of mapped ones by label), everything that was printed,
    and the SHA-256 of each file that had been delivered by then.
    """

    run_id: str
    state: str
    tasks: Mapping[str, Any]
    log: str
    delivered: Mapping[str, str]


@dataclass(frozen=True)
class Runs:
    """Runs of one site, in this order."""

    site: DemoSite
    dry: Ended
    elsewhen: Ended
    unknown_subject: Ended
    unknown_field: Ended
    first: Ended
    second: Ended
    unchanged: Ended
    incoming: Ended
    nothing_new: Ended
    plan: Ended
    cleanup: Ended
    restore: Ended

    @property
    def all(self) -> list[Ended]:
        return [value for value in vars(self).values() if isinstance(value, Ended)]


@pytest.fixture(scope="session")
def runs(airflow_home: Path, originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """DEMO-LUNG with forms that lead nowhere, then twice as a whole; incoming twice, DEMO-PLAN, cleanup and restore.

    Before, a scanner has sent a study of DP-003, of whom the PACS holds nothing, and one of a stranger.
    """
    folder = tmp_path_factory.mktemp("runs")
    with running(folder, originals) as site, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACS2TRIAL_INCOMING_QUIET_SECONDS", "1")
        enrol(site.ws, "DEMO-PLAN", {**ENROLLED["DEMO-PLAN"], "DP-003": SENT})
        for who in (SENT, STRANGER):
            assert set(send(site.receiver_port, sent(who))) == {0}
        ended = run_dags(
            folder,
            ("trial_DEMO-LUNG", {"dry_run": True}),
            ("trial_DEMO-LUNG", {"date_from": "2020-01-01", "date_to": "2020-12-31"}),
            ("trial_DEMO-LUNG", {"subjects": ["DL-999"]}),
            ("trial_DEMO-LUNG", {"patient_id": "RXH4711"}),
            ("trial_DEMO-LUNG", {}),
            ("trial_DEMO-LUNG", {"remake": "everything"}),
            ("trial_DEMO-LUNG", {}),
            ("incoming", {}),
            ("incoming", {}),
            ("trial_DEMO-PLAN", {}),
            ("cleanup", {"trial": "DEMO-LUNG", "what": "everything", "confirm": "DEMO-LUNG"}),
            ("restore", {"trial": "DEMO-LUNG"}),
        )
        yield Runs(site, *ended)


def sent(who: Identity) -> list[FileDataset]:
    """What the scanner sends of a patient."""
    return study(who, when=date(2024, 6, 3), parts=RT_PARTS, slices=3, matrix=32)


def run_dags(folder: Path, *wanted: tuple[str, Mapping[str, Any]]) -> list[Ended]:
    """Run DAGs by hand one after another, each given by its id and the values of its trigger form.

    One process does them all, because the first ``dag.test`` of a process costs many seconds.
    """
    (folder / "wanted.json").write_text(json.dumps(wanted), "utf-8")
    command = [sys.executable, "-m", "support.dag_runs", str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path])}
    with (folder / "rest.log").open("wb") as rest:
        done = subprocess.run(command, env=environment, stdout=rest, stderr=rest, check=False, timeout=290)
    assert done.returncode == 0, (folder / "rest.log").read_text("utf-8")[-3000:]
    return [Ended(**ended) for ended in json.loads((folder / "ended.json").read_text("utf-8"))]


def _run(dag_id: str, form: Mapping[str, Any], log: Path) -> Ended:
    """Run one DAG with everything that is printed, also through descriptors of its own, in ``log``."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder").dags[dag_id]
    with log.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    run = dag.test(run_conf=dict(form) or None)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    states = _task_states(dag_id, run.run_id)
    return Ended(run.run_id, str(run.state), states, log.read_text("utf-8"), _delivered())


def _delivered() -> dict[str, str]:
    folder = Path(os.environ["PACS2TRIAL_HOME"]) / "delivered"
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.zip"))}


def _task_states(dag_id: str, run_id: str) -> dict[str, Any]:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    states: dict[str, Any] = {}
    with create_session() as session:
        query = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        for ti in session.scalars(query):
            if ti.map_index < 0:
                states[ti.task_id] = str(ti.state)
            else:
                states.setdefault(ti.task_id, {})[str(ti.rendered_map_index or ti.map_index)] = str(ti.state)
    return states


def _main(folder: Path) -> None:
    from pacs2trial_airflow.pools import ensure_pools

    ensure_pools()
    wanted = json.loads((folder / "wanted.json").read_text("utf-8"))
    ended = [vars(_run(dag_id, form, folder / f"{number}.log")) for number, (dag_id, form) in enumerate(wanted)]
    (folder / "ended.json").write_text(json.dumps(ended), "utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
