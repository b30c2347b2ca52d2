"""Commands as a person types them, at a site with data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pacs2trial.cli import cli
from pacs2trial.settings import AIRFLOW_PLACES, Settings, variable
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import LUNG, PELVIS, Hospital, small_study


@dataclass
class Site:
    """A home and a folder of definitions that the environment names; ``hospital`` is absent before ``init``."""

    home: Path
    trials: Path

    def __call__(self, *arguments: object, stdin: str | None = None) -> Result:
        """Run one command in this process."""
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)

    def json(self, *arguments: object, status: int = 0) -> dict[str, Any]:
        """What a command says to a program."""
        done = self(*arguments, "--json")
        assert done.exit_code == status, done.output
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def refusal(self, *arguments: object, status: int = 2) -> list[str]:
        """The messages of a command that refuses; nothing but messages."""
        done = self(*arguments)
        assert done.exit_code == status, done.output
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Settings], Site]:
    """Point the environment at a site."""

    def entered(settings: Settings) -> Site:
        monkeypatch.chdir(tmp_path)
        for name in AIRFLOW_PLACES:
            monkeypatch.delenv(name, raising=False)
        for name in ("home", "trials", "receiver_port"):
            monkeypatch.setenv(variable(name), str(getattr(settings, name)))
        monkeypatch.setenv(variable("durable"), "false")  # what is flushed is the vault's to test, not the commands'
        return Site(settings.home, settings.trials)

    return entered


@pytest.fixture
def new_site(settings: Settings, enter: Callable[[Settings], Site]) -> Site:
    """Nothing is there yet but an empty folder of definitions."""
    return enter(settings)


@pytest.fixture
def enrolled(workspace: Workspace) -> Hospital:
    """LUNGART and PELVIC share one patient, of whom nothing is staged."""
    hospital = Hospital(workspace)
    hospital.define(LUNG)
    hospital.define(PELVIS)
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA})
    hospital.enrol(PELVIS, {"PV-007": LUCZYNSKA})
    return hospital


@pytest.fixture
def site(enrolled: Hospital, enter: Callable[[Settings], Site]) -> Site:
    """The environment of that site."""
    return enter(enrolled.ws.settings)


@pytest.fixture
def staged_site(enrolled: Hospital, site: Site) -> Site:
    """The same with a study in staging."""
    enrolled.stage(small_study())
    return site
