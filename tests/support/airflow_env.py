"""Airflow for tests: a home of its own, set before Airflow is imported for the first time.

``tests/airflow/conftest.py`` calls :func:`enter` while pytest collects, because Airflow fixes its home when it is
imported, and the modules under test import it at their top.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]


def enter() -> Path:
    """Give this process an Airflow home, which is removed when it ends. Returns the folder."""
    if "airflow" in sys.modules:
        return Path(os.environ["AIRFLOW_HOME"])
    home = Path(tempfile.mkdtemp(prefix="pacs2trial-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    return home


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Airflow's home, with a database in it that knows the project's DAG folder and no DAG."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    return Path(os.environ["AIRFLOW_HOME"])


@pytest.fixture
def read_dags(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], DagBag]:
    """Read the project's DAG files as the DAG processor does, for a given folder of trial definitions."""
    from airflow.dag_processing.dagbag import DagBag

    def read(trials: Path) -> DagBag:
        monkeypatch.setenv("PACS2TRIAL_TRIALS", str(trials))
        return DagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")

    return read
