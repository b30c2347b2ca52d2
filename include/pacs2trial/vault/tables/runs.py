"""Runs, the studies they ask for, and the pinned text that decides bytes."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class Pin(Base):
    """Content-addressed text that decides bytes: definitions, plans, key-table digests (promise 7)."""

    __tablename__ = "pin"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    content: Mapped[bytes]
    pinned_at: Mapped[datetime] = mapped_column(default=now)


class Run(Base):
    """One planned run of a trial and what it pinned."""

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    trial: Mapped[str] = mapped_column(String(32), index=True)
    definition: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    staging_plan: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    key_version_id: Mapped[int] = mapped_column(ForeignKey("key_version.id"))
    release: Mapped[str] = mapped_column(String(32))
    date_from: Mapped[date | None]
    date_to: Mapped[date | None]
    planned_at: Mapped[datetime] = mapped_column(default=now)


class RunStudy(Base):
    """A study that a run asks for: whose it is, how many instances were announced, whether nothing else is in it."""

    __tablename__ = "run_study"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    identifier_id: Mapped[int] = mapped_column(ForeignKey("identifier.id"))
    study: Mapped[str] = mapped_column(String(64))
    expected: Mapped[int]
    whole: Mapped[bool]
    __table_args__ = (UniqueConstraint("run_id", "study"),)
