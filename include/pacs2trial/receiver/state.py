"""How each receiver of a site is, in a small file of its own in home, for people and for other machines.

No identity stands in it: counts, and AE titles that the site itself has listed.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pacs2trial.dicomfile.durable import write_durably
from pacs2trial.errors import TransientError
from pacs2trial.settings import Settings

BEAT_S = 5.0
"""Seconds between two looks of a receiver at itself."""

_SILENT_S = 4 * BEAT_S


@dataclass(frozen=True)
class ReceiverState:
    """One receiver.

    Attributes:
        host: the machine that it runs on.
        port: where it listens.
        aet: its AE title.
        since: when it began, UTC.
        seen: when it wrote this, UTC.
        running: False once it was told to end.
        workers: processes that take associations.
        vault: whether the vault answered.
        free_mb: free space in home.
        counts: what it did since it began, by name.
    """

    host: str
    port: int
    aet: str
    since: datetime
    seen: datetime
    running: bool
    workers: int
    vault: bool
    free_mb: int
    counts: dict[str, int]

    @property
    def words(self) -> str:
        """``running``, ``ended``, or since when nothing was heard from it."""
        if not self.running:
            return "ended"
        silent = (datetime.now(UTC) - self.seen).total_seconds()
        return f"silent for {silent:.0f} s" if silent > _SILENT_S else "running"


def host_name() -> str:
    """The name of this machine, or of this container."""
    return socket.gethostname() or "localhost"


def write_state(settings: Settings, state: ReceiverState) -> None:
    """Write the file of this receiver.

    Raises:
        TransientError: the disk does not take it.
    """
    content = json.dumps(asdict(state), default=_text, indent=1).encode()
    try:
        write_durably(settings.receivers / f"{state.host}_{state.port}.json", [content], durable=False)
    except OSError as error:
        raise TransientError(f"cannot write to {settings.receivers}: {error.strerror}") from None


def read_states(settings: Settings) -> list[ReceiverState]:
    """All receivers of this home that ever ran, by host and port; files that are none are passed over."""
    found = [_read(path) for path in sorted(settings.receivers.glob("*.json"))]
    return [state for state in found if state is not None]


def _read(path: Path) -> ReceiverState | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        times = {name: datetime.fromisoformat(fields[name]) for name in ("since", "seen")}
        return ReceiverState(**{**fields, **times})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _text(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat(timespec="seconds")
