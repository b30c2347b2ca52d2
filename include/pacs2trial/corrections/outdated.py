"""What trial centres hold although the key table was corrected since: the list, its export, and what was done."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pacs2trial.changes.members import members_of
from pacs2trial.errors import InputError, TransientError
from pacs2trial.keytable.corrections import settle_outdated
from pacs2trial.vault.tables import Delivery, KeyVersion, OutdatedDelivery, Subject
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class Outdated:
    """One content at one destination of which the key table later said something else.

    Attributes:
        effect: what the import did: withdrawn, other patient, key row changed.
        belongs_to: the subject key that the patient has now; empty when it has none, or still this one.
        key_version: the version of the key table that changed it.
        settlement: what was done, in a person's words or by a later delivery; empty while it is open.
    """

    subject_key: str
    effect: str
    belongs_to: str
    study: str
    destination: str
    path: str
    content_digest: str
    sha256: str
    delivered_at: datetime
    key_version: int
    found_at: datetime
    settled_at: datetime | None
    settled_by: str
    settlement: str


def outdated(ws: Workspace, trial: str, *, settled: bool = False) -> list[Outdated]:
    """The open entries of a trial, or all with ``settled``, by subject key and time."""
    with ws.vault.session(read_only=True) as session:
        return [
            Outdated(
                subject_key=key,
                effect=row.effect,
                belongs_to=row.belongs_to,
                study=row.study,
                destination=row.destination,
                path=row.path,
                content_digest=row.content_digest,
                sha256=row.sha256,
                delivered_at=row.delivered_at,
                key_version=number,
                found_at=row.found_at,
                settled_at=row.settled_at,
                settled_by=row.settled_by,
                settlement=row.settlement,
            )
            for row, key, number, _ in _entries(session, trial, settled=settled)
        ]


def settle(ws: Workspace, trial: str, subject_key: str, *, reason: str, actor: str) -> int:
    """Write down what was done about the open entries of a subject, such as that the trial centre deleted the data.

    Returns:
        How many entries that settles.

    Raises:
        InputError: the reason is empty, or the subject has no open entry.
    """
    if not reason.strip():
        raise InputError("say what was done: --reason")
    with ws.vault.session() as session:
        subject = session.scalar(select(Subject.id).where(Subject.trial == trial, Subject.key == subject_key))
        found = settle_outdated(session, {"subject_id": subject}, by=actor, settlement=reason) if subject else []
        if not found:
            raise InputError(
                f"{trial}/{subject_key} has nothing outdated that is open; pacs2trial keys outdated {trial}"
            )
        ws.vault.audit.append(
            session,
            "outdated deliveries settled",
            actor=actor,
            trial=trial,
            target=subject_key,
            reason=reason,
            content_digests=sorted({each.content_digest for each in found}),
        )
        return len(found)


def export_outdated(entries: Sequence[Outdated], file: Path) -> None:
    """Write entries as CSV (UTF-8), readable by its owner only; an existing file is replaced.

    Raises:
        TransientError: the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Outdated)])
    writer.writeheader()
    for each in entries:
        writer.writerow({name: _plain(value) for name, value in asdict(each).items()})
    _write(file, text.getvalue())


RECALL = ("subject_key", "effect", "belongs_to", "destination", "path", "study", "series", "sop_instance", "modality")
"""Columns of a recall list."""


def export_recall(ws: Workspace, trial: str, file: Path, *, settled: bool = False) -> int:
    """Write every object that a trial centre has to give back as CSV: one line for each and destination.

    Args:
        ws: the site.
        trial: the trial.
        file: readable by its owner only; an existing one is replaced.
        settled: also what is settled.

    Returns:
        The number of lines.

    Raises:
        TransientError: the file cannot be written.
    """
    with ws.vault.session(read_only=True) as session:
        rows = [
            (*told, one.study, one.series, one.sop_instance, one.modality)
            for row, key, _, package in _entries(session, trial, settled=settled)
            for told in [(key, row.effect, row.belongs_to, row.destination, row.path)]
            for one in members_of(session, trial, [package])
        ]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(RECALL)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    _write(file, text.getvalue())
    return len(rows)


def _entries(session: Session, trial: str, *, settled: bool) -> Sequence[Row[OutdatedDelivery, str, int, int]]:
    """Entries of a trial with subject key, number of the key version and package, by subject key and time."""
    query = (
        select(OutdatedDelivery, Subject.key, KeyVersion.number, Delivery.package_id)
        .join(Subject, Subject.id == OutdatedDelivery.subject_id)
        .join(KeyVersion, KeyVersion.id == OutdatedDelivery.key_version_id)
        .join(Delivery, Delivery.id == OutdatedDelivery.delivery_id)
        .where(OutdatedDelivery.trial == trial)
        .order_by(Subject.key, OutdatedDelivery.id)
    )
    if not settled:
        query = query.where(OutdatedDelivery.settled_at.is_(None))
    return session.execute(query).all()


def _write(file: Path, text: str) -> None:
    try:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as written:
            written.write(text)
    except OSError as error:
        raise TransientError(f"{file} cannot be written: {error.strerror}") from None


def _plain(value: object) -> str:
    """A value as a spreadsheet may safely open it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
