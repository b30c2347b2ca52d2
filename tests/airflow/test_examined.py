"""What `pacs2trial check` finds about Airflow, from a real database of Airflow."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from sqlalchemy import delete

from pacs2trial.installation import FINDINGS
from pacs2trial_airflow.examined import airflow_findings
from pacs2trial_airflow.pools import PACS_POOL, PIXEL_POOL, ensure_pools

pytestmark = pytest.mark.usefixtures("airflow_home")


def found() -> dict[str, tuple[bool, str, str]]:
    return {one.subject: (one.good, one.text, one.remedy) for one in airflow_findings()}


def test_a_migrated_database_with_its_pools_is_right() -> None:
    ensure_pools()
    findings = found()
    assert findings["Airflow's database"][0]
    assert findings["Airflow's pools"] == (True, f"{PACS_POOL} 2, {PIXEL_POOL} 2", "")


def test_a_missing_pool_is_found() -> None:
    with create_session() as session:
        session.execute(delete(Pool).where(Pool.pool == PIXEL_POOL))
    good, text, remedy = found()["Airflow's pools"]
    ensure_pools()
    assert not good
    assert PIXEL_POOL in text
    assert f"airflow pools set {PIXEL_POOL}" in remedy


def test_components_that_do_not_run_are_found() -> None:
    good, text, remedy = found()["Airflow's components"]
    assert not good
    assert text == "no sign of scheduler, dag-processor, triggerer"
    assert remedy == "start airflow scheduler"


def test_a_database_for_one_machine_does_not_serve_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    good, _text, remedy = found()["Airflow's database"]
    assert not good
    assert remedy == "move it to PostgreSQL"


def test_a_database_without_tables_is_found(
    airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow import settings

    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/empty.db")
    settings.configure_vars()
    settings.configure_orm()
    try:
        findings = found()
    finally:
        monkeypatch.undo()
        settings.configure_vars()
        settings.configure_orm()
    assert findings["Airflow's database"][2] == "run airflow db migrate"


def test_check_asks_airflows_side() -> None:
    assert [point.load() for point in entry_points(group=FINDINGS)] == [airflow_findings]
