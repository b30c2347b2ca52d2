"""What an import means for packages that were made, and delivered, under what the key table said before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from pacs2trial.errors import TransientError
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Delivery, Lock, OutdatedDelivery, PackageRow, PackageState, Subject, now


class Effect(StrEnum):
    """What an import did to a subject that had been enrolled before."""

    WITHDRAWN = "withdrawn"
    OTHER_PATIENT = "other patient"
    CHANGED = "key row changed"
    RETURNED = "returned"


@dataclass(frozen=True)
class Correction:
    """A subject of which the key table now says something else.

    ``belongs_to`` is the subject key that the patient has now, empty when it has none or still this one.
    """

    subject_id: int
    subject_key: str
    effect: Effect
    belongs_to: str = ""


@dataclass(frozen=True)
class Delivered:
    """The last content that a destination has got of a package."""

    delivery_id: int
    subject_id: int
    subject_key: str
    study: str
    destination: str
    path: str
    content_digest: str
    sha256: str
    delivered_at: datetime


def require_idle(session: Session, trial: str, subject_keys: Collection[str]) -> None:
    """Return if no process works on any of the subjects, and keep others from beginning until this transaction ends.

    Raises:
        TransientError: one is being worked on.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE lock IN SHARE ROW EXCLUSIVE MODE"))
    names = {f"{trial}/{key}" for key in subject_keys}
    held = session.scalars(select(Lock.name).where(Lock.expires_at >= now()))
    busy = sorted(name for name in held if name in names)
    if busy:
        raise TransientError(
            f"{', '.join(busy[:5])}: a run is at work on {len(busy)} of the subjects that this table changes; "
            "import it when that has ended"
        )


def correct(session: Session, trial: str, version_id: int, corrections: Sequence[Correction]) -> list[str]:
    """Make stale, or supersede, exactly the packages that the corrections concern.

    Every corrected subject gets a new revision, so that its packages are stale: they do not leave until they were
    made, or found right, anew. Those of a withdrawn subject, and those that hold another patient than the key now
    means, are superseded at once. What had been delivered is written down as outdated.

    Returns:
        The paths of superseded files, below the packages folder, to be removed once this is committed.
    """
    gone: list[str] = []
    by_subject = {each.subject_id: each for each in corrections}
    for some in batches(by_subject):
        session.execute(update(Subject).where(Subject.id.in_(some)).values(revision=Subject.revision + 1))
        wrong = [each for each in some if by_subject[each].effect in {Effect.WITHDRAWN, Effect.OTHER_PATIENT}]
        in_force = PackageRow.subject_id.in_(wrong), PackageRow.state != PackageState.SUPERSEDED
        gone += session.scalars(select(PackageRow.path).where(*in_force)).all()
        session.execute(update(PackageRow).where(*in_force).values(state=PackageState.SUPERSEDED, removed_at=now()))
    enrolled = [each.subject_id for each in corrections if each.effect is not Effect.RETURNED]
    session.add_all(
        OutdatedDelivery(
            delivery_id=each.delivery_id,
            key_version_id=version_id,
            trial=trial,
            subject_id=each.subject_id,
            effect=by_subject[each.subject_id].effect,
            belongs_to=by_subject[each.subject_id].belongs_to,
            study=each.study,
            destination=each.destination,
            path=each.path,
            content_digest=each.content_digest,
            sha256=each.sha256,
            delivered_at=each.delivered_at,
        )
        for each in last_deliveries(session, enrolled)
    )
    session.flush()
    return gone


def last_deliveries(session: Session, subject_ids: Iterable[int]) -> list[Delivered]:
    """What each destination got last of each package of some subjects, in the order of subject keys."""
    found: list[Delivered] = []
    for some in batches(subject_ids):
        newest = (
            select(func.max(Delivery.delivered_at))
            .join(PackageRow, PackageRow.id == Delivery.package_id)
            .where(Delivery.subject_id.in_(some))
            .group_by(Delivery.subject_id, Delivery.destination, PackageRow.study)
            .add_columns(Delivery.subject_id, Delivery.destination, PackageRow.study)
            .subquery()
        )
        latest, subject, destination, study = newest.c
        query = (
            select(Delivery, PackageRow, Subject.key)
            .join(PackageRow, PackageRow.id == Delivery.package_id)
            .join(Subject, Subject.id == Delivery.subject_id)
            .join(
                newest,
                (latest == Delivery.delivered_at)
                & (subject == Delivery.subject_id)
                & (destination == Delivery.destination)
                & (study == PackageRow.study),
            )
        )
        found += [_delivered(delivery, package, key) for delivery, package, key in session.execute(query)]
    return sorted(found, key=lambda each: (each.subject_key, each.study, each.destination))


def settle_outdated(
    session: Session, where: Mapping[str, object], *, by: str, settlement: str
) -> list[OutdatedDelivery]:
    """Mark open entries as settled, with who and how.

    Args:
        session: the transaction.
        where: the values of columns that select them, such as ``{"subject_id": 3, "destination": "folder"}``.
        by: who says so.
        settlement: what was done.

    Returns:
        The entries.
    """
    query = select(OutdatedDelivery).where(OutdatedDelivery.settled_at.is_(None))
    for column, value in where.items():
        query = query.where(getattr(OutdatedDelivery, column) == value)
    found = list(session.scalars(query))
    for each in found:
        each.settled_at, each.settled_by, each.settlement = now(), by, settlement
    return found


def _delivered(delivery: Delivery, package: PackageRow, key: str) -> Delivered:
    return Delivered(
        delivery_id=delivery.id,
        subject_id=delivery.subject_id,
        subject_key=key,
        study=package.study,
        destination=delivery.destination,
        path=str(delivery.receipt.get("path", "")),
        content_digest=delivery.content_digest,
        sha256=str(delivery.receipt.get("sha256", package.sha256)),
        delivered_at=delivery.delivered_at,
    )
