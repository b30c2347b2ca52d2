"""Restore and cleanup as operators: what they hand on, how they end, and what their forms refuse."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from sqlalchemy import select

from pacs2trial.errors import InputError
from pacs2trial.restore import losses
from pacs2trial.vault.tables import AuditEntry
from pacs2trial_airflow.custody_form import read_cleanup_form, read_restore_form
from pacs2trial_airflow.operators.base import SiteOperator
from pacs2trial_airflow.operators.custody import Cleanup, CleanupPlan, Restore, RestorePlan
from pacs2trial_airflow.trigger_guard import objections
from support.round_trip import SUBJECTS, Trial
from support.sites import TRIAL, objects_of

HOSPITAL_ID = "RXG0815-PLANTED"
ONE = {"trial": TRIAL, "subject_key": "LA-001"}
EVERYTHING = {"trial": TRIAL, "what": "everything", "confirm": TRIAL}


@pytest.fixture
def site(ran: Trial, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """A trial after a run, in the environment of this process."""
    settings = ran.ws.settings
    connections = json.loads(settings.connections_path.read_text())
    monkeypatch.setenv("PACS2TRIAL_HOME", str(settings.home))
    monkeypatch.setenv("PACS2TRIAL_TRIALS", str(settings.trials))
    monkeypatch.setenv("PACS2TRIAL_DURABLE", "false")
    monkeypatch.setenv("AIRFLOW_CONN_MAIN", json.dumps(connections["main"]))
    yield ran


def execute(operator: SiteOperator, **params: Any) -> Any:
    run = SimpleNamespace(run_type="manual", triggering_user_name="a custodian")
    context: Any = {"params": params, "dag_run": run, "ti": None, "outlet_events": {}}
    return operator.execute(context)


def test_the_plan_of_restore_names_every_subject_or_those_of_the_form(site: Trial) -> None:
    everyone = execute(RestorePlan(task_id="subjects"), trial=TRIAL, subjects=[])
    assert everyone == [{"trial": TRIAL, "subject_key": key} for key in sorted(SUBJECTS)]
    assert execute(RestorePlan(task_id="subjects"), trial=TRIAL, subjects=["LA-002"]) == everyone[1:]


def test_cleanup_and_restore_undo_each_other(site: Trial) -> None:
    staged, packages = site.staged(), site.packages()
    for one in execute(CleanupPlan(task_id="subjects"), **EVERYTHING):
        execute(Cleanup(task_id="cleanup", **one), **EVERYTHING)
    assert site.staged() == site.packages() == {}
    for one in execute(RestorePlan(task_id="subjects"), trial=TRIAL):
        execute(Restore(task_id="restore", **one))
    assert (site.staged(), site.packages()) == (staged, packages)
    with site.ws.vault.session(read_only=True) as session:
        acts = session.execute(select(AuditEntry.act, AuditEntry.actor)).all()
    assert {("cleanup", "a custodian"), ("restore", "a custodian")} <= {tuple(act) for act in acts}


def test_what_cannot_be_restored_skips_and_is_listed(site: Trial, demo_pacs: Any) -> None:
    gone = objects_of(demo_pacs, SUBJECTS["LA-001"].patient_id)[0]
    demo_pacs.index.remove(gone.uid("IMAGE"))
    site.lose()
    with pytest.raises(AirflowSkipException, match="the PACS does not have it any more"):
        execute(Restore(task_id="restore", **ONE))


def test_what_the_pacs_did_not_send_is_asked_for_again(site: Trial, demo_pacs: Any) -> None:
    demo_pacs.faults.dropped.add(objects_of(demo_pacs, SUBJECTS["LA-001"].patient_id)[0].uid("IMAGE"))
    site.lose()
    with pytest.raises(AirflowException, match="did not send") as ended:
        execute(Restore(task_id="restore", **ONE))
    assert not isinstance(ended.value, AirflowFailException)


def test_without_retention_the_nightly_cleanup_has_nothing_to_do(site: Trial) -> None:
    assert execute(CleanupPlan(task_id="subjects")) == []
    site.site.define(retrieve="c-get", retention={"staged_days": 90})
    assert len(execute(CleanupPlan(task_id="subjects"))) == len(SUBJECTS)
    staged = site.staged()
    execute(Cleanup(task_id="cleanup", **ONE))
    assert site.staged() == staged, "nothing is ninety days old"


def test_a_dry_run_removes_nothing(site: Trial) -> None:
    staged = site.staged()
    execute(Cleanup(task_id="cleanup", **ONE), trial=TRIAL, what="everything", dry_run=True)
    assert site.staged() == staged


def test_a_dry_run_of_restore_counts_what_is_lost_and_brings_nothing_back(site: Trial) -> None:
    assert losses(site.ws, TRIAL, "LA-001").contents_lost == losses(site.ws, TRIAL, "LA-001").packages_lost == 0
    site.lose()
    gone = losses(site.ws, TRIAL, "LA-001")
    assert gone.contents_lost == gone.contents > 0
    assert gone.packages_lost == gone.packages == 1
    assert execute(RestorePlan(task_id="subjects"), trial=TRIAL, subjects=["LA-001"], dry_run=True) == []
    assert site.staged() == site.packages() == {}


@pytest.mark.parametrize(
    ("dag_id", "form"),
    [
        ("restore", {"trial": HOSPITAL_ID}),
        ("restore", {"trial": TRIAL, "subjects": [HOSPITAL_ID]}),
        ("restore", {"trial": TRIAL, "subjects": HOSPITAL_ID}),
        ("restore", {"trial": TRIAL, HOSPITAL_ID: 1}),
        ("restore", {"subjects": []}),
        ("cleanup", {"trial": HOSPITAL_ID}),
        ("cleanup", {"trial": [HOSPITAL_ID]}),
        ("cleanup", {"what": HOSPITAL_ID}),
        ("cleanup", {"what": "everything"}),
        ("cleanup", {"trial": "every trial", "what": "everything", "confirm": "every trial"}),
        ("cleanup", {"trial": TRIAL, "what": "everything"}),
        ("cleanup", {"trial": TRIAL, "what": "everything", "confirm": HOSPITAL_ID}),
        ("restore", {"trial": TRIAL, "dry_run": HOSPITAL_ID}),
        ("cleanup", {"dry_run": HOSPITAL_ID}),
    ],
)
def test_a_wrong_form_is_refused_before_airflow_sees_it(site: Trial, dag_id: str, form: dict[str, Any]) -> None:
    read = {"restore": read_restore_form, "cleanup": read_cleanup_form}[dag_id]
    with pytest.raises(InputError) as refused:
        read(form, site.ws.settings)
    told = objections(f"/api/v2/dags/{dag_id}/dagRuns", json.dumps({"conf": form}).encode())
    assert told == refused.value.problems
    assert HOSPITAL_ID not in "".join(told)


def test_a_right_form_passes(site: Trial) -> None:
    for dag_id, form in (
        ("restore", {"trial": TRIAL, "subjects": ["LA-001"]}),
        ("cleanup", {"dry_run": True}),
        ("cleanup", EVERYTHING),
    ):
        assert objections(f"/api/v2/dags/{dag_id}/dagRuns", json.dumps({"conf": form}).encode()) == ()
