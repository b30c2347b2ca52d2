"""Packages, what stands in them, their reviews and deliveries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class PackageState(StrEnum):
    MADE = "made"
    VERIFIED = "verified"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class PackageRow(Base):
    """One version of one package and what it was made from."""

    __tablename__ = "package"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    study: Mapped[str] = mapped_column(String(64), default="")  # the trial's pseudonym; empty for a package per subject
    version: Mapped[int]
    revision: Mapped[int] = mapped_column(default=1)  # of the subject, from which it was made or last found right
    content_digest: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)  # below the packages folder
    inputs: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    state: Mapped[str] = mapped_column(String(16))
    requested_by: Mapped[str] = mapped_column(String(128), default="")  # who started the run that made it, if anybody
    made_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]  # its file was cleaned up; restore makes it again
    __table_args__ = (UniqueConstraint("trial", "subject_id", "study", "version"),)


class PackageMember(Base):
    """One DICOM object of a package, the staged content it was made from, and the mask that was blanked, if any."""

    __tablename__ = "package_member"
    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("staged_version.id"))
    name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    mask: Mapped[str] = mapped_column(String(64), default="")


class CollectedSubject(Base):
    """What was made of a subject when it was last collected, so that one question tells that nothing has changed.

    ``mark`` is a keyed digest of what its packages were made of; ``packages`` tells them and their files, as JSON.
    """

    __tablename__ = "collected_subject"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    mark: Mapped[str] = mapped_column(String(64))
    packages: Mapped[str] = mapped_column(Text)
    __table_args__ = (UniqueConstraint("trial", "subject_id"),)


class Review(Base):
    """The question whether a content digest may leave, asked once, and its answer.

    ``prompt`` is the run of Airflow that asked people for the answer, empty while none has.
    """

    __tablename__ = "review"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    content_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="open")  # open, approved, partly approved, held, rejected
    reason: Mapped[str] = mapped_column(String(32), default="")  # why it is held or rejected
    prompt: Mapped[str] = mapped_column(String(250), default="")
    asked_at: Mapped[datetime] = mapped_column(default=now)
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "subject_id", "content_digest"),)


class Delivery(Base):
    """What went where; one row per destination and content digest, so that nothing goes twice."""

    __tablename__ = "delivery"
    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"), index=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    destination: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[str] = mapped_column(String(64))
    receipt: Mapped[dict[str, Any]]
    delivered_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "destination", "content_digest"),)


class OutdatedDelivery(Base):
    """What a trial centre got under a subject key of which the key table then said something else.

    Written by the import that changed it, and never deleted; ``settled_at`` is set once the centre has a right
    version, or a person says what was done.
    """

    __tablename__ = "outdated_delivery"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"))
    key_version_id: Mapped[int] = mapped_column(ForeignKey("key_version.id"))
    trial: Mapped[str] = mapped_column(String(32), index=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    effect: Mapped[str] = mapped_column(String(32))  # withdrawn, other patient, key row changed
    belongs_to: Mapped[str] = mapped_column(String(64), default="")  # the key that the patient has now, if any
    study: Mapped[str] = mapped_column(String(64), default="")
    destination: Mapped[str] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(Text)
    content_digest: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    delivered_at: Mapped[datetime]
    found_at: Mapped[datetime] = mapped_column(default=now)
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str] = mapped_column(String(128), default="")
    settlement: Mapped[str] = mapped_column(Text, default="")
    __table_args__ = (UniqueConstraint("delivery_id", "key_version_id"),)
