"""A trial that was retrieved from a PACS, filtered, collected and proven; and what a disaster leaves of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.receiver import Receiver
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import PackageRow, PackageState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import Hospital
from support.sites import TRIAL, Site

SUBJECTS = {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER}


@dataclass
class Trial:
    """The trial LUNGART of a site that pulls from ``main``."""

    site: Site

    @property
    def ws(self) -> Workspace:
        return self.site.ws

    def run(self, *keys: str) -> None:
        """From the PACS to proven packages."""
        retrieve(self.ws, TRIAL, subjects=keys or None)
        hospital = Hospital(self.ws)
        for key in keys or SUBJECTS:
            for package in hospital.collect(TRIAL, key):
                hospital.verify(package)

    def digests(self) -> dict[str, tuple[str, str]]:
        """Content digest and SHA-256 of the packages in force, as the vault has them, by path."""
        with self.ws.vault.session(read_only=True) as session:
            rows = session.scalars(
                select(PackageRow).where(PackageRow.trial == TRIAL, PackageRow.state != PackageState.SUPERSEDED)
            )
            return {row.path: (row.content_digest, row.sha256) for row in rows}

    def packages(self) -> dict[str, bytes]:
        """The package files by path."""
        folder = self.ws.settings.packages
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.zip")}

    def staged(self) -> dict[str, bytes]:
        """The staged files by path."""
        folder = self.ws.settings.staging
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.dcm")}

    def lose(self) -> None:
        """Staging and packages are gone."""
        for folder in (self.ws.settings.staging, self.ws.settings.packages):
            _empty(folder)

    def lose_packages(self) -> None:
        """The packages are gone."""
        _empty(self.ws.settings.packages)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)


@pytest.fixture
def receiving(ran: Trial) -> Iterator[int]:
    """A running receiver of the site: its port."""
    running = Receiver(ran.ws)
    yield running.start()
    running.stop()


@pytest.fixture(scope="session")
def ran_once(tmp_path_factory: pytest.TempPathFactory, small_archive: Path) -> Path:
    """Home and definitions of :func:`ran`, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("ran-once")
    settings = _settings(folder)
    settings.trials.mkdir()
    Vault.create(settings)
    site = Site(Workspace.open(settings))
    site.define(retrieve="c-get")
    site.enrol(*({"patient_id": who.patient_id, "subject_key": key} for key, who in SUBJECTS.items()))
    with DemoPacs(small_archive, "DEMOPACS") as pacs:
        site.connect(pacs.aet, pacs.port)
        Trial(site).run()
    site.ws.vault.close()
    return folder


@pytest.fixture
def ran(tmp_path: Path, ran_once: Path, demo_pacs: DemoPacs) -> Iterator[Trial]:
    """LUNGART after a run from the demo PACS by C-GET: two subjects, each with a proven package."""
    copy = copied_trial(ran_once, tmp_path / "site")
    copy.site.connect(demo_pacs.aet, demo_pacs.port)
    yield copy
    copy.ws.vault.close()


def copied_trial(source: Path, target: Path) -> Trial:
    """An own copy of a site that lies in a folder."""
    shutil.copytree(source, target)
    return Trial(Site(Workspace.open(_settings(target))))


def _settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", trials=folder / "trials", receiver_port=0, durable=False)
