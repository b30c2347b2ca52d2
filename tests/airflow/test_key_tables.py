"""The import of key tables in Airflow, and how it wakes a trial."""

import json
import shlex
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.serialization.serialized_objects import DagSerialization

from pacs2trial.corrections import rerun
from pacs2trial.corrections.remaking import dag_id as named
from pacs2trial.errors import InputError
from pacs2trial.keytable import KeyTableChange, current_version, enrolled_keys
from pacs2trial.vault.tables import AuditEntry
from pacs2trial_airflow.assets import asset
from pacs2trial_airflow.key_tables import read_key_form
from pacs2trial_airflow.operators.dicom import DicomFind
from pacs2trial_airflow.operators.keys import ImportKeyTable
from pacs2trial_airflow.stale import stale_subjects
from pacs2trial_airflow.trials import dag_id
from pacs2trial_airflow.trigger_guard import objections
from pacs2trial_airflow.window import days_of
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, Identity
from support.airflow_env import ROOT
from support.demo_site import DemoSite
from support.vaults import write_definition

LUNG = "DEMO-LUNG"
ReadDags = Callable[[Path], DagBag]


def context(events: Any = None, **params: Any) -> Any:
    ti = SimpleNamespace(dag_id="key_tables", run_id="a run", xcom_push=lambda key, value: None)
    run = SimpleNamespace(run_type="asset_triggered" if events else "manual", triggering_user_name="ann")
    found: Any = {"params": params, "dag_run": run, "outlet_events": defaultdict(SimpleNamespace), "ti": ti}
    return found | ({"triggering_asset_events": events} if events else {})


def events(*extras: dict[str, Any]) -> Any:
    return {"an asset": [SimpleNamespace(extra=extra) for extra in extras]}


def write_keys(site: DemoSite, subjects: dict[str, Identity | str]) -> None:
    rows = [f"{who if isinstance(who, str) else who.patient_id},{key}" for key, who in subjects.items()]
    name = site.ws.definition(LUNG).keys.file
    assert name is not None
    (site.ws.settings.keys / name).write_text("\n".join(["patient_id,subject_key", *rows]), "utf-8")


def take(**params: Any) -> dict[str, Any]:
    """Import as a task does; what the event of the asset says."""
    run = context(**params)
    ImportKeyTable(task_id=f"import_{LUNG}", trial=LUNG).execute(run)
    ((_, event),) = run["outlet_events"].items()
    return dict(event.extra)


def test_the_dag_has_a_step_for_each_trial_and_each_wakes_its_trial(airflow_home: Path, read_dags: ReadDags):
    bag = read_dags(ROOT / "include" / "trials")
    dag = bag.dags["key_tables"]
    assert {task.task_id: task.outlets for task in dag.tasks} == {
        f"import_{trial}": [asset(trial, "keys")] for trial in ("DEMO-LUNG", "DEMO-PLAN", "DEMO-REVIEW")
    }
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).dag_id == "key_tables"
    for trial in ("DEMO-LUNG", "DEMO-PLAN", "DEMO-REVIEW"):
        condition = bag.dags[f"trial_{trial}"].timetable.asset_condition
        assert [one.name for one in condition.objects] == [
            f"pacs2trial/{trial}/{what}" for what in ("keys", "incoming")
        ]


def test_new_subjects_are_taken_in_and_named_to_the_trial(demo_site: DemoSite):
    write_keys(demo_site, {**{f"DL-00{n}": w for n, w in enumerate([LUCZYNSKA, OXENBARGER], 1)}, "DL-004": "ZZ4"})
    with pytest.raises(AirflowSkipException, match="1 be withdrawn"):
        take()
    assert current_version(demo_site.ws.vault, LUNG).number == 1
    event = take(accept_corrections=True)
    assert (event["added"], event["withdrawn"], event["subjects"]) == (1, 1, ["DL-004"])
    assert enrolled_keys(demo_site.ws.vault, LUNG) == {"DL-001", "DL-002", "DL-004"}
    with demo_site.ws.vault.session(read_only=True) as session:
        assert session.query(AuditEntry).order_by(AuditEntry.id.desc()).first().actor == "airflow:ann"
    with pytest.raises(AirflowSkipException, match="nothing changes"):
        take()


def test_faults_fail_the_step_with_their_rows_and_without_identities(demo_site: DemoSite, caplog):
    write_keys(demo_site, {"DL-001": "PLANTED*", "DL-002": "PLANTED2", "wrong": "PLANTED2"})
    with pytest.raises(AirflowFailException, match="row 2, column patient_id: ") as raised:
        take()
    assert "row 4, column subject_key" in str(raised.value)
    assert "PLANTED" not in f"{raised.value}{caplog.text}"


def test_a_trial_that_was_not_asked_for_is_left_alone(demo_site: DemoSite):
    write_keys(demo_site, {"DL-009": "ZZ9"})
    with pytest.raises(AirflowSkipException, match="not asked for"):
        take(trials=["DEMO-PLAN"], accept_corrections=True)


@pytest.mark.parametrize(
    "form", [{"trials": "PLANTED"}, {"trials": ["a patient"]}, {"who": 1}, {"accept_corrections": "y"}]
)
def test_a_wrong_form_is_refused_before_airflow_keeps_it(form: dict[str, Any]):
    with pytest.raises(InputError) as raised:
        read_key_form(form)
    assert "PLANTED" not in str(raised.value)
    assert objections("/api/v2/dags/key_tables/dagRuns", json.dumps({"conf": form}).encode())
    assert not objections("/api/v2/dags/key_tables/dagRuns", json.dumps({"conf": {"trials": ["LUNG"]}}).encode())


def test_a_woken_run_covers_what_all_events_name(demo_site: DemoSite):
    found = DicomFind(task_id="plan", trial=LUNG).execute(
        context(events({"subjects": ["DL-002"]}, {"subjects": ["DL-001", "DL-777"]}))
    )
    assert found == [["DL-001", "DL-002"]]


def test_a_woken_run_covers_all_if_one_event_means_all(demo_site: DemoSite):
    found = DicomFind(task_id="plan", trial=LUNG).execute(context(events({"subjects": ["DL-002"]}, {"subjects": None})))
    assert found == [["DL-001", "DL-002", "DL-003"]]


def test_a_run_that_only_withdrawals_woke_has_nothing_to_do(demo_site: DemoSite):
    with pytest.raises(AirflowSkipException, match="enrolled no longer"):
        DicomFind(task_id="plan", trial=LUNG).execute(context(events({"subjects": []})))
    assert stale_subjects(None) is None


def test_the_printed_commands_are_airflow_s_and_cover_just_the_days(
    demo_site: DemoSite, tmp_path: Path, read_dags: ReadDags, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PACS2TRIAL_TIME_ZONE", "Europe/London")
    monkeypatch.setattr(
        "pacs2trial.corrections.remaking._study_dates", lambda *_: (date(2024, 3, 30), date(2024, 4, 1))
    )
    settings = demo_site.ws.settings.model_copy(update={"time_zone": "Europe/London"})
    site = SimpleNamespace(settings=settings, vault=demo_site.ws.vault)
    for schedule in ("0 2 * * *", "30 23 * * *", "@daily", "15 0 * * *"):
        write_definition(demo_site.ws.settings.trials, "LUNGART", subject_key="LA-[0-9]{3}", schedule=schedule)
        change = KeyTableChange(added=("LA-001",), changed=(), withdrawn=(), unchanged=0)
        commands = rerun(site, demo_site.ws.definition("LUNGART"), change)  # type: ignore[arg-type]
        parsed = get_parser().parse_args(shlex.split(commands.backfill)[1:])
        assert (parsed.dag_id, parsed.reprocess_behavior) == ("trial_LUNGART", "completed")
        assert json.loads(parsed.dag_run_conf) == {"subjects": ["LA-001"]}
        stored = DagSerialization.from_dict(
            DagSerialization.to_dict(read_dags(demo_site.ws.settings.trials).dags["trial_LUNGART"])
        )
        assert stored.timetable.periodic, "else Airflow refuses a backfill"
        runs = stored.iter_dagrun_infos_between(parsed.from_date, parsed.to_date)
        zone = settings.time_zone
        covered = [days_of(run.data_interval.start, run.data_interval.end, ZoneInfo(zone)) for run in runs]
        assert covered == [(date(2024, 3, 30),) * 2, (date(2024, 3, 31),) * 2, (date(2024, 4, 1),) * 2], schedule
        trigger = get_parser().parse_args(shlex.split(commands.trigger)[1:])
        assert (trigger.dag_id, json.loads(trigger.conf)) == ("trial_LUNGART", {"subjects": ["LA-001"]})


def test_library_and_dags_agree_on_the_name_of_a_trial_s_dag():
    assert named("LUNGART") == dag_id("LUNGART")
