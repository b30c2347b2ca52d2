"""What was said about a subject in reviews, as the audit has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from pacs2trial.vault.tables import AuditEntry
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class Said:
    """One act: what, by whom, when and why; ``content_digest`` is empty where it was about series."""

    at: datetime
    act: str
    actor: str
    reason: str
    content_digest: str


def history(ws: Workspace, trial: str, subject_key: str) -> list[Said]:
    """The acts of reviewers on a subject, newest first."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.trial == trial, AuditEntry.target == subject_key, AuditEntry.act.startswith("review "))
        .order_by(AuditEntry.id.desc())
    )
    with ws.vault.session(read_only=True) as session:
        return [
            Said(
                at=one.at,
                act=one.act.removeprefix("review "),
                actor=one.actor,
                reason=one.reason,
                content_digest=str(one.detail.get("content_digest", "")),
            )
            for one in session.scalars(query)
        ]
