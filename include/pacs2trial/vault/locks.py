"""Leases: one holder per name at a time, over all processes and machines that share the vault.

A lease is renewed in the background while it is held, so it may be short; what a killed process leaves expires. The
clocks of the machines must agree to much better than the lease lasts.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update

from pacs2trial.errors import Pacs2TrialError, TransientError
from pacs2trial.vault.database import Database, insert_new
from pacs2trial.vault.tables import Lock, now

log = logging.getLogger(__name__)

LEASE_SECONDS = 45.0
"""How long a killed holder blocks others: less than the minute after which Airflow repeats a task, and longer than a
restart of the database takes, during which nobody can renew a lease or take it.
"""
RENEWALS = 6
"""How often a lease is renewed in the time that it lasts."""


class Lease:
    """A name that this process holds until :meth:`release`."""

    def __init__(self, database: Database, name: str, ttl: float) -> None:
        self._database = database
        self._name = name
        self._ttl = timedelta(seconds=ttl)
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._done = threading.Event()
        self._renewal = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)

    def acquire(self) -> None:
        """Take the name.

        Raises:
            TransientError: another holds it; the message says who and until when.
        """
        with self._database.session() as session:
            session.execute(delete(Lock).where(Lock.name == self._name, Lock.expires_at < now()))
            mine = {"name": self._name, "holder": self._holder, "expires_at": now() + self._ttl}
            insert_new(session, Lock, [mine])
            held = session.scalars(select(Lock).where(Lock.name == self._name)).one_or_none()
        if held is None:
            raise TransientError(f"{self._name} was released this moment; try again")
        if held.holder != self._holder:
            where = held.holder.rsplit(":", 1)[0]
            raise TransientError(
                f"{self._name} is being worked on by process {where}, at least until {held.expires_at:%H:%M:%S} UTC; "
                "try again later"
            )
        self._renewal.start()

    def release(self) -> None:
        """Give the name back.

        Raises:
            TransientError: the lease had run out and another may have held the name meanwhile.
        """
        self._done.set()
        self._renewal.join()
        with self._database.session() as session:
            gone = session.execute(delete(Lock).where(Lock.name == self._name, Lock.holder == self._holder))
            was_mine = cast("CursorResult[Any]", gone).rowcount == 1
        if not was_mine:
            raise TransientError(f"the lock on {self._name} ran out while it was needed; the work must be repeated")

    def _renew(self) -> None:
        while not self._done.wait(self._ttl.total_seconds() / RENEWALS):
            try:
                with self._database.session() as session:
                    session.execute(
                        update(Lock)
                        .where(Lock.name == self._name, Lock.holder == self._holder)
                        .values(expires_at=now() + self._ttl)
                    )
            except Pacs2TrialError as error:
                log.warning("the lock on %s could not be renewed: %s", self._name, error)


@contextmanager
def lease(database: Database, name: str, ttl: float = LEASE_SECONDS) -> Iterator[None]:
    """Hold ``name`` inside the block; ``ttl`` seconds is what a killed holder blocks others for."""
    held = Lease(database, name, ttl)
    held.acquire()
    try:
        yield
    except BaseException:
        try:
            held.release()
        except Pacs2TrialError as error:
            log.warning("the lock on %s could not be released: %s", name, error)
        raise
    held.release()
