"""Vaults to test with: on SQLite, and on a private PostgreSQL that the fixtures start from Debian's binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.workspace import Workspace
from support.programs import free_port, need

SERVER_USER = "postgres"
"""PostgreSQL refuses to run as root; where the tests do, it runs as this user of Debian's package."""


class PostgresServer:
    """A PostgreSQL cluster of its own on a loopback port, with its data below a folder its user can reach."""

    def __init__(self, initdb: Path, pg_ctl: Path) -> None:
        self._pg_ctl = pg_ctl
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="pacs2trial-postgres-", dir=_folder_in_memory()))
        self._data = self._folder / "data"
        self.port = free_port()
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run(initdb, "-D", self._data, "-A", "trust", "-U", "pacs2trial", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder} -c fsync=off"
        self._run(self._pg_ctl, "-D", self._data, "-l", self._folder / "log", "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop at once, as a lost server would."""
        self._run(self._pg_ctl, "-D", self._data, "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def url(self, database: str) -> str:
        return f"postgresql://pacs2trial@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a new database, empty or a copy of another to which nobody is connected."""
        name = f"vault_{uuid.uuid4().hex}"
        address = self.url("postgres").replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        engine.dispose()
        return self.url(name)

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            [*map(str, command)], user=self._user, cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout


def _folder_in_memory() -> Path | None:
    """Where thousands of small files come and go quickly; None, the usual place, if there is no such room."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else None


@contextmanager
def started_server() -> Iterator[PostgresServer]:
    server = PostgresServer(need("initdb"), need("pg_ctl"))
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with started_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own, an empty folder of trial definitions, a receiver on a free port."""
    trials = tmp_path / "trials"
    trials.mkdir()
    return Settings(home=tmp_path / "home", trials=trials, receiver_port=0)


@pytest.fixture(scope="session")
def home_as_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `pacs2trial init` leaves it, to be copied: that is faster than to make it for every test."""
    home = tmp_path_factory.mktemp("made") / "home"
    Vault.create(Settings(home=home))
    return home


@pytest.fixture(scope="session")
def database_as_made(home_as_made: Path, postgres_server: PostgresServer) -> str:
    """The name of a PostgreSQL database as `pacs2trial init` leaves it, with the secret of ``home_as_made``."""
    url = postgres_server.new_database()
    Vault.create(Settings(home=home_as_made, database_url=url))
    return url.rsplit("/", 1)[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def vault_settings(request: pytest.FixtureRequest, settings: Settings, home_as_made: Path) -> Settings:
    """Settings of an initialised vault, on each kind of database."""
    shutil.copytree(home_as_made, settings.home)
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.new_database(request.getfixturevalue("database_as_made"))
        return Settings(**{**settings.model_dump(), "database_url": url})
    return settings


@pytest.fixture
def vault(vault_settings: Settings) -> Iterator[Vault]:
    """An open, empty vault, on each kind of database."""
    opened = Vault.open(vault_settings)
    yield opened
    opened.close()


@pytest.fixture
def workspace(settings: Settings, home_as_made: Path) -> Iterator[Workspace]:
    """A site with an empty SQLite vault and two trials, LUNGART and PELVIC."""
    write_definition(settings.trials, "LUNGART", subject_key="LA-[0-9]{3}")
    write_definition(settings.trials, "PELVIC", subject_key="PV-[0-9]{3}")
    shutil.copytree(home_as_made, settings.home)
    opened = Workspace.open(settings)
    yield opened
    opened.vault.close()


def write_definition(folder: Path, trial: str, *, subject_key: str, **changes: object) -> Path:
    """A small valid trial definition in ``folder``; ``changes`` replace or add fields at its top."""
    content: dict[str, object] = {
        "trial": trial,
        "title": f"Trial {trial}",
        "sponsor": "A sponsor",
        "protocol": f"{trial}-P1",
        "site": {"id": "UK01", "name": "A site"},
        "keys": {"file": f"{trial.lower()}.csv"},
        "subject_key": subject_key,
        "source": {"pacs": "main", "modalities": ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE"]},
        "profile": {"options": ["clean_descriptors", "retain_modified_dates", "retain_patient_characteristics"]},
        "review": "never",
    }
    path = folder / f"{trial.lower()}.yaml"
    path.write_text(yaml.safe_dump(content | changes, sort_keys=False), "utf-8")
    return path
