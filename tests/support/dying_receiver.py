"""A receiver in a process of its own that ends, as kill -9 ends it, at a chosen point of its third object."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from pacs2trial.receiver import Receiver, services
from pacs2trial.receiver.association import Association
from pacs2trial.receiver.upper_layer import Connection
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

WHICH = 3
"""The object in which it dies."""

_LARGE = 4096
_HOUR = 3600.0


def serve_until_death(report: Callable[[object], None], settings: Settings, point: str) -> None:
    """Tell the port, then receive; for :class:`support.processes.Child`."""
    _arm(_POINTS[point])
    receiver = Receiver(Workspace.open(settings))
    report(receiver.start())
    time.sleep(_HOUR)


class _Fuse:
    """Burns from the moment at which the third object is handed to stage 1."""

    def __init__(self) -> None:
        self.objects = 0
        self.renamed = False

    @property
    def burns(self) -> bool:
        return self.objects >= WHICH


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(prepare: Callable[[_Fuse], None]) -> None:
    fuse = _Fuse()
    prepare(fuse)
    stage = services.stage_dataset

    def counted(*arguments: Any, **named: Any) -> Any:
        fuse.objects += 1
        return stage(*arguments, **named)

    services.stage_dataset = counted


def _half_read(fuse: _Fuse) -> None:
    fill = Connection.fill
    seen = 0

    def half(self: Connection, view: memoryview) -> None:
        nonlocal seen
        seen += len(view) >= _LARGE
        if seen == WHICH and len(view) >= _LARGE:
            fill(self, view[: len(view) // 2])
            _die()
        fill(self, view)

    Connection.fill = half


def _whole_in_memory(fuse: _Fuse) -> None:
    stage = services.stage_dataset

    def never(*arguments: Any, **named: Any) -> Any:
        return _die() if fuse.burns else stage(*arguments, **named)

    services.stage_dataset = never


def _half_written(fuse: _Fuse) -> None:
    write = os.writev

    def half(descriptor: int, parts: Any) -> int:
        if fuse.burns:
            os.write(descriptor, bytes(parts[0])[: len(parts[0]) // 2])
            _die()
        return write(descriptor, parts)

    os.writev = half


def _written(fuse: _Fuse) -> None:
    flush = os.fsync

    def never(descriptor: int) -> None:
        return _die() if fuse.burns else flush(descriptor)

    os.fsync = never


def _flushed(fuse: _Fuse) -> None:
    rename = os.replace

    def never(*names: Any) -> None:
        return _die() if fuse.burns else rename(*names)

    os.replace = never


def _renamed(fuse: _Fuse) -> None:
    rename = os.replace

    def noted(*names: Any) -> None:
        fuse.renamed = fuse.burns
        rename(*names)

    os.replace = noted
    event.listen(Engine, "commit", lambda _connection: _die() if fuse.renamed else None)


def _committed(fuse: _Fuse) -> None:
    respond = Association.respond

    def never(self: Association, *arguments: Any, **named: Any) -> None:
        return _die() if fuse.burns else respond(self, *arguments, **named)

    Association.respond = never


_POINTS = {
    "half of the data set is read": _half_read,
    "the data set is whole in memory": _whole_in_memory,
    "half of the file is written": _half_written,
    "the file is written and not flushed": _written,
    "the file is flushed and not renamed": _flushed,
    "the file is renamed and the ledger not committed": _renamed,
    "all is committed and not answered": _committed,
}
POINTS = tuple(_POINTS)
