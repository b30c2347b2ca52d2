"""Storage SCPs on loopback that the bench sends to: our receiver, and others on the same machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
"""Debian's DCMTK leaves Nagle's algorithm on, and Orthanc with it: without this every object would cost them 40 ms."""

_START_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Running(NamedTuple):
    """A server that listens on loopback. ``pid`` is 0 when it is not ours to look at."""

    name: str
    aet: str
    port: int
    pid: int
    home: Path

    def cpu(self) -> float:
        """Seconds of processor time so far, of its processes together."""
        times = (_stat(pid)[11:13] for pid in _tree(self.pid))
        return sum(int(ticks) for pair in times for ticks in pair) / _TICKS

    def peak_mb(self) -> float:
        """The most resident memory that one of its processes ever had."""
        return max((_high_water(pid) for pid in _tree(self.pid)), default=0.0)


Server = Callable[[Path], AbstractContextManager[Running]]
"""Starts a server that keeps everything below a folder, and ends it after the block."""


def servers() -> list[Server]:
    """What can be measured on this machine; ours first, as it is judged, and then with every flush."""
    found = [ours("pacs2trial", durable=False), ours("pacs2trial, flushing", durable=True)]
    if shutil.which("storescp", path=_DEBIAN):
        found.append(storescp)
    if _orthanc_program():
        found.append(orthanc)
    return found


def already_running(text: str) -> Server:
    """A server that somebody else started, given as ``NAME=AET@PORT``; Conquest with its script, for one."""
    name, _, address = text.partition("=")
    aet, _, port = address.partition("@")

    @contextmanager
    def start(folder: Path) -> Iterator[Running]:
        yield Running(name, aet, int(port), 0, folder)

    return start


def ours(name: str, *, durable: bool) -> Server:
    """The receiver as ``pacs2trial receive`` runs it, with a new vault."""

    @contextmanager
    def start(folder: Path) -> Iterator[Running]:
        port = free_port()
        settings = Settings(home=folder / "home", trials=folder, durable=durable, receiver_port=port)
        Vault.create(settings)
        environment = {
            "PACS2TRIAL_HOME": str(settings.home),
            "PACS2TRIAL_TRIALS": str(folder),
            "PACS2TRIAL_RECEIVER_PORT": str(port),
            "PACS2TRIAL_DURABLE": str(durable),
            "PACS2TRIAL_MINIMUM_FREE_MB": "0",
        }
        command = [sys.executable, "-m", "pacs2trial.receiver"]
        with _running(command, folder, port, environment) as pid:
            yield Running(name, settings.receiver_aet, port, pid, settings.home)

    return start


_DEBIAN = "/usr/bin:/usr/sbin"
"""Where Debian's programs are: pynetdicom brings some of the same name."""


def program(name: str) -> str:
    return shutil.which(name, path=_DEBIAN) or name


@contextmanager
def storescp(folder: Path) -> Iterator[Running]:
    """DCMTK's, which copies what it gets to disk, bit by bit and without flushing."""
    port = free_port()
    (folder / "kept").mkdir()
    command = [program("storescp"), "-aet", "STORESCP", "+B", "-pdu", "131072", "-od", str(folder / "kept"), str(port)]
    with _running(command, folder, port, {}) as pid:
        yield Running("DCMTK storescp +B", "STORESCP", port, pid, folder / "kept")


@contextmanager
def orthanc(folder: Path) -> Iterator[Running]:
    """Debian's Orthanc, keeping objects as they are, without flushing and without checksums."""
    port = free_port()
    configuration = {
        "StorageDirectory": str(folder / "storage"),
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "HttpServerEnabled": False,
        "SyncStorageArea": False,
        "StoreMD5ForAttachments": False,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {},
        "DicomModalitiesInDatabase": False,
    }
    configuration["DicomModalities"] = _destinations(folder)
    (folder / "orthanc.json").write_text(json.dumps(configuration), "utf-8")
    with _running([_orthanc_program() or "Orthanc", str(folder / "orthanc.json")], folder, port, {}) as pid:
        yield Running("Orthanc, no flush", "ORTHANC", port, pid, folder / "storage")


@contextmanager
def orthanc_with_rest(folder: Path) -> Iterator[Running | None]:
    """Debian's Orthanc with its REST interface on ``port``; None where it is not installed."""
    program_found = _orthanc_program()
    if program_found is None:
        yield None
        return
    port = free_port()
    configuration = {
        "StorageDirectory": str(folder / "storage"),
        "DicomServerEnabled": False,
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "SyncStorageArea": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration), "utf-8")
    with _running([program_found, str(folder / "orthanc.json")], folder, port, {}) as pid:
        yield Running("Orthanc", "", port, pid, folder / "storage")


def _destinations(folder: Path) -> dict[str, list[str | int]]:
    """Where Orthanc may move to: ``destinations.json`` in its folder, AE title to port."""
    path = folder / "destinations.json"
    known: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {aet.lower(): [aet, "127.0.0.1", port] for aet, port in known.items()}


def _orthanc_program() -> str | None:
    return shutil.which("Orthanc", path=_DEBIAN) or shutil.which("orthanc", path=_DEBIAN)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], folder: Path, port: int, more: Mapping[str, str]) -> Iterator[int]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**ENVIRONMENT, **more})
    try:
        _wait_for(port, process, folder / "log")
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + _START_S
    while time.monotonic() < limit and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"a server of the bench did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _tree(pid: int) -> list[int]:
    """A process and those that descend from it."""
    if not pid:
        return []
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text("ascii").split()]
    return [pid, *(below for child in children for below in _tree(child))]


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def _high_water(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return next((int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
