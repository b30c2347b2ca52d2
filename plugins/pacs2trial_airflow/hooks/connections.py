"""Airflow's connections for the domain library."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from pacs2trial.connections import Connection
from pacs2trial.errors import InputError, TransientError


class AirflowConnections:
    """Finds connections where Airflow keeps them: secrets back end, ``AIRFLOW_CONN_*``, Admin > Connections."""

    def get(self, name: str) -> Connection:
        """The connection called ``name``; fields left empty in the form count as absent.

        Raises:
            InputError: there is none.
            TransientError: Airflow could not be asked.
        """
        try:
            found = BaseHook.get_connection(name)
        except AirflowNotFoundException:
            raise InputError(f"connection {name!r} is unknown: add it in Airflow under Admin > Connections") from None
        except AirflowException as error:
            raise TransientError(f"connection {name!r} could not be looked up ({type(error).__name__})") from None
        return Connection(
            name=name,
            conn_type=found.conn_type or "",
            host=found.host or "",
            port=found.port,
            login=found.login or "",
            password=found.password or "",
            schema=found.schema or "",
            extra={key: value for key, value in found.extra_dejson.items() if value not in (None, "")},
        )
