"""Texts that left in packages, what a person has seen of them, and names that wait for a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class PackageTexts(Base):
    """The texts of one package with their counts, as JSON sealed in the trial's scope; and their look-up values."""

    __tablename__ = "package_texts"
    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"), unique=True)
    content_sealed: Mapped[bytes]
    lookups: Mapped[list[str]]


class ReviewedText(Base):
    """A text of a trial that a person has seen; ``lookup`` is its keyed look-up value."""

    __tablename__ = "reviewed_text"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    lookup: Mapped[str] = mapped_column(String(64))
    reviewed_at: Mapped[datetime] = mapped_column(default=now)
    reviewed_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "lookup"),)


class HeldNames(Base):
    """Names that the trial does not know and that hold a subject, as JSON sealed in the trial's scope."""

    __tablename__ = "held_names"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    content_sealed: Mapped[bytes]
    held_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id"),)
