"""Tests of the Airflow layer run in an Airflow of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import airflow_env
from support.airflow_env import airflow_home, read_dags
from support.dag_runs import runs
from support.demo_site import demo_site, originals
from support.dicomweb import reviewer, server

__all__ = ["airflow_home", "demo_site", "originals", "read_dags", "reviewer", "runs", "server"]

airflow_env.enter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder carry the mark ``airflow``."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.airflow)
