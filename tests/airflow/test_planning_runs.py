"""What the first step of a run makes of the trigger form."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pacs2trial.vault.tables import Instance, Run
from support.dag_runs import run_dag
from support.demo_site import DemoSite, running

HOSPITAL_ID = "RXH4711"


@pytest.fixture(scope="module")
def site(airflow_home: Path, originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with running(tmp_path_factory.mktemp("site"), originals) as site:
        yield site


def number_of(site: DemoSite, table: type) -> int:
    with site.ws.vault.session() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_dry_run_counts_and_does_nothing_else(site: DemoSite, tmp_path: Path):
    ended = run_dag("trial_DEMO-LUNG", tmp_path / "log", dry_run=True)

    assert ended.state == "success"
    assert ended.tasks.pop("plan") == "success"
    assert set(ended.tasks.values()) == {"skipped"}
    assert "DL-001: 2 studies" in ended.log
    assert number_of(site, Run) == number_of(site, Instance) == 0
    assert {request.service for request in site.pacs.requests} == {"C-FIND"}


def test_a_window_in_which_nobody_has_a_study_ends_well_with_nothing_done(site: DemoSite, tmp_path: Path):
    ended = run_dag("trial_DEMO-LUNG", tmp_path / "log", date_from="2020-01-01", date_to="2020-12-31")

    assert ended.state == "success"
    assert ended.tasks["retrieve"] == ended.tasks["balance"] == "skipped"
    assert "study dates 2020-01-01 to 2020-12-31 (trigger form)" in ended.log


def test_an_unknown_subject_fails_the_run_at_once_and_is_named(site: DemoSite, tmp_path: Path):
    ended = run_dag("trial_DEMO-LUNG", tmp_path / "log", subjects=["DL-999"])

    assert ended.state == "failed"
    assert ended.tasks["plan"] == ended.tasks["balance"] == "failed"
    assert ended.tasks["retrieve"] == ended.tasks["stage"] == "upstream_failed"
    assert "DL-999" in ended.log


def test_a_field_that_the_form_does_not_have_fails_the_run_and_is_not_repeated(site: DemoSite, tmp_path: Path):
    ended = run_dag("trial_DEMO-LUNG", tmp_path / "log", patient_id=HOSPITAL_ID)

    assert ended.state == "failed"
    assert "1 field(s) that the trigger form does not have" in ended.log
    assert number_of(site, Run) <= 1
