"""The ledger: every instance, the contents staged of it, what is in quarantine."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class InstanceState(StrEnum):
    """Where an instance is after stage 1; each is in exactly one (promise 4)."""

    EXPECTED = "expected"
    STAGED = "staged"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    MISSING = "missing"


class Instance(Base):
    """One SOP instance by its staging pseudonyms, from the moment it is expected."""

    __tablename__ = "instance"
    id: Mapped[int] = mapped_column(primary_key=True)
    identifier_id: Mapped[int] = mapped_column(ForeignKey("identifier.id"))
    study: Mapped[str] = mapped_column(String(64))
    series: Mapped[str] = mapped_column(String(64))
    sop_instance: Mapped[str] = mapped_column(String(64), unique=True)
    sop_class: Mapped[str] = mapped_column(String(64))
    modality: Mapped[str] = mapped_column(String(16))
    study_date: Mapped[date | None]  # day in the site's time zone, as staging keeps it
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(200), default="")  # rule or fault; never a value
    source: Mapped[str] = mapped_column(String(64))  # pacs:<connection>, push:<calling AE>, file
    facts_sealed: Mapped[bytes | None]  # filter facts of the original header, JSON
    contents: Mapped[int] = mapped_column(default=0)  # different ones that came, staged or to quarantine
    looked_at: Mapped[bool] = mapped_column(default=False)  # whether something was decided about its pixels
    recorded_at: Mapped[datetime] = mapped_column(default=now)
    settled_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]  # when the last content that was new came
    late: Mapped[bool] = mapped_column(default=False)  # sent after a run had given it up
    __table_args__ = (
        Index("ix_instance_identifier_study", "identifier_id", "study"),
        Index("ix_instance_study", "study"),
    )


class StagedVersion(Base):
    """One content of an instance in the staging store.

    ``current`` is the first one. Those behind it are other versions of the same SOP instance, each with the filter
    facts of its own header; what stands before it was filed under a patient whose it is not.
    """

    __tablename__ = "staged_version"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    digest: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)  # below the staging folder
    plan: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    current: Mapped[bool]
    facts_sealed: Mapped[bytes | None]  # of a version behind the first; of the first they stand with the instance
    pixels: Mapped[str | None] = mapped_column(String(64))  # look-up value of what a decision about its pixels was made
    received_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]  # its file was cleaned up; the PACS still has the object, or had it
    __table_args__ = (UniqueConstraint("instance_id", "digest"),)


class Arriving(Base):
    """A study to which an association that is still open brought objects; a lease that the receiver renews."""

    __tablename__ = "arriving"
    id: Mapped[int] = mapped_column(primary_key=True)
    study: Mapped[str] = mapped_column(String(64))
    holder: Mapped[str] = mapped_column(String(120), index=True)  # worker process of a receiver
    until: Mapped[datetime]
    __table_args__ = (UniqueConstraint("study", "holder"),)


class QuarantineItem(Base):
    """An object that stage 1 could not show to be clean; its bytes are kept encrypted under ``token``."""

    __tablename__ = "quarantine_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)  # file name below the quarantine folder
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("instance.id"), index=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)  # keyed look-up value of the object's SHA-256
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    pixels: Mapped[str | None] = mapped_column(String(64))  # look-up value of its pixels once they were looked at
    state: Mapped[str] = mapped_column(String(16), default="waiting")  # waiting, released, rejected, discarded
    received_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]
