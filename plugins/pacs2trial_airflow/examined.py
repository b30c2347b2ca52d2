"""What ``pacs2trial check`` finds about Airflow itself, where Airflow's environment is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from airflow.configuration import conf
from airflow.jobs.job import most_recent_job
from airflow.models.errors import ParseImportError
from airflow.models.pool import Pool
from airflow.utils.db import check_migrations
from airflow.utils.session import create_session
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pacs2trial.finding import Finding, wrong
from pacs2trial_airflow.pools import PACS_POOL, PIXEL_POOL

DATABASE = "Airflow's database"
COMPONENTS = {"SchedulerJob": "scheduler", "DagProcessorJob": "dag-processor", "TriggererJob": "triggerer"}
"""The components that leave a heartbeat in the database, by its kind."""


def airflow_findings() -> Iterator[Finding]:
    """Airflow's database, the pools that the DAGs name, the components that must run, DAG files with faults."""
    url = make_url(conf.get("database", "sql_alchemy_conn"))
    shown = url.render_as_string(hide_password=True)
    try:
        check_migrations(0)  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        with create_session() as session:
            yield _database(shown, sqlite=url.get_backend_name() == "sqlite")
            yield _pools(session)
            yield _components(session)
            yield from _broken(session)
    except TimeoutError:
        yield wrong(DATABASE, f"{shown} is not migrated to the installed Airflow", "run airflow db migrate")
    except SQLAlchemyError as error:
        remedy = "see that its server runs; if it is new, run airflow db migrate"
        yield wrong(DATABASE, f"{shown} does not answer: {type(error).__name__}", remedy)


def _database(shown: str, *, sqlite: bool) -> Finding:
    executor = conf.get("core", "executor")
    if sqlite and "LocalExecutor" not in executor:
        return wrong(DATABASE, f"{shown} serves one machine, the executor is {executor}", "move it to PostgreSQL")
    return Finding(DATABASE, good=True, text=f"{shown}, migrated to the installed Airflow")


def _pools(session: Session) -> Finding:
    wanted = (PACS_POOL, PIXEL_POOL)
    slots = {str(pool.pool): pool.slots for pool in session.scalars(select(Pool).where(Pool.pool.in_(wanted)))}
    without = [name for name in wanted if not slots.get(name)]
    if without:
        text = f"{without[0]} has no slots: its tasks would wait for ever"
        return wrong("Airflow's pools", text, f"start Airflow, which makes it, or: airflow pools set {without[0]} 2 ''")
    return Finding("Airflow's pools", good=True, text=", ".join(f"{name} {slots[name]}" for name in wanted))


def _components(session: Session) -> Finding:
    jobs = {name: most_recent_job(kind, session=session) for kind, name in COMPONENTS.items()}
    silent = [name for name, job in jobs.items() if job is None or not job.is_alive()]
    if silent:
        return wrong("Airflow's components", f"no sign of {', '.join(silent)}", f"start airflow {silent[0]}")
    return Finding("Airflow's components", good=True, text=f"{', '.join(jobs)} are alive")


def _broken(session: Session) -> Iterator[Finding]:
    faults = session.scalar(select(func.count()).select_from(ParseImportError)) or 0
    if faults:
        yield wrong("DAG files", f"{faults} cannot be read", "see airflow dags list-import-errors")
