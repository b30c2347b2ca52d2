"""Each operator by itself, with the real library behind it: what it returns, and how it ends when all is not well."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskDeferred
from sqlalchemy import select

from pacs2trial.vault.tables import Instance, Run
from pacs2trial_airflow.operators.balance import Balance
from pacs2trial_airflow.operators.base import TrialOperator
from pacs2trial_airflow.operators.dicom import DicomFind, DicomMove, Stage
from pacs2trial_airflow.operators.subject import Collect, Deliver, Filter, Verify
from pacs2trial_demo.identities import OXENBARGER
from support.demo_site import DemoSite, enrol

LUNG = {"trial": "DEMO-LUNG"}
RUN = "a run"


class FakeRun:
    """As much of a task's context as the operators use."""

    def __init__(self, states: dict[str, str] | None = None, **params: Any) -> None:
        self.states = states or {}
        self.pushed: dict[str, Any] = {}
        self.events: defaultdict[Any, Any] = defaultdict(SimpleNamespace)
        self.params = params

    def context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="trial_DEMO-LUNG",
            run_id="a run",
            task_id="balance",
            xcom_pull=lambda task_ids, key: self.pushed.get(key),
            xcom_push=lambda key, value: self.pushed.update({key: value}),
            get_task_states=lambda dag_id, run_ids: {"a run": self.states},
        )
        run = SimpleNamespace(run_type="manual")
        return {"params": self.params, "dag_run": run, "outlet_events": self.events, "ti": ti}

    def execute(self, operator: TrialOperator) -> Any:
        return operator.execute(self.context())

    @property
    def event(self) -> dict[str, Any]:
        (event,) = self.events.values()
        return dict(event.extra)


def planned(site: DemoSite, *subjects: str) -> str:
    """The key of a planned run whose instances are staged as far as they come."""
    run = FakeRun(subjects=list(subjects))
    batches = run.execute(DicomFind(task_id="plan", **LUNG))
    run_key = str(run.pushed["run_key"])
    for keys in batches:
        with suppress(AirflowException):  # stage goes on whatever became of a batch
            FakeRun().execute(DicomMove(task_id="retrieve", run_key=run_key, subject_keys=keys, **LUNG))
    FakeRun().execute(Stage(task_id="stage", run_key=run_key, batches=batches, **LUNG))
    return run_key


def packages(run_key: str, subject: str) -> list[int]:
    FakeRun().execute(Filter(task_id="filter", subject_key=subject, run_key=run_key, **LUNG))
    made = FakeRun().execute(Collect(task_id="collect", subject_key=subject, run_key=run_key, **LUNG))
    assert isinstance(made, list)
    return made


def test_find_returns_batches_of_the_size_that_the_site_wants(demo_site: DemoSite, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PACS2TRIAL_BATCH_SUBJECTS", "2")
    run = FakeRun()

    assert run.execute(DicomFind(task_id="plan", **LUNG)) == [["DL-001", "DL-002"], ["DL-003"]]
    assert run.event["subjects"] == 3
    assert run.event["expected"] == run.event["missing"] > 0


def test_a_dry_run_asks_the_pacs_and_writes_nothing_down(demo_site: DemoSite):
    run = FakeRun(dry_run=True)

    assert run.execute(DicomFind(task_id="plan", **LUNG)) == []
    assert run.event["dry_run"]
    assert run.event["expected"] > 0
    assert not run.pushed
    assert {request.service for request in demo_site.pacs.requests} == {"C-FIND"}
    with demo_site.ws.vault.session() as session:
        assert not session.scalars(select(Instance)).all()
        assert not session.scalars(select(Run)).all()


def test_find_with_dates_leaves_out_subjects_without_a_study_in_them(demo_site: DemoSite):
    run = FakeRun(date_from="2024-04-01", date_to="2024-04-30")

    assert run.execute(DicomFind(task_id="plan", **LUNG)) == [["DL-001"]]
    assert run.event["studies"] == 1


@pytest.mark.parametrize(
    ("keys", "label"), [(["DL-001"], "DL-001"), (["DL-001", "DL-002", "DL-009"], "DL-001 to DL-009 (3)")]
)
def test_a_batch_is_labelled_by_its_subject_keys(keys: list[str], label: str):
    assert DicomMove(task_id="retrieve", run_key="r", subject_keys=keys, **LUNG).batch == label


def test_what_one_subject_lacks_stops_no_other(demo_site: DemoSite):
    demo_site.pacs.faults.dropped.add(demo_site.original(OXENBARGER, "RTSTRUCT").SOPInstanceUID)
    run_key = planned(demo_site, "DL-001", "DL-002")

    assert packages(run_key, "DL-001")
    with pytest.raises(AirflowFailException, match="1 missing"):
        packages(run_key, "DL-002")


def test_the_balance_fails_for_what_is_lost_and_names_it(demo_site: DemoSite):
    demo_site.pacs.faults.dropped.add(demo_site.original(OXENBARGER, "RTSTRUCT").SOPInstanceUID)
    run_key = planned(demo_site, "DL-001", "DL-002")
    packages(run_key, "DL-001")
    run = FakeRun(
        states={"plan": "success", "collect_0": "success", "collect_1": "failed", "deliver_1": "upstream_failed"}
    )
    run.pushed |= {"subjects": ["DL-001", "DL-002"], "run_key": run_key}

    with pytest.raises(AirflowFailException) as failed:
        run.execute(Balance(task_id="balance", planned_by="plan", **LUNG))
    assert str(failed.value).splitlines() == [
        "BalanceError: collect: 1 failed",
        f"DL-002: 1 missing, {run.event['undecided']} undecided",
    ]
    assert run.event["missing"] == 1
    assert run.pushed["summary"].startswith("Trial DEMO-LUNG\n2 subjects; 1 packages made, 0 deliveries.\nInstances: ")


def test_the_balance_of_a_run_whose_plan_failed_fails(demo_site: DemoSite):
    run = FakeRun(states={"plan": "failed", "retrieve": "upstream_failed", "balance": "running"})

    with pytest.raises(AirflowFailException, match=r"^BalanceError: plan: 1 failed$"):
        run.execute(Balance(task_id="balance", planned_by="plan", **LUNG))


def test_who_is_withdrawn_while_a_run_goes_on_fails_no_step_and_stops_no_other(demo_site: DemoSite):
    plan, run = FakeRun(), FakeRun(states={"plan": "success"})
    batches = plan.execute(DicomFind(task_id="plan", **LUNG))
    run_key = plan.pushed["run_key"]
    FakeRun().execute(DicomMove(task_id="retrieve", run_key=run_key, subject_keys=batches[0], **LUNG))
    enrol(demo_site.ws, "DEMO-LUNG", {"DL-002": OXENBARGER})

    staged = FakeRun().execute(Stage(task_id="stage", run_key=run_key, batches=batches, **LUNG))
    assert staged == ["DL-002"]
    with pytest.raises(AirflowSkipException, match="DL-001 is enrolled no longer"):
        packages(run_key, "DL-001")
    assert packages(run_key, "DL-002")
    run.pushed |= plan.pushed
    run.execute(Balance(task_id="balance", planned_by="plan", **LUNG))
    assert run.event["subjects"] == 1


def test_ending_the_task_stops_the_transfer_and_keeps_what_has_come(demo_site: DemoSite):
    run = FakeRun(subjects=["DL-001"])
    batches = run.execute(DicomFind(task_id="plan", **LUNG))
    move = DicomMove(task_id="retrieve", run_key=run.pushed["run_key"], subject_keys=batches[0], **LUNG)
    move.on_kill()

    with pytest.raises(AirflowException, match="the task was ended"):
        FakeRun().execute(move)


def test_ending_the_task_in_the_middle_reaches_the_pacs_as_c_cancel(demo_site: DemoSite):
    run = FakeRun(subjects=["DL-001"])
    batches = run.execute(DicomFind(task_id="plan", **LUNG))
    move = DicomMove(task_id="retrieve", run_key=run.pushed["run_key"], subject_keys=batches[0], **LUNG)
    demo_site.pacs.faults.delay = 0.3

    def end_when_it_sends() -> None:
        while not any(request.service == "C-MOVE" for request in demo_site.pacs.requests):
            sleep(0.02)
        move.on_kill()

    ending = Thread(target=end_when_it_sends)
    ending.start()
    with pytest.raises(AirflowException, match="the task was ended"):
        FakeRun().execute(move)
    ending.join()
    services = [request.service for request in demo_site.pacs.requests]
    assert services.count("C-MOVE") == 1
    assert "C-CANCEL" in services


def test_collect_verify_and_deliver_hand_on_package_ids_counts_and_digests(demo_site: DemoSite):
    made = packages(planned(demo_site, "DL-002"), "DL-002")
    verified, first, second = FakeRun(), FakeRun(), FakeRun()
    verified.execute(Verify(task_id="verify", subject_key="DL-002", run_key=RUN, package_ids=made, **LUNG))
    for run in (first, second):
        run.execute(Deliver(task_id="deliver", subject_key="DL-002", run_key=RUN, **LUNG))

    assert verified.event["packages"] == 1
    assert verified.event["proofs"]["links"] == 1
    assert (first.event["delivered"], first.event["had_already"]) == (1, 0)
    assert (second.event["delivered"], second.event["had_already"]) == (0, 1)
    assert first.event["digest"] == second.event["digest"]


def test_nothing_is_sent_before_a_person_has_approved_it(demo_site: DemoSite):
    demo_site.change_definition("DEMO-LUNG", "review: never", "review: always")
    made = packages(planned(demo_site, "DL-002"), "DL-002")
    FakeRun().execute(Verify(task_id="verify", subject_key="DL-002", run_key=RUN, package_ids=made, **LUNG))

    with pytest.raises(AirflowSkipException, match="review"):
        FakeRun().execute(Deliver(task_id="deliver", subject_key="DL-002", run_key=RUN, **LUNG))
    assert not list((demo_site.home / "delivered").rglob("*.zip"))


def test_a_trial_without_destination_keeps_its_packages_and_skips_delivery(demo_site: DemoSite):
    demo_site.change_definition("DEMO-LUNG", "deliver:\n  - {to: folder, path: demo-lung}\n", "")
    made = packages(planned(demo_site, "DL-002"), "DL-002")
    FakeRun().execute(Verify(task_id="verify", subject_key="DL-002", run_key=RUN, package_ids=made, **LUNG))

    with pytest.raises(AirflowSkipException, match="no destination"):
        FakeRun().execute(Deliver(task_id="deliver", subject_key="DL-002", run_key=RUN, **LUNG))


def test_a_pacs_that_is_away_is_worth_another_try(demo_site: DemoSite):
    demo_site.pacs.stop()

    with pytest.raises(AirflowException, match="demo_pacs") as ended:
        FakeRun().execute(DicomFind(task_id="plan", **LUNG))
    assert not isinstance(ended.value, AirflowFailException)


def test_a_pacs_that_refuses_us_is_not(demo_site: DemoSite, monkeypatch: pytest.MonkeyPatch):
    port = demo_site.pacs.port
    monkeypatch.setenv(
        "AIRFLOW_CONN_DEMO_PACS",
        f'{{"conn_type": "dicom", "host": "127.0.0.1", "port": {port}, "extra": {{"aet": "ANOTHER"}}}}',
    )

    with pytest.raises(AirflowFailException, match="AE title"):
        FakeRun().execute(DicomFind(task_id="plan", **LUNG))


def test_an_incomplete_connection_fails_at_once_with_all_that_is_missing(
    demo_site: DemoSite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW_CONN_DEMO_PACS", '{"conn_type": "dicom", "extra": {"aet": "DEMOPACS"}}')

    with pytest.raises(AirflowFailException, match=r"host is missing(.|\n)*port is missing"):
        FakeRun().execute(DicomFind(task_id="plan", **LUNG))


def test_a_site_that_was_never_set_up_fails_at_once_with_the_remedy(
    demo_site: DemoSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    monkeypatch.setenv("PACS2TRIAL_HOME", str(tmp_path / "elsewhere"))

    with pytest.raises(AirflowFailException, match="pacs2trial init"):
        FakeRun().execute(DicomFind(task_id="plan", **LUNG))


def test_an_unknown_trial_fails_at_once(demo_site: DemoSite):
    with pytest.raises(AirflowFailException, match="'NOWHERE' is not defined"):
        FakeRun().execute(DicomFind(task_id="plan", trial="NOWHERE"))


def test_outside_the_hours_of_the_pacs_the_task_waits_without_a_worker(
    demo_site: DemoSite, monkeypatch: pytest.MonkeyPatch
):
    run = FakeRun(subjects=["DL-001"])
    batches = run.execute(DicomFind(task_id="plan", **LUNG))
    opens = datetime.now(UTC) + timedelta(hours=6)
    window = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"
    extra = f'{{"aet": "DEMOPACS", "hours": "{window}"}}'
    monkeypatch.setenv(
        "AIRFLOW_CONN_DEMO_PACS",
        f'{{"conn_type": "dicom", "host": "127.0.0.1", "port": {demo_site.pacs.port}, "extra": {extra}}}',
    )
    move = DicomMove(task_id="retrieve", run_key=run.pushed["run_key"], subject_keys=batches[0], **LUNG)

    with pytest.raises(TaskDeferred) as deferred:
        FakeRun().execute(move)
    assert deferred.value.method_name == "resume"
    assert deferred.value.trigger.serialize()[1]["moment"] == opens.replace(second=0, microsecond=0)
    assert {request.service for request in demo_site.pacs.requests} == {"C-FIND"}
