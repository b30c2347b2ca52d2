"""A form with something in it that no subject key, date or switch can be reaches nothing that Airflow keeps."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import cached_app, purge_cached_app
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.asset import AssetModel
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.utils.session import create_session
from fastapi.testclient import TestClient
from sqlalchemy import delete, select

from pacs2trial_airflow.trigger_guard import objections
from support.airflow_env import ROOT

HOSPITAL_ID = "RXG0815-PLANTED"
RUNS = "/api/v2/dags/trial_DEMO-LUNG/dagRuns"
WRONG_FORMS: list[Any] = [
    {"subjects": [HOSPITAL_ID]},
    {"subjects": ["DL-001", HOSPITAL_ID]},
    {"subjects": HOSPITAL_ID},
    {"patient_id": HOSPITAL_ID},
    {HOSPITAL_ID: True},
    {"date_from": HOSPITAL_ID},
    {"dry_run": HOSPITAL_ID},
    HOSPITAL_ID,
    [HOSPITAL_ID],
]


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("trials")
    for path in (ROOT / "include" / "trials").glob("*.yaml"):
        shutil.copy(path, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACS2TRIAL_TRIALS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def client(airflow_home: Path, trials: Path) -> Iterator[TestClient]:
    """Airflow's API server with the project's plugin, logged in as everything."""
    bag = DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of this test alone, long enough for HS512 to be content with it"
        )
        purge_cached_app()
        with TestClient(cached_app(), base_url="http://testserver") as client:
            token = client.get("/auth/token").json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    purge_cached_app()


@pytest.fixture(autouse=True)
def nothing_logged(airflow_home: Path) -> None:
    with create_session() as session:
        session.execute(delete(Log))


def logged() -> list[str]:
    with create_session() as session:
        return [entry.extra or "" for entry in session.scalars(select(Log))]


def in_airflow(airflow_home: Path) -> bool:
    return any(HOSPITAL_ID.encode() in path.read_bytes() for path in airflow_home.rglob("airflow.db*"))


@pytest.mark.parametrize("form", WRONG_FORMS)
def test_a_wrong_form_is_refused_before_airflow_writes_its_audit_log(form: Any, client: TestClient, airflow_home: Path):
    answer = client.post(RUNS, json={"logical_date": None, "conf": form})

    assert answer.status_code == 400
    assert HOSPITAL_ID not in answer.text
    assert not logged()
    assert not in_airflow(airflow_home)


def test_a_right_form_passes_and_starts_a_run(client: TestClient):
    answer = client.post(RUNS, json={"logical_date": None, "conf": {"subjects": ["DL-001"], "dry_run": True}})

    assert answer.status_code == 200, answer.text
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.run_id == answer.json()["dag_run_id"]))
        assert run is not None
        assert run.conf == {"subjects": ["DL-001"], "dry_run": True}
    assert len(logged()) == 1


def test_a_run_without_a_form_passes(client: TestClient):
    assert client.post(RUNS, json={"logical_date": None}).status_code == 200


def test_a_wrong_form_of_a_backfill_is_refused(client: TestClient, airflow_home: Path):
    body = {
        "dag_id": "trial_DEMO-LUNG",
        "from_date": "2026-01-01T00:00:00Z",
        "to_date": "2026-01-03T00:00:00Z",
        "dag_run_conf": {"subjects": [HOSPITAL_ID]},
    }
    for path in ("/api/v2/backfills", "/api/v2/backfills/dry_run"):
        assert client.post(path, json=body).status_code == 400
    assert not in_airflow(airflow_home)


def test_a_wrong_form_of_an_asset_that_is_asked_for_is_refused(client: TestClient, airflow_home: Path):
    with create_session() as session:
        asset_id = session.scalar(select(AssetModel.id).where(AssetModel.name == "pacs2trial/DEMO-LUNG/packages"))
    answer = client.post(f"/api/v2/assets/{asset_id}/materialize", json={"conf": {"subjects": [HOSPITAL_ID]}})

    assert answer.status_code == 400
    assert not in_airflow(airflow_home)


def test_a_form_of_a_trial_whose_definition_is_broken_is_refused(trials: Path):
    shutil.copy(trials / "demo_plan.yaml", trials / "kept")
    (trials / "demo_plan.yaml").write_text("trial: DEMO-PLAN\nsponsor: [", "utf-8")
    try:
        assert objections("/api/v2/dags/trial_DEMO-PLAN/dagRuns", b'{"conf": {"subjects": ["DP-001"]}}')
    finally:
        (trials / "kept").replace(trials / "demo_plan.yaml")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v2/dags/another/dagRuns", {"conf": {"anything": "goes"}}),
        ("/api/v2/backfills", {"dag_id": "another", "dag_run_conf": {"anything": "goes"}}),
        ("/api/v2/assets/999999/materialize", {"conf": {"anything": "goes"}}),
        ("/api/v2/dags/trial_DEMO-LUNG/dagRuns", ["no object"]),
    ],
)
def test_other_dags_are_none_of_its_business(path: str, body: Any, trials: Path, airflow_home: Path):
    assert not objections(path, json.dumps(body).encode())


def test_a_path_behind_a_proxy_s_prefix_is_watched_too(trials: Path):
    body = json.dumps({"conf": {"subjects": [HOSPITAL_ID]}}).encode()

    assert objections(f"/airflow{RUNS}", body)


def test_what_is_no_json_is_left_to_airflow(trials: Path):
    assert not objections(RUNS, b"no json")
