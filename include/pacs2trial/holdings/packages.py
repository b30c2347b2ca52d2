"""What was made of a subject and where it went, for those who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Delivery, HeldStudy, PackageRow, Review, Subject


@dataclass(frozen=True)
class Sent:
    """One delivery of a package."""

    destination: str
    delivered_at: datetime


@dataclass(frozen=True)
class Package:
    """One version of a package. ``study`` is the trial's pseudonym, empty for a package of the whole subject.

    ``review`` is the answer so far, empty if nobody was asked.
    """

    package_id: int
    subject_key: str
    study: str
    version: int
    state: str
    content_digest: str
    sha256: str
    size: int
    made_at: datetime
    removed_at: datetime | None
    review: str
    deliveries: Sequence[Sent]


def packages(vault: Vault, trial: str, subject_key: str) -> list[Package]:
    """The packages of a subject, the newest first."""
    return packages_of(vault, trial, [subject_key])


def packages_of(vault: Vault, trial: str, subject_keys: Sequence[str]) -> list[Package]:
    """The packages of subjects, the newest first."""
    asked = (
        (Review.trial == PackageRow.trial)
        & (Review.subject_id == PackageRow.subject_id)
        & (Review.content_digest == PackageRow.content_digest)
    )
    found: list[tuple[PackageRow, str | None, str]] = []
    sent: dict[int, list[Sent]] = {}
    with vault.session(read_only=True) as session:
        for batch in batches(subject_keys):
            query = (
                select(PackageRow, Review.state, Subject.key)
                .join(Subject, Subject.id == PackageRow.subject_id)
                .outerjoin(Review, asked)
                .where(PackageRow.trial == trial, Subject.trial == trial, Subject.key.in_(batch))
            )
            found += [(package, review, key) for package, review, key in session.execute(query)]
        for numbers in batches([package.id for package, *_ in found]):
            deliveries = select(Delivery).where(Delivery.package_id.in_(numbers)).order_by(Delivery.id)
            for row in session.scalars(deliveries):
                sent.setdefault(row.package_id, []).append(Sent(row.destination, row.delivered_at))
        return [
            Package(
                package_id=package.id,
                subject_key=key,
                study=package.study,
                version=package.version,
                state=package.state,
                content_digest=package.content_digest,
                sha256=package.sha256,
                size=package.size,
                made_at=package.made_at,
                removed_at=package.removed_at,
                review=review or "",
                deliveries=sent.get(package.id, []),
            )
            for package, review, key in sorted(found, key=lambda one: -one[0].id)
        ]


def held_studies(vault: Vault, trial: str, subject_key: str) -> list[str]:
    """Why studies of a subject wait for a person, one reason each."""
    with vault.session(read_only=True) as session:
        query = (
            select(HeldStudy.reason)
            .join(Subject, Subject.id == HeldStudy.subject_id)
            .where(HeldStudy.trial == trial, Subject.key == subject_key)
            .order_by(HeldStudy.id)
        )
        return list(session.scalars(query))
