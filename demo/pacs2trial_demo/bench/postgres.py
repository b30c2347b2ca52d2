"""A PostgreSQL of the bench's own, from the programs of the system, on a loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

USER = "postgres"
"""PostgreSQL refuses to run as root; then it runs as this user of Debian's package."""


@dataclass(frozen=True)
class Server:
    """A running server with its data in ``folder``; ``url`` is a database of it."""

    folder: Path
    url: str

    @staticmethod
    def available() -> bool:
        return _program("initdb") is not None and _program("pg_ctl") is not None

    @classmethod
    def start(cls, folder: Path) -> Server:
        """Make a cluster in ``folder`` and start it without waiting for the disk, as ``durable=False`` does."""
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        _run(folder, "initdb", "-D", "data", "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        _run(folder, "pg_ctl", "-D", "data", "-l", "log", "-o", options, "-w", "start")
        return cls(folder, f"postgresql://bench@127.0.0.1:{port}/postgres")

    def database(self, name: str) -> str:
        """The URL of a new, empty database."""
        _run(self.folder, "psql", "-q", "-d", self.url, "-c", f'CREATE DATABASE "{name}"')
        return f"{self.url.rpartition('/')[0]}/{name}"

    def stop(self) -> None:
        _run(self.folder, "pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")


def _program(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, versions)]))


def _run(folder: Path, name: str, *arguments: str) -> None:
    user = USER if os.geteuid() == 0 else None
    subprocess.run([str(_program(name)), *arguments], cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)
