"""The connection type ``dicom``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from pacs2trial import settings
from pacs2trial.errors import Pacs2TrialError
from pacs2trial_airflow.hooks.connections import AirflowConnections

if TYPE_CHECKING:
    from pacs2trial.network.peer import Peer


class DicomHook(BaseHook):
    """A DICOM node behind an Airflow Connection.

    :param dicom_conn_id: the connection: host, port and, in its extra, ``aet`` (called AE title), optionally
        ``calling_aet``, ``move_destination`` and the times of :class:`pacs2trial.network.peer.Patience`
    """

    conn_name_attr = "dicom_conn_id"
    default_conn_name = "dicom_default"
    conn_type = "dicom"
    hook_name = "DICOM"

    def __init__(self, dicom_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dicom_conn_id = dicom_conn_id

    def get_conn(self) -> Peer:
        """The node.

        Raises:
            InputError: the connection lacks something; every fault is listed.
        """
        from pacs2trial.network.peer import peer

        return peer(AirflowConnections(), self.dicom_conn_id, settings.load())

    def test_connection(self) -> tuple[bool, str]:
        """C-ECHO (PS3.4 A): what the Test button of the connection form does."""
        from pacs2trial.network.echo import echo

        try:
            node = self.get_conn()
            echo(node)
        except Pacs2TrialError as error:
            return False, str(error)
        return True, f"{node} answered C-ECHO"
