"""What `check` finds about the machine and what is installed on it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from zoneinfo import ZoneInfo

import pytest

from pacs2trial.finding import Finding
from pacs2trial.installation import clock, time_zone, versions
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault

REQUIRED = ["pydicom<4,>=3.0.2", "apache-airflow==3.3.2; extra == 'airflow'", "deid>=0.4; extra == 'bench'"]
THERE = {"pacs2trial": "1.0", "pydicom": "3.0.2", "apache-airflow": "3.3.2"}


def found(there: dict[str, str], python: str = ">=3.11") -> Finding:
    def installed(name: str) -> str:
        if name not in there:
            raise PackageNotFoundError(name)
        return there[name]

    return versions(REQUIRED, python, installed)


def test_what_this_release_was_made_for_is_told() -> None:
    finding = found(THERE)
    assert finding.good
    assert "pydicom 3.0.2" in finding.text
    assert "apache-airflow 3.3.2" in finding.text


def test_a_site_without_airflow_is_right() -> None:
    assert found({"pacs2trial": "1.0", "pydicom": "3.0.2"}).good


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"pydicom": "4.0.0"}, "pydicom 4.0.0, this release needs <4,>=3.0.2"),
        ({"apache-airflow": "3.2.0"}, "apache-airflow 3.2.0, this release needs ==3.3.2"),
    ],
)
def test_another_version_is_found(changed: dict[str, str], words: str) -> None:
    finding = found(THERE | changed)
    assert not finding.good
    assert finding.text == words
    assert "constraints.txt" in finding.remedy


def test_a_missing_package_and_another_python_are_found() -> None:
    finding = found({"pacs2trial": "1.0"}, python="<3")
    assert "pydicom is missing" in finding.text
    assert "this release needs <3" in finding.text


def test_the_clock_is_that_of_the_vaults_server(vault: Vault, vault_settings: Settings) -> None:
    finding = clock(vault_settings)
    assert finding.good
    assert bool(finding.remedy) is finding.warning


@pytest.mark.parametrize("vault_settings", ["postgresql"], indirect=True)
def test_a_clock_that_differs_from_the_vaults_server_is_found(
    vault: Vault, vault_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs2trial.installation.MOST_SECONDS", -1.0)
    finding = clock(vault_settings)
    assert not finding.good
    assert "the vault's server: locks cannot be relied on" in finding.text


def test_a_database_that_does_not_answer_has_no_clock(settings: Settings) -> None:
    finding = clock(settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/vault"}))
    assert not finding.good


@pytest.mark.parametrize(("site", "machine", "warning"), [
    ("UTC", "UTC", False),
    ("Europe/London", "UTC", False),
    ("Europe/Berlin", "Europe/Paris", False),
    ("UTC", "Europe/Berlin", True),
])  # fmt: skip
def test_a_machine_in_another_time_zone_is_worth_a_warning(
    settings: Settings, site: str, machine: str, warning: bool
) -> None:
    here = datetime(2026, 1, 15, 12, tzinfo=UTC).astimezone(ZoneInfo(machine))
    finding = time_zone(settings.model_copy(update={"time_zone": site}), here)
    assert finding.good
    assert finding.warning is warning
