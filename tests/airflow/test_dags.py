"""The DAGs that the project's DAG files make of trial definitions, and what every one of them owes its users."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, CronDataIntervalTimetable, SkipMixin
from airflow.sdk.definitions.context import _AIRFLOW_PARSING_CONTEXT_DAG_ID
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy import select

from pacs2trial.vault.tables import Lock, now
from pacs2trial.workspace import Workspace
from pacs2trial_airflow.pools import PACS_POOL, PIXEL_POOL
from support.airflow_env import ROOT
from support.vaults import write_definition

ReadDags = Callable[[Path], DagBag]

STEPS = ["plan", "retrieve", "stage", "filter", "collect", "verify", "deliver", "balance"]
TRIALS = ["DEMO-LUNG", "DEMO-PLAN", "DEMO-REVIEW"]


@pytest.fixture
def shipped(airflow_home: Path, read_dags: ReadDags) -> DagBag:
    return read_dags(ROOT / "include" / "trials")


@pytest.fixture
def one_dag(airflow_home: Path, read_dags: ReadDags, tmp_path: Path) -> Callable[..., DAG]:
    """The DAG of one trial with the given changes to its definition."""

    def read(**changes: object) -> DAG:
        write_definition(tmp_path, "LUNGART", subject_key="LA-[0-9]{3}", **changes)
        bag = read_dags(tmp_path)
        assert not bag.import_errors
        return bag.dags["trial_LUNGART"]

    return read


def steps(dag: DAG) -> list[str]:
    """The steps of a trial; one that wants a review also finds out whom to ask."""
    return STEPS if dag.dag_id != "trial_DEMO-REVIEW" else [*STEPS[:-1], "ask", STEPS[-1]]


def of_trials(bag: DagBag) -> list[DAG]:
    return [dag for dag in bag.dags.values() if dag.dag_id.startswith("trial_")]


def test_the_shipped_definitions_are_dags_without_errors(shipped: DagBag):
    assert not shipped.import_errors
    assert set(shipped.dags) == {f"trial_{trial}" for trial in TRIALS} | {
        "review_DEMO-REVIEW",
        "key_tables",
        "incoming",
        "restore",
        "cleanup",
    }


def test_what_is_not_of_one_trial_asks_the_pacs_through_its_pool(shipped: DagBag):
    for name in ("restore", "cleanup"):
        dag = shipped.dags[name]
        asking = {name, "unmatched"} & set(dag.task_ids)
        assert [task.task_id for task in dag.topological_sort() if task.task_id != "unmatched"] == ["subjects", name]
        assert {task.task_id for task in dag.tasks if task.pool == PACS_POOL} == asking
        assert dag.max_active_runs == 1
        assert not dag.catchup
        assert dag.doc_md
        assert all(task.retries >= 2 for task in dag.tasks)
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert again.dag_id == name
    assert isinstance(shipped.dags["cleanup"].timetable, CronDataIntervalTimetable)
    assert shipped.dags["restore"].params.get_param("trial").schema["enum"] == TRIALS


def test_steps_stand_in_the_order_of_the_data_s_way(shipped: DagBag):
    for dag in of_trials(shipped):
        assert {task.task_id for task in dag.tasks} == set(steps(dag))
        for before, after in pairwise(steps(dag)):
            assert after in dag.get_task(before).get_flat_relative_ids(upstream=False), (before, after)


def test_every_dag_says_what_it_is_and_whose(shipped: DagBag):
    for dag in of_trials(shipped):
        trial = dag.dag_id.removeprefix("trial_")
        assert {"pacs2trial", trial} <= dag.tags
        assert dag.doc_md is not None
        assert trial in dag.doc_md
        assert dag.description
        assert dag.owner != "airflow"


def test_every_step_is_repeated_after_a_while_and_documented(shipped: DagBag):
    for dag in of_trials(shipped):
        for task in dag.tasks:
            assert task.retries >= 2
            assert task.retry_delay >= timedelta(seconds=30)
            assert task.operator_class.__doc__ if task.is_mapped else type(task).__doc__


def test_what_a_killed_worker_kept_locked_is_free_when_its_step_is_repeated(shipped: DagBag, workspace: Workspace):
    with workspace.vault.lock("T/LA-001"), workspace.vault.session(read_only=True) as session:
        blocks = session.scalars(select(Lock.expires_at)).one() - now()
    for dag in shipped.dags.values():
        if not dag.dag_id.startswith("review_"):
            assert all(task.retry_delay > blocks for task in dag.tasks), dag.dag_id


def test_what_may_look_at_pictures_goes_through_a_pool_of_its_own(shipped: DagBag):
    for dag in of_trials(shipped):
        assert {task.task_id for task in dag.tasks if task.pool == PIXEL_POOL} == {"filter"}


def test_steps_that_talk_to_the_pacs_go_through_its_pool(shipped: DagBag):
    for dag in of_trials(shipped):
        assert {task.task_id for task in dag.tasks if task.pool == PACS_POOL} == {"plan", "retrieve"}


def test_no_step_decides_over_others_by_skipping_them(shipped: DagBag):
    """Airflow 3.3 ignores such decisions inside mapped groups; a step may only skip itself."""
    for dag in of_trials(shipped):
        for task in dag.tasks:
            assert not issubclass(task.operator_class if task.is_mapped else type(task), SkipMixin)


def test_every_step_has_its_asset(shipped: DagBag):
    for dag in of_trials(shipped):
        trial = dag.dag_id.removeprefix("trial_")
        names = [outlet.name for task in dag.tasks for outlet in task.outlets]
        assert len(set(names)) == len(steps(dag))
        assert {f"pacs2trial/{trial}/{what}" for what in ("staged", "packages", "deliveries")} <= set(names)


def test_one_run_of_a_trial_at_a_time_and_none_to_catch_up(shipped: DagBag):
    for dag in of_trials(shipped):
        assert dag.max_active_runs == 1
        assert dag.catchup is False


def test_a_prompt_that_waits_hinders_no_other_run(shipped: DagBag):
    dag = shipped.dags["review_DEMO-REVIEW"]
    assert dag.max_active_runs > 1
    asking = dag.get_task("review")
    assert isinstance(asking, HITLOperator)
    assert asking.retries >= 1
    assert asking.defaults is None
    assert asking.response_timeout
    assert {task.task_id for task in dag.tasks} == {"review", "filter", "collect", "verify", "deliver", "ask"}
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert again.dag_id == dag.dag_id


def test_dags_survive_being_stored_by_airflow(shipped: DagBag):
    for dag in of_trials(shipped):
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert again.dag_id == dag.dag_id
        assert {task.task_id for task in again.tasks} == set(steps(dag))
        assert again.timetable.summary == "Asset"


def test_the_schedule_is_a_data_interval_in_the_time_zone_of_the_site(
    one_dag: Callable[..., DAG], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PACS2TRIAL_TIME_ZONE", "Europe/Amsterdam")
    dag = one_dag(schedule="30 1 * * *", start="2026-02-03")

    assert isinstance(dag.timetable, AssetOrTimeSchedule)
    timetable = dag.timetable.timetable
    assert isinstance(timetable, CronDataIntervalTimetable)
    assert timetable.expression == "30 1 * * *"
    assert str(timetable.timezone) == "Europe/Amsterdam"
    assert dag.start_date is not None
    assert dag.start_date.isoformat() == "2026-02-02T23:00:00+00:00"


def test_a_trial_without_start_can_be_scheduled(one_dag: Callable[..., DAG]):
    dag = DagSerialization.from_dict(DagSerialization.to_dict(one_dag(schedule="0 2 * * *")))

    assert dag.next_dagrun_info(last_automated_run_info=None) is not None


@pytest.mark.parametrize("paused", [True, False])
def test_the_definition_says_whether_a_new_dag_is_paused(paused: bool, one_dag: Callable[..., DAG]):
    assert one_dag(paused=paused).is_paused_upon_creation is paused


def test_owner_and_tags_come_from_the_definition(one_dag: Callable[..., DAG]):
    dag = one_dag(owner="radiotherapy-research", tags=["lung"])

    assert dag.owner == "radiotherapy-research"
    assert "lung" in dag.tags


def test_a_task_process_builds_the_dag_it_needs_and_no_other(read_dags: ReadDags, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, "trial_DEMO-PLAN")

    assert [dag.dag_id for dag in of_trials(read_dags(ROOT / "include" / "trials"))] == ["trial_DEMO-PLAN"]


def test_reading_the_dag_files_loads_no_heavy_library():
    heavy = ["pydicom", "pynetdicom", "pandas", "numpy", "pyarrow"]
    program = (
        "import sys; sys.path.insert(0, 'dags'); import airflow.sdk; import trials; "
        f"print([name for name in {heavy!r} if name in sys.modules], 'pacs2trial.vault' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("[] False")


def test_fifty_trials_are_read_in_a_fraction_of_the_time_airflow_allows(read_dags: ReadDags, tmp_path: Path):
    for number in range(50):
        write_definition(tmp_path, f"T{number:02}", subject_key="S-[0-9]{3}", schedule="0 2 * * *")
    read_dags(ROOT / "include" / "trials")
    start = time.perf_counter()
    bag = read_dags(tmp_path)

    assert not bag.import_errors
    assert len(of_trials(bag)) == 50
    assert time.perf_counter() - start < conf.getfloat("core", "dagbag_import_timeout") / 3
