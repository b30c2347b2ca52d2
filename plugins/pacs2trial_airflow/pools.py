"""The pool that limits how many tasks talk to the PACS at once."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl

PACS_POOL = "pacs2trial_pacs"
PACS_SLOTS = 2


def ensure_pools() -> bool:
    """Create the pool unless there is one; slots that a person has set are left alone. Needs Airflow's database.

    Returns:
        whether it was created.
    """
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError

    try:
        with create_session() as session:
            if session.scalar(select(Pool.id).where(Pool.pool == PACS_POOL)) is not None:
                return False
            session.add(
                Pool(
                    pool=PACS_POOL,
                    slots=PACS_SLOTS,
                    description="Tasks that talk to the PACS at the same time",
                    include_deferred=False,
                )
            )
    except IntegrityError:  # another component of the same start was faster
        return False
    return True


class PoolKeeper:
    """Makes sure of the pool whenever a component with a job starts: a DAG that names a missing pool never runs."""

    @hookimpl
    def on_starting(self, component: Any) -> None:
        jobs = sys.modules.get("airflow.jobs.job")  # not imported here: task processes do without it
        if jobs is not None and isinstance(component, jobs.Job):
            ensure_pools()
