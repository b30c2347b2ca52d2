"""Which studies are still being brought: what keeps the DAG ``incoming`` from taking one up too early.

A worker knows of each open association which studies it brought objects to. Every few seconds it writes that into the
vault as leases, so that a receiver that is killed lets go of its studies by itself. An association that lasts less than
that costs nothing: a study has to be quiet for longer anyway.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, update

from pacs2trial.errors import Pacs2TrialError
from pacs2trial.receiver.association import Association
from pacs2trial.receiver.state import BEAT_S, host_name
from pacs2trial.vault import Vault
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import Arriving, now

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
"""How long the studies of a killed receiver count as still arriving."""

LONGEST_S: Final = 3600.0
"""Seconds after which an association that brought nothing more to a study has done with it, though it goes on."""


class OpenStudies:
    """The studies to which the open associations of one worker brought objects.

    Args:
        vault: where the leases are.
        beat: seconds between two looks.
    """

    def __init__(self, vault: Vault, *, beat: float = BEAT_S) -> None:
        self._vault = vault
        self._beat = beat
        self._holder = f"{host_name()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._brought: dict[int, dict[str, float]] = {}
        self._lock = threading.Lock()
        self._written: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="open studies")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write down what is so now, and end."""
        self._ended.set()
        self._thread.join()

    def brings(self, association: Association, study: str) -> None:
        """Note an object of a study, by its pseudonym, until the association ends."""
        key = id(association)
        with self._lock:
            if key not in self._brought:
                self._brought[key] = {}
                association.leaving.callback(self._left, key)
            self._brought[key][study] = time.monotonic()

    def _left(self, key: int) -> None:
        with self._lock:
            del self._brought[key]

    def _open(self) -> set[str]:
        since = time.monotonic() - LONGEST_S
        with self._lock:
            return {study for one in self._brought.values() for study, last in one.items() if last >= since}

    def _run(self) -> None:
        while not self._ended.wait(self._beat):
            self._write()
        self._write()

    def _write(self) -> None:
        """Bring the leases up to date; without the vault they run out, and nothing is received either."""
        studies = self._open()
        if not studies and not self._written:
            return
        moment = now()
        mine = Arriving.holder == self._holder
        try:
            with self._vault.session() as session:
                session.execute(delete(Arriving).where(Arriving.until < moment))
                session.execute(delete(Arriving).where(mine, Arriving.study.in_(self._written - studies)))
                session.execute(update(Arriving).where(mine).values(until=moment + LEASE))
                lease = {"holder": self._holder, "until": moment + LEASE}
                insert_new(session, Arriving, [{"study": study, **lease} for study in sorted(studies)])
        except Pacs2TrialError as error:
            log.warning("which studies are still arriving could not be written: %s", type(error).__name__)
        else:
            self._written = studies
