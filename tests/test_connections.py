"""Connections are found without Airflow, in Airflow's own notation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pacs2trial.connections import Connection, SiteConnections, from_json, from_uri
from pacs2trial.errors import InputError, SetupError
from pacs2trial.settings import Settings

PACS = {"conn_type": "dicom", "host": "pacs.example", "port": 104, "extra": {"aet": "PACS", "calling_aet": "ME"}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def write(settings: Settings, text: str, mode: int = 0o600) -> None:
    settings.connections_path.write_text(text)
    settings.connections_path.chmod(mode)


def test_file_in_home_names_connections(settings: Settings) -> None:
    write(settings, json.dumps({"main": PACS}))
    found = SiteConnections(settings).get("main")
    assert (found.conn_type, found.host, found.port, found.extra["aet"]) == ("dicom", "pacs.example", 104, "PACS")


@pytest.mark.parametrize(
    "text", [json.dumps(PACS), "dicom://pacs.example:104/?aet=PACS&calling_aet=ME", json.dumps(PACS | {"port": "104"})]
)
def test_environment_comes_before_the_file(settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    write(settings, json.dumps({"main": PACS | {"host": "other"}}))
    monkeypatch.setenv("AIRFLOW_CONN_MAIN", text)
    assert SiteConnections(settings).get("main") == from_json("main", PACS)


def test_extra_may_be_json_text_as_airflow_keeps_it() -> None:
    assert from_json("main", PACS | {"extra": json.dumps(PACS["extra"])}) == from_json("main", PACS)
    uri = "dicom://pacs.example:104/?__extra__=%7B%22aet%22%3A%20%22PACS%22%2C%20%22calling_aet%22%3A%20%22ME%22%7D"
    assert from_uri("main", uri) == from_json("main", PACS)


def test_uri_is_unquoted() -> None:
    assert from_uri("db", "postgresql://me:p%40ss@host:5432/vault") == Connection(
        "db", "postgresql", "host", 5432, "me", "p@ss", "vault"
    )


def test_unknown_connection_says_where_to_add_it(settings: Settings) -> None:
    with pytest.raises(InputError) as raised:
        SiteConnections(settings).get("main")
    assert str(raised.value) == (
        f"connection 'main' is unknown: set AIRFLOW_CONN_MAIN, add it to {settings.connections_path}, or add it in "
        "Airflow under Admin > Connections"
    )


def test_file_that_others_can_read_is_refused(settings: Settings) -> None:
    write(settings, json.dumps({"main": PACS}), 0o640)
    with pytest.raises(SetupError, match="can be read by others: run chmod 600"):
        SiteConnections(settings).get("main")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[]", "expected"), ('{"main": "dicom://x"}', "expected")],
)
def test_file_of_another_form_is_refused(settings: Settings, text: str, message: str) -> None:
    write(settings, text)
    with pytest.raises(InputError, match=message):
        SiteConnections(settings).get("main")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hots": "x"}, "connection 'main': unknown field hots; known are conn_type, description"),
        ({"port": "secret"}, "connection 'main': port must be a number from 1 to 65535"),
        ({"port": 70000}, "connection 'main': port must be a number from 1 to 65535"),
        ({"extra": "secret"}, "connection 'main': extra is not JSON"),
        ({"extra": [1]}, "connection 'main': extra must be an object"),
    ],
)
def test_unusable_field_is_told_without_its_value(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        from_json("main", fields)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["secret", "{secret", "dicom://host:secret"])
def test_unusable_environment_text_is_told_without_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MAIN", text)
    with pytest.raises(InputError, match="connection 'main'") as raised:
        SiteConnections(settings).get("main")
    assert "secret" not in str(raised.value)


def test_password_is_not_shown() -> None:
    assert "hidden" not in repr(from_json("main", PACS | {"password": "hidden", "extra": {"token": "hidden"}}))
