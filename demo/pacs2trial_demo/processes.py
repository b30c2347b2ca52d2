"""Processes that the demo starts, so that ``make down`` ends exactly these and no others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Started:
    """A process of ours. ``ticks`` is its start time (proc(5), field 22): a pid alone may have been given away."""

    name: str
    pid: int
    ticks: int
    port: int = 0

    @property
    def alive(self) -> bool:
        return _start_ticks(self.pid) == self.ticks


class Processes:
    """The list of started processes, kept in ``processes.json`` of ``folder``; their output goes to ``logs``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "processes.json"
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[Started]:
        if not self._path.exists():
            return []
        return [Started(**fields) for fields in json.loads(self._path.read_text("utf-8"))]

    def find(self, name: str) -> Started | None:
        """The living process called ``name``, if any."""
        return next((process for process in self.all() if process.name == name and process.alive), None)

    def start(self, name: str, command: Sequence[str], *, env: Mapping[str, str], port: int = 0) -> Started:
        """Start ``command`` in a process group of its own."""
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                list(command),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Started(name, process.pid, _start_ticks(process.pid), port)
        self._save([other for other in self.all() if other.alive and other.name != name] + [started])
        return started

    def stop_all(self) -> list[str]:
        """End what was started and still runs, the last one first; returns the names."""
        stopped = []
        for process in reversed(self.all()):
            if process.alive:
                _end_group(process)
                stopped.append(process.name)
        self._path.unlink(missing_ok=True)
        return stopped

    def _save(self, processes: list[Started]) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps([asdict(process) for process in processes]), "utf-8")
        new.replace(self._path)


def _end_group(process: Started) -> None:
    """SIGTERM to the group, SIGKILL to what is left of it after a while."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            if not _group_alive(process.pid):
                return
            time.sleep(0.1)


def _group_alive(group: int) -> bool:
    """Whether a process of the group is left that is not a zombie."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat_fields(int(entry.name))
            if fields and fields[0] != "Z" and int(fields[2]) == group:
                return True
    return False


def _start_ticks(pid: int) -> int:
    """Start time of a living process in clock ticks after boot; 0 if there is none."""
    fields = _stat_fields(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else 0


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command name (state first); empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
