"""The environment is read in one place, and what it says wrong is told with the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pacs2trial import settings
from pacs2trial.errors import SetupError


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(settings.PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as raised:
        settings.load()
    return str(raised.value)


def test_without_any_setting_everything_is_in_var_of_the_working_directory(tmp_path: Path) -> None:
    loaded = settings.load()
    assert loaded.home == tmp_path / "var"
    assert loaded.database_url == f"sqlite:///{tmp_path}/var/vault.db"
    assert loaded.secret_path == tmp_path / "var" / "secret.json"
    assert loaded.trials == tmp_path / "include" / "trials"


def test_home_moves_everything_that_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_HOME", "elsewhere")
    loaded = settings.load()
    home = tmp_path / "elsewhere"
    assert {loaded.staging, loaded.quarantine, loaded.packages, loaded.keys} == {
        home / name for name in ("staging", "quarantine", "packages", "keys")
    }
    assert loaded.connections_path == home / "connections.json"


@pytest.mark.parametrize("url", ["s3://bucket", "s3://a-bucket.of.ours/site/packages/"])
def test_packages_may_be_kept_in_a_bucket(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PACS2TRIAL_PACKAGES_URL", url)
    assert settings.load().packages_url == url.rstrip("/")


@pytest.mark.parametrize("url", ["bucket", "s3://", "s3://key:secret@bucket", "gs://bucket", "s3://bucket/../other"])
def test_what_is_no_bucket_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    said = refusal(monkeypatch, PACS2TRIAL_PACKAGES_URL=url)
    assert said.startswith("PACS2TRIAL_PACKAGES_URL: must be the address of a bucket")
    assert "secret@" not in said


def test_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_RECEIVER_PORT", "")
    assert settings.load().receiver_port == 11112


def test_misspelt_setting_is_refused_with_the_right_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, PACS2TRIAL_RECIEVER_PORT="1") == (
        "PACS2TRIAL_RECIEVER_PORT is no setting; did you mean PACS2TRIAL_RECEIVER_PORT?"
    )


def test_unknown_setting_is_refused_with_those_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, PACS2TRIAL_XYZ="1")
    assert message.startswith("PACS2TRIAL_XYZ is no setting; settings are PACS2TRIAL_BATCH_SUBJECTS, ")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RECEIVER_PORT", "70000", "PACS2TRIAL_RECEIVER_PORT: must be less than or equal to 65535"),
        ("RECEIVER_PORT", "eleven", "PACS2TRIAL_RECEIVER_PORT: must be a valid integer"),
        ("RECEIVER_AET", "SEVENTEEN_LETTERS", "PACS2TRIAL_RECEIVER_AET: String should have at most 16 characters"),
        (
            "TIME_ZONE",
            "Europe/Lodnon",
            "PACS2TRIAL_TIME_ZONE: 'Europe/Lodnon' is no IANA time zone such as Europe/London",
        ),
        ("DURABLE", "maybe", "PACS2TRIAL_DURABLE: must be a valid boolean"),
    ],
)
def test_unusable_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    assert refusal(monkeypatch, **{settings.variable(name): value}).startswith(message)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, PACS2TRIAL_XYZ="1", PACS2TRIAL_BATCH_SUBJECTS="0", PACS2TRIAL_TIME_ZONE="x")
    assert len(message.splitlines()) == 3


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in settings.Settings.model_fields.values())


def test_roles_are_given_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_ROLES", "anna=reviewer, bert=custodian,anna=custodian")
    loaded = settings.load()
    assert loaded.roles_of("anna") == {settings.Role.REVIEWER, settings.Role.CUSTODIAN}
    assert loaded.roles_of("bert") == {settings.Role.CUSTODIAN}
    assert loaded.roles_of("Anna") == loaded.roles_of("") == frozenset()


@pytest.mark.parametrize("roles", ["anna", "anna=boss", "=reviewer"])
def test_unknown_roles_are_refused(monkeypatch: pytest.MonkeyPatch, roles: str) -> None:
    said = refusal(monkeypatch, PACS2TRIAL_ROLES=roles)
    assert said.startswith("PACS2TRIAL_ROLES: must be a list such as anna=reviewer")
