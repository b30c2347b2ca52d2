"""Runs of the project's DAGs in this process, and what Airflow kept of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.airflow_env import ROOT


@dataclass(frozen=True)
class Ended:
    """A DAG run that has ended: its state, and the state of each task, of mapped ones by their label."""

    run_id: str
    state: str
    tasks: dict[str, str | dict[str, str]]
    log: str


def run_dag(dag_id: str, log: Path, **conf: Any) -> Ended:
    """Run a DAG by hand with the given trigger form, task after task; everything that is printed goes to ``log``."""
    from airflow.dag_processing.dagbag import DagBag

    from pacs2trial_airflow.pools import ensure_pools

    ensure_pools()
    dag = DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder").dags[dag_id]
    with printed_to(log):
        run = dag.test(run_conf=conf or None)
    return Ended(run.run_id, str(run.state), _task_states(dag_id, run.run_id), log.read_text("utf-8"))


@contextmanager
def printed_to(path: Path) -> Iterator[None]:
    """Send standard output and standard error, also of what holds their file descriptors, to a file."""
    kept = [os.dup(1), os.dup(2)]
    with path.open("ab") as file:
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            yield
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            for descriptor, saved in zip((1, 2), kept, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)


def _task_states(dag_id: str, run_id: str) -> dict[str, str | dict[str, str]]:
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
