"""The running demo: its data, its processes and how to reach them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pacs2trial.errors import SetupError
from pacs2trial.publish import airflow_environment
from pacs2trial.settings import Settings
from pacs2trial_demo.processes import Processes, Started
from pacs2trial_demo.rest import AirflowRest

PACS_AET = "DEMOPACS"
PACS_CONNECTION = "demo_pacs"
USER = "admin"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the demo's servers."""

    pacs: int
    receiver: int
    airflow: int

    @classmethod
    def choose(cls, settings: Settings) -> Ports:
        """The customary ports where they are free, others where not."""
        taken: set[int] = set()
        return cls(*(_free_port(wanted, taken) for wanted in (10400, settings.receiver_port, 8080)))


class DemoSystem:
    """Starts what is not running yet; everything it keeps is below ``home/demo`` and ``home/airflow``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = settings.home / "demo"
        self.pacs_folder = self.folder / "pacs"
        self.airflow_home = settings.home / "airflow"
        self.processes = Processes(self.folder)
        self._ports_path = self.folder / "ports.json"
        self.ports = self._ports()

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.airflow}"

    @property
    def password(self) -> str:
        """The password of the one user, made once per home."""
        path = self.airflow_home / "passwords.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({USER: secrets.token_urlsafe(9)}, file)
        return str(json.loads(path.read_text("utf-8"))[USER])

    def rest(self) -> AirflowRest:
        return AirflowRest(self.airflow_url, USER, self.password)

    def command(self, *arguments: str) -> None:
        """Run one ``pacs2trial`` command as a person would.

        Raises:
            SetupError: it did not succeed; carries what it said.
        """
        done = subprocess.run(
            [_program("pacs2trial"), *arguments], env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SetupError(f"pacs2trial {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr.strip()}")

    def start_pacs(self) -> Started:
        return self._start(
            "pacs",
            [
                sys.executable,
                "-m",
                "pacs2trial_demo.pacs",
                *("--port", str(self.ports.pacs), "--aet", PACS_AET, "--folder", str(self.pacs_folder)),
                *("--destination", f"{self.settings.receiver_aet}=127.0.0.1:{self.ports.receiver}"),
            ],
            self.ports.pacs,
        )

    def start_receiver(self) -> Started:
        return self._start("receiver", [_program("pacs2trial"), "receive"], self.ports.receiver)

    def start_airflow(self) -> Started:
        """Start ``airflow standalone``. Its children are started through a wrapper that keeps the two log servers off:
        they would listen on every interface, and one machine reads its logs from disk.
        """
        wrapper = self.airflow_home / "bin" / "airflow"
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        wrapper.write_text(_WRAPPER.format(airflow=_program("airflow")), "utf-8")
        wrapper.chmod(0o755)
        _ = self.password
        return self._start("airflow", [_program("airflow"), "standalone"], self.ports.airflow)

    def pacs_connection(self) -> dict[str, object]:
        """The demo PACS as an Airflow connection."""
        extra = {
            "aet": PACS_AET,
            "calling_aet": self.settings.receiver_aet,
            "move_destination": self.settings.receiver_aet,
        }
        return {"conn_type": "dicom", "host": "127.0.0.1", "port": self.ports.pacs, "extra": json.dumps(extra)}

    def connect_commands(self) -> None:
        """Let the commands find the demo PACS too: add it to the connections file."""
        path = self.settings.connections_path
        connections = json.loads(path.read_text("utf-8")) if path.exists() else {}
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(connections | {PACS_CONNECTION: self.pacs_connection()}, file, indent=1)
        new.replace(path)

    def environment(self) -> dict[str, str]:
        """The environment of every process of the demo: the caller's, pacs2trial's settings, Airflow tuned for one
        small machine and bound to loopback.
        """
        passed_on = {name: text for name, text in os.environ.items() if name not in _NOT_PASSED_ON}
        binaries = f"{self.airflow_home / 'bin'}:{Path(sys.executable).parent}"
        path = {"PATH": f"{binaries}:{os.environ.get('PATH', os.defpath)}"}
        return passed_on | path | airflow_environment(self.settings) | self._ports_and_login()

    def _ports_and_login(self) -> dict[str, str]:
        return {
            "PACS2TRIAL_RECEIVER_PORT": str(self.ports.receiver),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API__PORT": str(self.ports.airflow),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.airflow_home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "PACS2TRIAL_ROLES": f"{USER}=reviewer,{USER}=custodian",
        }

    def _start(self, name: str, command: list[str], port: int) -> Started:
        running = self.processes.find(name)
        return running or self.processes.start(name, command, env=self.environment(), port=port)

    def _ports(self) -> Ports:
        """The ports of the processes that run, else newly chosen ones."""
        if self._ports_path.exists() and any(process.alive for process in self.processes.all()):
            return Ports(**json.loads(self._ports_path.read_text("utf-8")))
        ports = Ports.choose(self.settings)
        self._ports_path.write_text(json.dumps(vars(ports)), "utf-8")
        return ports


_NOT_PASSED_ON = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}

_WRAPPER = """#!/bin/sh
# Airflow's log servers listen on every interface; on one machine the logs are read from disk.
case "$1" in
    scheduler | triggerer) exec "{airflow}" "$@" --skip-serve-logs ;;
    *) exec "{airflow}" "$@" ;;
esac
"""


def _program(name: str) -> str:
    """A program of the environment this runs in."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise SetupError(f"{name} is not installed beside {sys.executable}: run `make setup`")
    return found


def _free_port(wanted: int, taken: set[int]) -> int:
    """``wanted`` if nothing listens there, else a free port; never one of ``taken``, to which it is added."""
    for candidate in (wanted, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
        if port not in taken:
            taken.add(port)
            return port
    raise SetupError("no free port on 127.0.0.1")
