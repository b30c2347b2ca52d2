"""What Airflow knows of a run. Its own tables are not of its public interface; they are read here alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import func, select

from pacs2trial_airflow.site import NotFoundError

_PLAN, _RUN_KEY = "plan", "run_key"


@dataclass(frozen=True)
class AirflowRun:
    """A run of a DAG: ``steps`` are task → state → how often; ``run_key`` its name in the vault, empty without one."""

    run_id: str
    kind: str
    state: str
    began: datetime | None
    ended: datetime | None
    started_by: str
    steps: Mapping[str, Counter[str]]
    run_key: str


def airflow_run(dag_id: str, run_id: str) -> AirflowRun:
    """A run as Airflow has it now.

    Raises:
        NotFoundError: there is none.
    """
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None:
            raise NotFoundError("Airflow has no such run")
        steps: dict[str, Counter[str]] = {}
        states = (
            select(TaskInstance.task_id, TaskInstance.state, func.count())
            .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
            .group_by(TaskInstance.task_id, TaskInstance.state)
        )
        for task_id, state, number in session.execute(states):
            steps.setdefault(task_id, Counter())[str(state or "waiting")] += number
        said = session.execute(
            select(XComModel.value).where(
                XComModel.dag_id == dag_id,
                XComModel.run_id == run_id,
                XComModel.task_id == _PLAN,
                XComModel.key == _RUN_KEY,
            )
        ).first()
        return AirflowRun(
            run_id=run.run_id,
            kind=str(run.run_type),
            state=str(run.state),
            began=run.start_date,
            ended=run.end_date,
            started_by=str(run.triggering_user_name or ""),
            steps=dict(sorted(steps.items())),
            run_key=str(XComModel.deserialize_value(said)) if said else "",
        )
