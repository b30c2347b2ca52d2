"""The audit: human and run-level acts, appended and never changed (promise 10).

Each entry carries the digest of the one before and its own, an HMAC under a key from the secret file: who can write to
the database but does not hold the secret cannot change or remove an entry unseen. Triggers refuse the attempt itself.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from pacs2trial.vault.database import Database
from pacs2trial.vault.derivation import keyed_digest, subkey
from pacs2trial.vault.secret import Secret
from pacs2trial.vault.tables import AuditEntry, now

FIRST = "0" * 64
"""What the first entry names as the one before."""


class Audit:
    """Who did what, when and why. Entries hold no original identifier."""

    def __init__(self, database: Database, secret: Secret) -> None:
        self._database = database
        self._key = subkey(secret.pseudonym.value, salt=None, info="audit chain")

    def record(
        self, act: str, *, actor: str, trial: str = "", target: str = "", reason: str = "", **detail: Any
    ) -> None:
        """Append one entry in a transaction of its own. ``detail`` must be JSON."""
        with self._database.session() as session:
            self.append(session, act, actor=actor, trial=trial, target=target, reason=reason, **detail)

    def append(
        self,
        session: Session,
        act: str,
        *,
        actor: str,
        trial: str = "",
        target: str = "",
        reason: str = "",
        **detail: Any,
    ) -> None:
        """:meth:`record` inside the transaction of the act itself: both happen or neither."""
        if not self._database.is_sqlite:
            session.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
        previous = session.scalars(select(AuditEntry.digest).order_by(AuditEntry.id.desc()).limit(1)).one_or_none()
        entry = AuditEntry(
            at=now(),
            actor=actor,
            act=act,
            trial=trial,
            target=target,
            reason=reason,
            detail=json.loads(json.dumps(detail)),
            previous=previous or FIRST,
        )
        entry.digest = self._digest(entry)
        session.add(entry)
        session.flush()

    def verify_chain(self) -> list[str]:
        """What is wrong with the chain, one line each; empty when it is whole.

        Entries cut off at the end leave no gap and are seen only against a backup.
        """
        problems = []
        before = FIRST
        with self._database.session(read_only=True) as session:
            for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=500)):
                if entry.previous != before:
                    problems.append(f"audit entry {entry.id}: the one before it was changed, removed or put between")
                if entry.digest != self._digest(entry):
                    problems.append(f"audit entry {entry.id}: it was changed after it was written")
                before = entry.digest
        return problems

    def _digest(self, entry: AuditEntry) -> str:
        detail = json.dumps(entry.detail, sort_keys=True, separators=(",", ":"))
        parts = (
            _utc(entry.at),
            entry.actor,
            entry.act,
            entry.trial,
            entry.target,
            entry.reason,
            detail,
            entry.previous,
        )
        return keyed_digest(self._key, *parts).hex()


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
