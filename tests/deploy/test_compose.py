"""The compose file says only what Docker, Airflow and pacs2trial understand, and publishes nothing to the world."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from pacs2trial import cli
from pacs2trial.settings import Role, Settings, variable
from pacs2trial.workspace import Workspace
from support.programs import free_port, need
from support.receivers import environment
from support.vaults import PostgresServer

ROOT = Path(__file__).parents[2]
AIRFLOW_SERVICES = {"airflow-init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
OWN_SERVICES = {"site-init", "receiver"}
WITH_VAULT = {"site-init", "receiver", "worker", "triggerer"}
OTHERS = {"postgres", "redis", "orthanc"}
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"


def test_compose_file_follows_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(ROOT / "docker-compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_version_key_is_left_from_the_old_format(compose: dict[str, Any]) -> None:
    assert "version" not in compose


def test_all_components_are_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == AIRFLOW_SERVICES | OWN_SERVICES | OTHERS


def test_only_the_demo_pacs_waits_for_its_profile(compose: dict[str, Any]) -> None:
    profiles = {name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service}
    assert profiles == {"orthanc": ["demo"]}


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith(("127.0.0.1:", "${RECEIVER_ADDRESS:-127.0.0.1}:")) for port in published)


def test_nothing_runs_as_root(compose: dict[str, Any]) -> None:
    users = {service["user"] for service in compose["services"].values()}
    assert users == {"${AIRFLOW_UID:-50000}:0"}


def test_nothing_may_gain_rights(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_no_service_writes_to_its_image(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert any(place.startswith("/tmp:") for place in service["tmpfs"]), name


def test_what_waits_in_the_queue_outlives_a_restart(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert redis["command"][2:4] == ["--appendonly", "yes"]
    assert redis["volumes"] == ["redis:/data"]


def test_roles_that_the_pages_ask_for_are_made(compose: dict[str, Any]) -> None:
    made = next(words[2:] for _service, words in programs(compose, "airflow") if words[:2] == ["roles", "create"])
    assert {role.lower() for role in made} == set(Role)


def test_every_lasting_service_has_a_health_check(compose: dict[str, Any]) -> None:
    lasting = {name for name, service in compose["services"].items() if service.get("restart") != "no"}
    assert {name for name in lasting if "healthcheck" in compose["services"][name]} == lasting
    assert set(compose["services"]) - lasting == {"airflow-init", "site-init"}


def test_no_secret_is_in_the_file_or_the_environment(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            secret_name = re.search(r"PASSWORD|SECRET|KEY|TOKEN", key)
            assert not secret_name or "/run/secrets/" in value, (name, key)
            assert not re.search(r"://[^/@]*:[^/@]+@", str(value)), (name, key)


def test_secrets_are_files_that_the_script_makes(compose: dict[str, Any], tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    used = {secret for service in compose["services"].values() for secret in service.get("secrets", ())}
    assert used <= set(compose["secrets"])
    for name, secret in compose["secrets"].items():
        assert (made.parents[1] / secret["file"]).is_file(), name
    mentioned = set(re.findall(r"/run/secrets/(\w+)", (ROOT / "docker-compose.yaml").read_text("utf-8")))
    assert mentioned <= set(compose["secrets"])


def test_a_service_mentions_only_secrets_that_it_gets(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        own = {key: value for key, value in service.items() if key != "environment"}
        mentioned = set(re.findall(r"/run/secrets/(\w+)", json.dumps(own)))
        assert mentioned <= set(service.get("secrets", ())), name


def test_only_those_who_need_it_can_read_the_vault(compose: dict[str, Any]) -> None:
    services = compose["services"]
    with_volume = {name for name, service in services.items() if "site:/srv/pacs2trial" in service.get("volumes", ())}
    with_password = {name for name, service in services.items() if "vault_pgpass" in service.get("secrets", ())}
    assert with_volume == with_password == WITH_VAULT


def test_made_secrets_are_private_strong_and_kept(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    first = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
    assert len(first["jwt_secret"]) >= 64
    assert len(first["fernet_key"]) == 44
    assert make_secrets(tmp_path) == secrets
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == first


def test_databases_are_apart(postgres_server: PostgresServer, tmp_path: Path) -> None:
    psql = need("psql")
    environment = {
        "PATH": f"{psql.parent}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres_server.port),
        "POSTGRES_DB": "postgres",
        "POSTGRES_USER": "pacs2trial_test",
        "SECRETS": str(make_secrets(tmp_path)),
    }
    owner = create_engine(sqlalchemy_url(postgres_server, "pacs2trial", "postgres"), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("CREATE ROLE pacs2trial_test SUPERUSER LOGIN"))
        script = (ROOT / "deploy/postgres-databases.sh").read_text("utf-8")
        script = script.replace("ROLE pacs2trial ", "ROLE vault_role ").replace(
            "OWNER pacs2trial;", "OWNER vault_role;"
        )
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert can_connect(postgres_server, "airflow", "airflow")
    assert can_connect(postgres_server, "vault_role", "pacs2trial")
    assert not can_connect(postgres_server, "airflow", "pacs2trial")
    assert not can_connect(postgres_server, "vault_role", "airflow")


@pytest.mark.airflow
def test_airflow_knows_every_option_and_command(compose: dict[str, Any], tmp_path: Path) -> None:
    environments = [
        service.get("environment", {}) for name, service in compose["services"].items() if name in AIRFLOW_SERVICES
    ]
    commands = [words for _name, words in programs(compose, "airflow")]
    assert {words[0] for words in commands} >= {"api-server", "scheduler", "dag-processor", "triggerer", "celery", "db"}
    vocabulary = ask_airflow(tmp_path, commands)
    assert vocabulary["refused"] == {}
    known = {
        f"AIRFLOW__{section.upper().replace('.', '_')}__{option.upper()}"
        for section, options in vocabulary["options"].items()
        for option in options
    }
    may_be_commands = {f"AIRFLOW__{section}__{option}_CMD".upper() for section, option in vocabulary["sensitive"]}
    used = {key for environment in environments for key in environment if key.startswith("AIRFLOW__")}
    used |= set(re.findall(r"(AIRFLOW__\w+)=", (ROOT / "Dockerfile").read_text("utf-8")))
    assert used - known - may_be_commands == set()


@pytest.mark.airflow
def test_airflow_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    vocabulary = ask_airflow(tmp_path, [["celery", "wrker"], ["scheduler"]])
    assert set(vocabulary["refused"]) == {"celery wrker"}


def test_pacs2trial_accepts_every_command(compose: dict[str, Any]) -> None:
    found = programs(compose, "pacs2trial")
    assert {name for name, _words in found} == OWN_SERVICES
    for _name, words in found:
        name, command, arguments = cli.cli.resolve_command(click.Context(cli.cli), list(words))
        assert command is not None
        command.make_context(name, list(arguments))


def test_every_setting_of_the_site_exists(compose: dict[str, Any]) -> None:
    known = {variable(name) for name in Settings.model_fields}
    used = {key for service in compose["services"].values() for key in service.get("environment", {})}
    used |= set(re.findall(r"(PACS2TRIAL_\w+)=", (ROOT / "Dockerfile").read_text("utf-8")))
    assert {key for key in used if key.startswith("PACS2TRIAL_")} <= known


def test_pools_that_are_set_are_those_that_tasks_use(compose: dict[str, Any]) -> None:
    text = (ROOT / "plugins/pacs2trial_airflow/pools.py").read_text("utf-8")
    names = set(re.findall(r'^\w+_POOL = "(\w+)"', text, re.MULTILINE))
    pools = [words[2:] for _service, words in programs(compose, "airflow") if words[:2] == ["pools", "set"]]
    assert names
    assert {name for name, _slots, _description in pools} == names


def test_health_check_of_the_receiver_finds_it_missing_and_there(
    compose: dict[str, Any], workspace: Workspace, receiver: int
) -> None:
    program, *arguments = compose["services"]["receiver"]["healthcheck"]["test"][1:]
    assert program == "pacs2trial"
    for port, status in ((free_port(), 1), (receiver, 0)):
        settings = workspace.settings.model_copy(update={"receiver_port": port})
        command = [sys.executable, "-c", "from pacs2trial.cli import main; main()", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(settings), check=False)
        assert done.returncode == status, done.stdout + done.stderr


def sqlalchemy_url(server: PostgresServer, user: str, database: str) -> str:
    return f"postgresql+psycopg://{user}@127.0.0.1:{server.port}/{database}"


def can_connect(server: PostgresServer, user: str, database: str) -> bool:
    engine = create_engine(sqlalchemy_url(server, user, database))
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def programs(compose: dict[str, Any], program: str) -> list[tuple[str, list[str]]]:
    """What each service makes ``program`` do: its command, the lines of its script, its health check."""
    found = []
    for name, service in compose["services"].items():
        for words in _commands(name, service):
            if words and words[0] == program:
                found.append((name, words[1:]))
    return found


def _commands(name: str, service: dict[str, Any]) -> Iterator[list[str]]:
    entrypoint, command = service.get("entrypoint", []), service.get("command", [])
    if entrypoint[-2:] == ["bash", "-euc"]:
        yield from (_words(line) for line in command[0].splitlines())
    elif entrypoint:
        yield [entrypoint[-1], *command]
    elif name in AIRFLOW_SERVICES:
        yield ["airflow", *command]
    test = service.get("healthcheck", {}).get("test", [])
    if test[:1] == ["CMD"]:
        yield test[1:]
    if test[:1] == ["CMD-SHELL"]:
        yield _words(test[1])


def _words(line: str) -> list[str]:
    """A line of shell as words; what the shell would put in counts as the number 2."""
    return shlex.split(re.sub(r"\$\$(\([^)]*\)|\{[^}]*\})", "2", line))


def ask_airflow(folder: Path, commands: list[list[str]]) -> dict[str, Any]:
    script = Path(__file__).with_name("airflow_vocabulary.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__AUTH_MANAGER": AUTH_MANAGER,
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        input=json.dumps(commands),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def make_secrets(folder: Path) -> Path:
    """Run the script in a copy of its folder."""
    script = folder / "deploy" / "make-secrets.sh"
    script.parent.mkdir(exist_ok=True)
    script.write_bytes((ROOT / "deploy" / "make-secrets.sh").read_bytes())
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    return script.parent / "secrets"
