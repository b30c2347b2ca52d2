"""The receiver's look at itself, every few seconds: is the vault there, is there room, what waits for a person."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from pacs2trial.errors import Pacs2TrialError, TransientError
from pacs2trial.receiver.state import BEAT_S, ReceiverState, host_name, write_state
from pacs2trial.receiver.tally import Number, Outcome, Tally, Turned
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import QuarantineItem
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """What was seen.

    Attributes:
        vault: whether the vault answered.
        waiting: quarantined objects on which nobody has decided; of the last time the vault answered.
        free: bytes free in home; 0 when home is not there.
    """

    vault: bool
    waiting: int
    free: int


class Watch:
    """Looks, and writes the receiver's state file.

    Args:
        ws: the site.
        tally: what the workers count.
        port: where the receiver listens.
        workers: how many processes take associations.
    """

    def __init__(self, ws: Workspace, tally: Tally, *, port: int, workers: int) -> None:
        self._ws = ws
        self._tally = tally
        self._port = port
        self._workers = workers
        self._since = datetime.now(UTC)
        self.health = Health(vault=True, waiting=0, free=0)
        """What was seen last."""

    def run(self, told_to_end: threading.Event) -> None:
        """Look every few seconds until the event is set."""
        while True:
            self.beat(running=True)
            if told_to_end.wait(BEAT_S):
                return

    def look(self) -> Health:
        """Look now."""
        try:
            free = shutil.disk_usage(self._ws.settings.home).free
        except OSError:
            free = 0
        waiting = select(func.count()).where(QuarantineItem.state == quarantine.WAITING)
        try:
            with self._ws.vault.session(read_only=True) as session:
                self.health = Health(vault=True, waiting=session.scalar(waiting) or 0, free=free)
        except Pacs2TrialError:
            self.health = Health(vault=False, waiting=self.health.waiting, free=free)
        return self.health

    def beat(self, *, running: bool) -> None:
        """Look, and write the state; what cannot be written is a line in the log."""
        there = self.health.vault
        health = self.look()
        if health.vault is not there:
            log.warning("the vault %s", "is back" if health.vault else "does not answer: objects are refused (0xA700)")
        settings = self._ws.settings
        state = ReceiverState(
            host=host_name(),
            port=self._port,
            aet=settings.receiver_aet,
            since=self._since,
            seen=datetime.now(UTC),
            running=running,
            workers=self._workers,
            vault=health.vault,
            free_mb=health.free // 2**20,
            counts=self._counts(),
        )
        try:
            write_state(settings, state)
        except TransientError as error:
            log.warning("%s", error)

    def _counts(self) -> dict[str, int]:
        total = self._tally.total
        refused = sum(total(key) for key in self._tally.keys if isinstance(key, tuple) and key[0] == "status")
        return {
            "associations": int(total(Number.OPEN)),
            "turned_away": int(sum(map(total, Turned))),
            "broken_off": int(total(Number.BROKEN)),
            **{outcome.name.lower(): int(total(outcome)) for outcome in Outcome},
            "refused": int(refused),
            "bytes": int(total(Number.BYTES)),
        }
