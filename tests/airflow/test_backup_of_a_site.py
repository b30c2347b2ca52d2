"""Backup of the whole system and the way back, by the very commands of docs/operate.md, on PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from pacs2trial.settings import Settings, variable
from pacs2trial.vault.database import Database, vault_url
from pacs2trial.vault.portable import read_portable
from pacs2trial.workspace import Workspace
from support.airflow_env import ROOT
from support.hospital import LUNG, Hospital, small_study
from support.programs import need
from support.vaults import PostgresServer

_TYPED_IN = """
from airflow.cli import cli_parser
for words in ("db migrate", "connections add typed_in --conn-type http --conn-password s3cret", "pools set mine 7 -"):
    parsed = cli_parser.get_parser().parse_args(words.split())
    parsed.func(parsed)
"""
_READ_BACK = """
from airflow.models import Connection
from airflow.models.pool import Pool
from airflow.utils.session import create_session
with create_session() as session:
    found = session.query(Connection).filter_by(conn_id="typed_in").one()
    print("read back:", found.password, session.query(Pool).filter_by(pool="mine").one().slots)
"""


@dataclass(frozen=True)
class Place:
    """A machine: its folders and its two databases."""

    settings: Settings
    airflow: str
    environment: Mapping[str, str]

    def run(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return done.stdout

    def documented(self, name: str) -> None:
        """Type what the documentation says under this name."""
        text = (ROOT / "docs" / "operate.md").read_text("utf-8")
        (script,) = re.findall(rf"```sh {name}\n(.*?)```", text, re.DOTALL)
        self.run("bash", "-euxc", script)


def place(folder: Path, shared: Mapping[str, str], server: PostgresServer) -> Place:
    settings = Settings(
        home=folder / "home", trials=folder / "trials", receiver_port=0, database_url=server.new_database()
    )
    airflow = server.new_database()
    own = {
        **{variable(name): str(getattr(settings, name)) for name in ("home", "trials", "database_url")},
        "AIRFLOW_DATABASE": airflow,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow.replace("postgresql:", "postgresql+psycopg2:"),
    }
    programs = [Path(sys.executable).parent, need("pg_dump").parent, need("pg_restore").parent]
    path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PACS2TRIAL"))}
    return Place(settings, airflow, {**kept, **shared, **own, "PATH": path})


def lived_in(site: Place, furnished_home: Path) -> tuple[set[str], str]:
    """Move a furnished home with its vault to this place; what :func:`staged_and_packed` says there."""
    shutil.copytree(furnished_home / "home", site.settings.home, ignore=shutil.ignore_patterns("vault.db*"))
    shutil.copytree(furnished_home / "trials", site.settings.trials)
    database = Database(vault_url(site.settings.database_url))
    read_portable(furnished_home / "home" / "vault.db", database)
    database.close()
    site.run("pacs2trial", "init")
    ws = Workspace.open(site.settings)
    found = staged_and_packed(Hospital(ws))
    ws.vault.close()
    return found


def staged_and_packed(hospital: Hospital) -> tuple[set[str], str]:
    """Digests of everything staged, and the content digest of the package of LA-001."""
    staged = {path.name for path in hospital.ws.settings.staging.rglob("*.dcm")}
    return staged, hospital.package(LUNG, "LA-001").content_digest


def test_a_site_comes_back_whole_from_its_backup(
    tmp_path: Path, furnished_home: Path, postgres_server: PostgresServer
) -> None:
    shared = {
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "APART": str(tmp_path / "apart"),
        "BACKUP": str(tmp_path / "backup"),
    }
    for name in ("apart", "backup"):
        (tmp_path / name).mkdir(mode=0o700)
    old, new = (place(tmp_path / name, shared, postgres_server) for name in ("old", "new"))
    before = lived_in(old, furnished_home)
    old.run(sys.executable, "-c", _TYPED_IN)
    old.documented("backup")
    new.documented("restore")

    ws = Workspace.open(new.settings)
    hospital = Hospital(ws)
    hospital.stage(small_study())
    assert staged_and_packed(hospital) == before
    assert not ws.vault.audit.verify_chain()
    ws.vault.close()
    assert "read back: s3cret 7" in new.run(sys.executable, "-c", _READ_BACK)
