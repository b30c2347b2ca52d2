"""A trial's DAG from PACS to delivered package, run twice, against a real PACS and receiver in this process."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from pacs2trial_demo.identities import IDENTITIES, planted_in
from support.dag_runs import Ended, run_dag
from support.demo_site import DemoSite, running
from support.leaks import original_uids


@dataclass(frozen=True)
class Runs:
    site: DemoSite
    first: Ended
    second: Ended
    plan: Ended
    delivered_first: dict[str, str]
    """SHA-256 of what was delivered after the first run, by file name."""


@pytest.fixture(scope="module")
def runs(airflow_home: Path, originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    with running(folder, originals) as site:
        first = run_dag("trial_DEMO-LUNG", folder / "first.log")
        delivered_first = delivered(site)
        second = run_dag("trial_DEMO-LUNG", folder / "second.log")
        plan = run_dag("trial_DEMO-PLAN", folder / "plan.log")
        yield Runs(site, first, second, plan, delivered_first)


def delivered(site: DemoSite) -> dict[str, str]:
    found = (site.home / "delivered").rglob("*.zip")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_the_run_succeeds_with_every_step_of_every_subject_that_has_data(runs: Runs):
    assert runs.first.state == "success"
    for step in ("plan", "stage", "balance"):
        assert runs.first.tasks[step] == "success"
    assert runs.first.tasks["retrieve"] == {"DL-001 to DL-003 (3)": "success"}
    for step in ("filter", "collect", "verify", "deliver"):
        states = runs.first.tasks[step]
        assert isinstance(states, dict)
        assert states["DL-001"] == states["DL-002"] == "success"


def test_a_subject_without_data_is_skipped_and_hinders_nobody(runs: Runs):
    for step in ("collect", "verify", "deliver"):
        states = runs.first.tasks[step]
        assert isinstance(states, dict)
        assert states["DL-003"] == "skipped"


def test_packages_arrive(runs: Runs):
    assert set(runs.delivered_first) == {"DL-001.zip", "DL-002.zip"}


def test_a_second_run_makes_the_same_bytes_and_delivers_nothing_new(runs: Runs):
    lung = {name: sha256 for name, sha256 in delivered(runs.site).items() if name.startswith("DL-")}

    assert runs.second.state == "success"
    assert lung == runs.delivered_first
    assert "has this content already" in runs.second.log
    assert ": delivered" not in runs.second.log


def test_what_waits_for_a_person_skips_its_own_subject_only_and_the_run_ends_well(runs: Runs):
    assert runs.plan.state == "success"
    for step in ("collect", "verify", "deliver"):
        states = runs.plan.tasks[step]
        assert isinstance(states, dict)
        assert states == {"DP-001": "success", "DP-002": "skipped"}
    assert "DP-002: 1 instances wait for a person" in runs.plan.log


def test_the_log_tells_counts_digests_and_the_balance(runs: Runs):
    for told in ("content digest", "sha256", "expected", "collected", "all 3"):
        assert told in runs.first.log


def test_what_the_library_logs_stands_in_the_task_log(runs: Runs):
    assert "pacs2trial.retrieve" in runs.first.log
    assert "pacs2trial.collect" in runs.first.log


def test_events_of_the_assets_carry_counts_and_a_digest(runs: Runs):
    with create_session() as session:
        query = (
            select(AssetModel.name, AssetEvent.extra)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            .where(AssetEvent.source_run_id == runs.first.run_id)
        )
        events = session.execute(query).all()
    of = {name.removeprefix("pacs2trial/DEMO-LUNG/"): extra for name, extra in events}

    assert set(of) == {"planned", "retrieved", "staged", "filtered", "packages", "verified", "deliveries", "balance"}
    assert all(len(extra["digest"]) == 64 for extra in of.values())
    assert of["staged"]["staged"] == of["planned"]["expected"] > 0
    assert of["balance"]["missing"] == 0


def test_the_same_state_gives_the_same_digests(runs: Runs):
    def digests(run: Ended) -> set[tuple[str, str]]:
        with create_session() as session:
            query = select(AssetModel.name, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            rows = session.execute(query.where(AssetEvent.source_run_id == run.run_id)).all()
        return {(name, extra["digest"]) for name, extra in rows if name.rsplit("/")[-1] in ("packages", "balance")}

    assert digests(runs.first) == digests(runs.second)


def test_xcom_holds_run_keys_subject_keys_and_package_ids_only(runs: Runs):
    with create_session() as session:
        query = select(XComModel.task_id, XComModel.key, XComModel.value).where(XComModel.run_id == runs.first.run_id)
        found = {
            (task, key): json.loads(value) if isinstance(value, str) else value
            for task, key, value in session.execute(query)
        }
    run_key = found.pop(("plan", "run_key"))

    assert isinstance(run_key, str)
    assert found.pop(("plan", "return_value")) == [["DL-001", "DL-002", "DL-003"]]
    assert found.pop(("stage", "return_value")) == ["DL-001", "DL-002", "DL-003"]
    assert all(isinstance(package_id, int) for package_id in found.pop(("collect", "return_value")))
    assert not found


def test_nothing_that_airflow_kept_or_logged_holds_an_identity(runs: Runs, airflow_home: Path):
    uids = original_uids(runs.site.originals)
    files = [path for path in airflow_home.rglob("*") if path.is_file()]
    texts = {"log": (runs.first.log + runs.second.log + runs.plan.log).encode()}
    texts |= {str(path): path.read_bytes() for path in files}

    assert any(path.name == "airflow.db" for path in files)
    for where, content in texts.items():
        assert not planted_in(content, *IDENTITIES), where
        assert not [uid for uid in uids if uid.encode() in content], where
