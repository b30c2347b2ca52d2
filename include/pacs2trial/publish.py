"""What Airflow has to know of this site, written by ``init`` as a file of environment variables.

``PACS2TRIAL_DATABASE_URL`` is the one source of the vault's address. Airflow gets it as the connection
``pacs2trial_vault``; ``check`` compares the two.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

import pacs2trial
from pacs2trial.connections import Connection, from_text
from pacs2trial.errors import SetupError
from pacs2trial.settings import Settings, environment_connection, variable

VAULT_CONNECTION = "pacs2trial_vault"
FILE_NAME = "airflow.env"
PLACES = {"home", "database_url", "secret_file", "trials", "connections_file"}
"""Settings that are told to Airflow even when they are as by default: it may be started from another folder."""


def vault_connection(settings: Settings) -> str:
    """The vault's address as the JSON text of an Airflow connection.

    Raises:
        SetupError: the address is no database URL.
    """
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        raise SetupError(f"{variable('database_url')} is no SQLAlchemy URL such as sqlite:////srv/vault.db") from None
    fields = {
        "conn_type": url.drivername,
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": dict(url.query),
    }
    return json.dumps({name: value for name, value in fields.items() if value}, sort_keys=True)


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Variables for ``airflow standalone`` on one machine: this site's settings, the vault, loopback, no examples."""
    own = {
        variable(name): str(getattr(settings, name))
        for name, field in type(settings).model_fields.items()
        if name in PLACES or getattr(settings, name) != field.default
    }
    airflow = {
        "AIRFLOW_HOME": str(settings.home / "airflow"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{settings.home / 'airflow' / 'airflow.db'}?timeout=60",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        f"AIRFLOW_CONN_{VAULT_CONNECTION.upper()}": vault_connection(settings),
    }
    return own | airflow | _folders()


def write_airflow_environment(settings: Settings) -> Path:
    """Write ``airflow.env`` (0600, it may hold the database's password) into home; shells read it with ``.``."""
    path = settings.home / FILE_NAME
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(airflow_environment(settings).items())]
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(lines)
    temporary.replace(path)
    return path


def published(settings: Settings) -> dict[str, Connection]:
    """The vault's address wherever Airflow would find one, by the name of that place."""
    places: dict[str, Connection] = {}
    name = f"AIRFLOW_CONN_{VAULT_CONNECTION.upper()}"
    text = environment_connection(VAULT_CONNECTION)
    if text is not None:
        places[name] = from_text(VAULT_CONNECTION, text)
    path = settings.home / FILE_NAME
    if path.exists():
        words = shlex.split(path.read_text("utf-8"))
        texts = [word.removeprefix(f"{name}=") for word in words if word.startswith(f"{name}=")]
        places |= {str(path): from_text(VAULT_CONNECTION, text) for text in texts}
    return places


def _folders() -> dict[str, str]:
    """The DAG and plugin folders of the checkout that this library was installed from; nothing when there is none."""
    checkout = Path(pacs2trial.__file__).resolve().parents[2]
    if not (checkout / "dags").is_dir():
        return {}
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(checkout / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(checkout / "plugins"),
    }
