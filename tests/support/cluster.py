"""Airflow as on many machines, from Debian's servers: PostgreSQL, Redis, every component a process of its own.

The demo PACS runs in the process of the tests; vault, staging and packages are shared by all. Everything is told to log
all it can.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from cryptography.fernet import Fernet

from pacs2trial.publish import airflow_environment
from pacs2trial.settings import Settings
from pacs2trial_demo.processes import Processes
from pacs2trial_demo.rest import AirflowRest
from support.airflow_env import ROOT
from support.programs import free_port, need
from support.vaults import PostgresServer

AIRFLOW = Path(sys.executable).parent / "airflow"
COMPONENTS = {
    "api-server": ["api-server", "--host", "127.0.0.1", "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "worker-1": ["celery", "worker", "--skip-serve-logs", "--celery-hostname", "one@%h"],
    "worker-2": ["celery", "worker", "--skip-serve-logs", "--celery-hostname", "two@%h"],
}
WORKERS = ("worker-1", "worker-2")
_RECEIVER = """
import logging, sys
from pacs2trial.receiver.__main__ import main
logging.basicConfig(level=logging.DEBUG)
sys.exit(main())
"""
_COMMANDS = """
import json, sys
from airflow.cli import cli_parser
for command in json.loads(sys.argv[1]):
    parsed = cli_parser.get_parser().parse_args(command)
    parsed.func(parsed)
"""


@dataclass
class Cluster:
    """The servers, the components, and what knocks them over."""

    settings: Settings
    postgres: PostgresServer
    environment: dict[str, str]
    processes: Processes
    url: str
    password: str
    _clients: dict[str, AirflowRest] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where all of Airflow's parts write: home, logs, temporary files, Redis."""
        return self.processes.logs.parent

    @property
    def dags(self) -> Path:
        return self.folder / "dags"

    def start(self, *names: str) -> None:
        for name in names:
            self.processes.start(name, self._command(name), env=self.environment)

    def kill(self, name: str) -> None:
        """kill -9 to a component and everything that it started, as when its machine loses power."""
        started = self.processes.find(name)
        assert started is not None, f"{name} does not run"
        main = psutil.Process(started.pid)
        doomed = [main, *main.children(recursive=True)]
        for process in doomed:
            process.kill()
        psutil.wait_procs(doomed, timeout=30)

    def revive(self) -> None:
        """Start what fell over, as compose does: a DAG processor ends when its database is away."""
        for name in ("scheduler", "dag-processor", "triggerer", *WORKERS):
            if self.processes.find(name) is None:
                self.start(name)

    def restart(self, name: str) -> None:
        self.kill(name)
        self.start(name)

    def restart_postgres(self) -> None:
        self.postgres.stop()
        self.postgres.start()

    def airflow(self, *commands: list[str]) -> None:
        """Run Airflow's commands to their end, in one process: it takes long to start."""
        done = subprocess.run(
            [sys.executable, "-c", _COMMANDS, json.dumps(commands)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def type(self, line: str, *, ends: int = 0) -> str:
        """What a person sees who types a line at a terminal of this site, which ends with that status; it is kept
        with the logs.
        """
        done = subprocess.run(
            f"exec {line}", shell=True, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        seen = done.stdout + done.stderr
        with (self.processes.logs / "terminal.log").open("a", encoding="utf-8") as log:
            log.write(seen)
        assert done.returncode == ends, seen[-2000:]
        return seen

    def rest(self, user: str = "admin") -> AirflowRest:
        """The client of a user, who logs in once: to check a password takes the API server long."""
        if user not in self._clients:
            client = AirflowRest(self.url, user, self.password)
            client.log_in()
            self._clients[user] = client
        return self._clients[user]

    def worker_of(self, pid: int) -> str | None:
        """Which worker a task's process belongs to."""
        above = {process.pid for process in psutil.Process(pid).parents()}
        return next((one for one in WORKERS if (found := self.processes.find(one)) and found.pid in above), None)

    def log(self, name: str) -> str:
        return (self.processes.logs / f"{name}.log").read_text("utf-8", "replace")

    def _command(self, name: str) -> list[str]:
        if name == "redis":
            return [str(need("redis-server")), str(self.folder / "redis.conf")]
        if name == "receiver":
            return [sys.executable, "-c", _RECEIVER]
        return [str(AIRFLOW), *COMPONENTS[name]]


@contextmanager
def cluster(folder: Path, settings: Settings, server: PostgresServer, extra: Mapping[str, str]) -> Iterator[Cluster]:
    """Redis runs, Airflow's database is made and has a user; the components are for the caller to start."""
    (folder / "tmp").mkdir()
    (folder / "dags").mkdir()
    shutil.copy(ROOT / "dags" / "trials.py", folder / "dags")
    redis, web = free_port(), free_port()
    config = [f"port {redis}", "bind 127.0.0.1", f"dir {folder}", "appendonly yes", 'save ""']
    (folder / "redis.conf").write_text("\n".join(config) + "\n", "utf-8")
    environment = _environment(settings, server, redis, web, folder) | extra
    made = Cluster(
        settings, server, environment, Processes(folder), f"http://127.0.0.1:{web}", secrets.token_urlsafe(9)
    )
    try:
        made.start("redis")
        admin = ["--username", "admin", "--role", "Admin", "--password", made.password]
        names = ["--firstname", "Site", "--lastname", "Administrator", "--email", "admin@localhost"]
        made.airflow(["db", "migrate"], ["users", "create", *admin, *names])
        yield made
    finally:
        for started in made.processes.all():
            if started.alive:
                made.kill(started.name)


def _environment(settings: Settings, server: PostgresServer, redis: int, web: int, folder: Path) -> dict[str, str]:
    database = server.new_database().replace("postgresql:", "postgresql+psycopg2:")
    passed_on = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PACS2TRIAL", "PYTEST"))
    }
    url = f"http://127.0.0.1:{web}"
    return (
        passed_on
        | airflow_environment(settings)
        | {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__PORT": str(web),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",  # two tasks at a time are one for each worker
            "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
            "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "45",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "PATH": f"{AIRFLOW.parent}:{os.environ.get('PATH', os.defpath)}",
            "TMPDIR": tempfile.mkdtemp(dir=folder / "tmp"),
        }
    )
