"""The pools that limit how many tasks talk to the PACS, and how many read pictures, at once."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl

PACS_POOL = "pacs2trial_pacs"
PACS_SLOTS = 2
PIXEL_POOL = "pacs2trial_pixels"
PIXEL_SLOTS = 2
"""A task that looks for text in pictures keeps one processor busy for as long as it lasts."""

_POOLS = {
    PACS_POOL: (PACS_SLOTS, "Tasks that talk to the PACS at the same time"),
    PIXEL_POOL: (PIXEL_SLOTS, "Filter tasks, which may look for text in pictures, at the same time"),
}


def ensure_pools() -> bool:
    """Create the pools that are not there; slots that a person has set are left alone. Needs Airflow's database.

    Returns:
        whether one was created.
    """
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError

    try:
        with create_session() as session:
            there = set(session.scalars(select(Pool.pool).where(Pool.pool.in_(_POOLS))))
            for name, (slots, description) in _POOLS.items():
                if name not in there:
                    session.add(Pool(pool=name, slots=slots, description=description, include_deferred=False))
    except IntegrityError:  # another component of the same start was faster
        return False
    return there != set(_POOLS)


class PoolKeeper:
    """Makes sure of the pools whenever a component with a job starts: a DAG that names a missing pool never runs."""

    @hookimpl
    def on_starting(self, component: Any) -> None:
        jobs = sys.modules.get("airflow.jobs.job")  # not imported here: task processes do without it
        if jobs is not None and isinstance(component, jobs.Job):
            ensure_pools()
