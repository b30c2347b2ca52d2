"""``init``: a site from nothing, and again without harm."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Site


def test_everything_is_made_closed_to_others(new_site: Site) -> None:
    assert new_site("init").exit_code == 0
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in new_site.home.iterdir()}
    assert {name: made[name] for name in ("keys", "staging", "quarantine", "packages")} == dict.fromkeys(
        ("keys", "staging", "quarantine", "packages"), 0o700
    )
    files = ("secret.json", "connections.json", "airflow.env", "vault.db")
    assert {name: made[name] for name in files} == dict.fromkeys(files, 0o600)
    assert stat.S_IMODE(new_site.home.stat().st_mode) == 0o700


def test_it_says_what_it_made_and_what_comes_next(new_site: Site) -> None:
    done = new_site("init")
    assert f"secret       {new_site.home / 'secret.json'}" in done.stdout
    assert "Back up" in done.stderr
    assert "pacs2trial check" in done.stderr


def test_a_second_time_keeps_everything(new_site: Site) -> None:
    new_site("init")
    (new_site.home / "connections.json").write_text('{"main": {}}')
    before = {name: (new_site.home / name).read_bytes() for name in ("secret.json", "connections.json")}
    places = new_site.json("init")["places"]
    assert {name: (new_site.home / name).read_bytes() for name in before} == before
    assert {place["name"] for place in places if place["made"]} == {"airflow"}


def test_airflow_is_told_the_address_of_the_vault(new_site: Site) -> None:
    new_site("init")
    variables = sourced(new_site.home / "airflow.env")
    assert variables["PACS2TRIAL_HOME"] == str(new_site.home)
    connection = json.loads(variables["AIRFLOW_CONN_PACS2TRIAL_VAULT"])
    assert connection == {"conn_type": "sqlite", "schema": str(new_site.home / "vault.db")}
    assert Path(variables["AIRFLOW__CORE__DAGS_FOLDER"]).is_dir()


def test_home_whose_name_needs_quotes_is_published_whole(new_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    home = new_site.home.with_name("it's home; $(touch never)")
    monkeypatch.setenv("PACS2TRIAL_HOME", str(home))
    assert new_site("init").exit_code == 0
    assert sourced(home / "airflow.env")["PACS2TRIAL_HOME"] == str(home)
    assert not Path("never").exists()


def test_lost_secret_is_not_replaced(new_site: Site) -> None:
    new_site("init")
    (new_site.home / "secret.json").unlink()
    (message,) = new_site.refusal("init")
    assert "restore it from backup" in message
    assert not (new_site.home / "secret.json").exists()


def test_misspelt_setting_stops_it(new_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_HOMES", "x")
    assert new_site.refusal("init") == ["PACS2TRIAL_HOMES is no setting; did you mean PACS2TRIAL_HOME?"]
    assert not new_site.home.exists()


def test_database_url_that_is_none_is_refused(new_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_DATABASE_URL", "vault.db")
    (message,) = new_site.refusal("init")
    assert message.startswith("PACS2TRIAL_DATABASE_URL")


def sourced(path: Path) -> dict[str, str]:
    """The variables as a shell reads them."""
    script = f"set -a; . {shlex.quote(str(path))}; env -0"
    done = subprocess.run(["sh", "-c", script], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if "=" in line)
