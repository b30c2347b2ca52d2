"""``check`` looks at every destination of every trial, and sends nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pacs2trial.delivery.examined import destination_findings
from pacs2trial.finding import Finding
from support.hospital import LUNG, Hospital

KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def found(hospital: Hospital, known: dict[str, object], **destination: object) -> Finding:
    path = hospital.ws.settings.connections_path
    path.write_text(json.dumps({"far": known}))
    path.chmod(0o600)
    definition = hospital.define(LUNG, deliver=[destination])
    ws = hospital.ws
    (finding,) = destination_findings(ws.settings, ws.connections, {LUNG: definition})
    return finding


def test_a_right_connection_is_told(hospital: Hospital) -> None:
    finding = found(hospital, {"conn_type": "sftp", "host": "far.example"}, to="sftp", connection="far", encrypt=[KEY])
    assert (finding.good, finding.subject) == (True, "destination LUNGART sftp far")


@pytest.mark.parametrize(
    ("connection", "what"),
    [
        ({"conn_type": "http", "host": "far.example"}, "its type is 'http'"),
        ({"conn_type": "sftp"}, "host is missing"),
        ({"conn_type": "sftp", "host": "far.example", "extra": {"hostkey": "x"}}, "extra hostkey"),
    ],
)
def test_a_wrong_connection_is_told_with_what_is_wrong(
    hospital: Hospital, connection: dict[str, object], what: str
) -> None:
    finding = found(hospital, connection, to="sftp", connection="far")
    assert not finding.good
    assert what in finding.text


def test_a_wrong_key_is_told(hospital: Hospital) -> None:
    connection = {"conn_type": "sftp", "host": "far.example"}
    finding = found(hospital, connection, to="sftp", connection="far", encrypt=["age1nokey"])
    assert not finding.good
    assert "no public key of age" in finding.text


def test_a_node_that_does_not_answer_is_told(hospital: Hospital) -> None:
    connection = {"conn_type": "dicom", "host": "127.0.0.1", "port": 1, "extra": {"ae_title": "FAR"}}
    assert not found(hospital, connection, to="c-store", connection="far").good


def test_a_folder_that_cannot_be_made_is_told(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not found(hospital, {}, to="folder", path=str(tmp_path / "file" / "below")).good
    assert found(hospital, {}, to="folder").good
