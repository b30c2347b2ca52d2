"""Airflow connections for the library, and the connection type ``dicom`` with its form and its Test button."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager, _create_provider_info_schema_validator

from pacs2trial.errors import InputError
from pacs2trial.network.peer import Peer
from pacs2trial_airflow.hooks.connections import AirflowConnections
from pacs2trial_airflow.hooks.dicom import DicomHook
from pacs2trial_airflow.provider_info import get_provider_info
from pacs2trial_demo.pacs import DemoPacs
from support.api_server import api_server
from support.programs import free_port

Connect = Callable[..., None]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Put a connection where Airflow finds it."""

    def put(name: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "dicom", **fields}))

    return put


def test_the_library_gets_every_field_of_an_airflow_connection(connect: Connect):
    connect("pacs", host="pacs.test", port=104, login="us", password="secret", schema="x", extra={"aet": "PACS"})
    found = AirflowConnections().get("pacs")

    assert (found.name, found.conn_type, found.host, found.port) == ("pacs", "dicom", "pacs.test", 104)
    assert (found.login, found.password, found.schema, dict(found.extra)) == ("us", "secret", "x", {"aet": "PACS"})


def test_fields_left_empty_in_the_form_are_absent(connect: Connect):
    connect("pacs", host="pacs.test", port=104, extra={"aet": "PACS", "calling_aet": "", "move_destination": None})

    assert dict(AirflowConnections().get("pacs").extra) == {"aet": "PACS"}


def test_an_unknown_connection_is_told_with_the_place_to_add_it(airflow_home: object):
    with pytest.raises(InputError, match=r"connection 'nowhere' is unknown: add it in Airflow under Admin"):
        AirflowConnections().get("nowhere")


def test_a_secret_is_not_shown_with_the_connection(connect: Connect):
    connect("sftp", password="top-secret-word", extra={"private_key": "-----BEGIN"})

    assert "top-secret-word" not in repr(AirflowConnections().get("sftp"))
    assert "BEGIN" not in repr(AirflowConnections().get("sftp"))


def test_the_hook_makes_a_dicom_node_of_its_connection(connect: Connect):
    connect("pacs", host="pacs.test", port=104, extra={"aet": "PACS", "calling_aet": "US"})
    node = DicomHook("pacs").get_conn()

    assert isinstance(node, Peer)
    assert (node.host, node.port, node.aet, node.calling_aet) == ("pacs.test", 104, "PACS", "US")


def test_the_test_button_sends_an_echo(connect: Connect, demo_pacs: DemoPacs):
    connect("pacs", host="127.0.0.1", port=demo_pacs.port, extra={"aet": demo_pacs.aet})
    good, told = DicomHook("pacs").test_connection()

    assert good
    assert "answered C-ECHO" in told


def test_the_test_button_tells_why_not(connect: Connect, demo_pacs: DemoPacs):
    connect("refused", host="127.0.0.1", port=free_port(), extra={"aet": "PACS"})
    connect("misnamed", host="127.0.0.1", port=demo_pacs.port, extra={"aet": "ANOTHER"})
    connect("incomplete", host="127.0.0.1", extra={})

    for name, reason in (("refused", "refused"), ("misnamed", "AE title"), ("incomplete", "port is missing")):
        good, told = DicomHook(name).test_connection()
        assert not good
        assert reason in told


def test_what_airflow_learns_of_the_provider_fits_its_schema():
    info = get_provider_info()

    _create_provider_info_schema_validator().validate(info)
    jsonschema.Draft202012Validator.check_schema(info["connection-types"][0]["conn-fields"]["aet"]["schema"])


def test_airflow_shows_the_form_of_the_connection_type():
    manager = ProvidersManager()
    fields = {name for name in manager.connection_form_widgets if name.startswith("extra__dicom__")}

    assert manager.hooks["dicom"] is not None
    assert manager.hooks["dicom"].hook_name == "DICOM"
    names = {"aet", "calling_aet", "dicomweb", "hours", "maximum_matches", "move_destination"}
    assert fields == {f"extra__dicom__{name}" for name in names}
    assert manager.field_behaviours["dicom"]["hidden_fields"] == ["schema"], "DICOMweb has a login and a password"


def test_the_test_button_of_the_form_reaches_the_pacs(airflow_home: Path, tmp_path: Path, demo_pacs: DemoPacs):
    fields = {
        "connection_id": "pacs",
        "conn_type": "dicom",
        "host": "127.0.0.1",
        "port": demo_pacs.port,
        "extra": json.dumps({"aet": demo_pacs.aet}),
    }
    with api_server(tmp_path, {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}) as server, server.client("adam") as client:
        good = client.post("/api/v2/connections/test", json=fields).json()
        bad = client.post("/api/v2/connections/test", json={**fields, "port": free_port()}).json()
    assert (good["status"], "answered C-ECHO" in good["message"]) == (True, True)
    assert (bad["status"], "refused" in bad["message"]) == (False, True)
