"""The pools exist before a DAG needs them, and stay as a person has set them."""

from collections.abc import Iterator

import pytest
from airflow.jobs.job import Job
from airflow.listeners.listener import get_listener_manager
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from sqlalchemy import delete, select, update

from pacs2trial_airflow.pools import PACS_POOL, PACS_SLOTS, PIXEL_POOL, PIXEL_SLOTS, ensure_pools


def slots(pool: str = PACS_POOL) -> int | None:
    with create_session() as session:
        return session.scalar(select(Pool.slots).where(Pool.pool == pool))


@pytest.fixture(autouse=True)
def no_pool(airflow_home: object) -> Iterator[None]:
    with create_session() as session:
        session.execute(delete(Pool).where(Pool.pool.in_([PACS_POOL, PIXEL_POOL])))
    yield
    ensure_pools()


def test_the_pools_are_made_once():
    assert ensure_pools()
    assert (slots(), slots(PIXEL_POOL)) == (PACS_SLOTS, PIXEL_SLOTS)
    assert not ensure_pools()


def test_slots_that_a_person_has_set_stay():
    ensure_pools()
    with create_session() as session:
        session.execute(update(Pool).where(Pool.pool == PACS_POOL).values(slots=7))
    ensure_pools()

    assert slots() == 7


def test_a_component_that_starts_makes_the_pool():
    get_listener_manager()
    Job()

    assert slots() == PACS_SLOTS
