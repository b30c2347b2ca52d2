"""The site, opened with Airflow's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs2trial_airflow.hooks.connections import AirflowConnections

if TYPE_CHECKING:
    from pacs2trial.workspace import Workspace


def open_workspace() -> Workspace:
    """Settings from the environment, the vault, and connections that ask Airflow.

    Raises:
        SetupError: the installation is not right; the message says what to run.
    """
    from pacs2trial.workspace import Workspace  # imported late: reading a DAG file must not cost SQLAlchemy's import

    return Workspace.open(connections=AirflowConnections())
