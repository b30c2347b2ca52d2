"""The site, opened with Airflow's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs2trial.connections import Connection
    from pacs2trial.workspace import Workspace


class _WhenAsked:
    """Airflow's connections; Airflow is imported for the first of them, and most processes ask for none."""

    def get(self, name: str) -> Connection:
        from pacs2trial_airflow.hooks.connections import AirflowConnections

        return AirflowConnections().get(name)


def open_workspace() -> Workspace:
    """Settings from the environment, the vault, and connections that ask Airflow.

    Raises:
        SetupError: the installation is not right; the message says what to run.
    """
    from pacs2trial.workspace import Workspace  # imported late: reading a DAG file must not cost SQLAlchemy's import

    return Workspace.open(connections=_WhenAsked())
