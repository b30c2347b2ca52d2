"""A site with staged studies and two trials, one step before stage 2."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from pacs2trial.collect import PackageMade, collect_subject
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import EnrolledSubject, enrolled, import_key_table, read_key_table
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.database import Database, vault_url
from pacs2trial.vault.portable import read_portable
from pacs2trial.vault.tables import InstanceState
from pacs2trial.verify import Proof, verify_package
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA, Identity
from support.vaults import PostgresServer, write_definition

LUNG, PELVIS = "LUNGART", "PELVIC"
FIRST_DAY, SECOND_DAY = date(2024, 3, 13), date(2024, 5, 2)
MODALITIES = ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTIMAGE", "REG")
PARTS = frozenset(MODALITIES)
PREFIXES = {LUNG: "LA", PELVIS: "PV"}


def small_study(identity: Identity = LUCZYNSKA, when: date = FIRST_DAY, **changes: object) -> list[FileDataset]:
    """A whole radiotherapy study of a few small objects."""
    return study(identity, when=when, **({"parts": PARTS, "slices": 3, "matrix": 32, "dose_spacing": 20.0} | changes))


class Hospital:
    """A workspace and the steps up to a package, each by the product's own functions."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws

    def define(self, trial: str, **changes: object) -> TrialDefinition:
        source = {"pacs": "main", "modalities": list(MODALITIES)}
        folder = self.ws.settings.trials
        write_definition(folder, trial, subject_key=f"{PREFIXES[trial]}-[0-9]{{3}}", **({"source": source} | changes))
        return self.ws.definition(trial)

    def enrol(self, trial: str, subjects: Mapping[str, Identity], **columns: str) -> None:
        """Import a key table; ``columns`` are the same for every subject."""
        names = ["patient_id", "subject_key", *columns]
        rows = [[identity.patient_id, key, *columns.values()] for key, identity in subjects.items()]
        path = self.ws.settings.keys / f"{trial.lower()}.csv"
        path.write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n", "utf-8")
        import_key_table(self.ws.vault, self.ws.definition(trial), read_key_table(path), actor="test")

    def stage(self, objects: Iterable[FileDataset]) -> None:
        for dataset in objects:
            staged = stage_part10(self.ws, part10(dataset), source="file")
            assert staged.outcome is InstanceState.STAGED, staged

    def subject(self, trial: str, key: str) -> EnrolledSubject:
        (found,) = enrolled(self.ws.vault, trial, [key])
        return found

    def filter(self, trial: str, key: str) -> None:
        filter_subject(self.ws, self.ws.definition(trial), self.subject(trial, key))

    def collect(self, trial: str, key: str) -> list[PackageMade]:
        self.filter(trial, key)
        return collect_subject(self.ws, self.ws.definition(trial), self.subject(trial, key))

    def package(self, trial: str, key: str) -> PackageMade:
        """The one package of a subject, made if need be."""
        (made,) = self.collect(trial, key)
        return made

    def verify(self, package: PackageMade) -> list[Proof]:
        return verify_package(self.ws, package.package_id)


def _furnish(site: Hospital) -> None:
    site.define(LUNG)
    site.define(PELVIS)
    site.enrol(LUNG, {"LA-001": LUCZYNSKA})
    site.enrol(PELVIS, {"PV-007": LUCZYNSKA})
    site.stage(small_study())


@pytest.fixture(scope="session")
def furnished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home and definitions of :func:`hospital`, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("hospital")
    settings = Settings(home=folder / "home", trials=folder / "trials", receiver_port=0)
    settings.trials.mkdir()
    Vault.create(settings)
    workspace = Workspace.open(settings)
    _furnish(Hospital(workspace))
    workspace.vault.close()
    return folder


@pytest.fixture(scope="session")
def furnished_database(furnished_home: Path, postgres_server: PostgresServer) -> str:
    """The name of a PostgreSQL database with the vault of ``furnished_home``."""
    url = postgres_server.new_database()
    target = Database(vault_url(url))
    read_portable(furnished_home / "home" / "vault.db", target)
    target.close()
    return url.rsplit("/", 1)[1]


def copied(settings: Settings, furnished_home: Path, **changes: object) -> Iterator[Hospital]:
    """An own copy of ``furnished_home``, opened with ``changes`` of the settings, closed at the end."""
    shutil.copytree(furnished_home / "home", settings.home)
    shutil.copytree(furnished_home / "trials", settings.trials, dirs_exist_ok=True)
    workspace = Workspace.open(Settings(**{**settings.model_dump(), **changes}))
    yield Hospital(workspace)
    workspace.vault.close()


@pytest.fixture
def hospital(settings: Settings, furnished_home: Path) -> Iterator[Hospital]:
    """One patient with one staged study, enrolled as LA-001 in LUNGART and as PV-007 in PELVIC."""
    yield from copied(settings, furnished_home)
