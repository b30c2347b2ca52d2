"""Subjects of the trials and the versions of their key tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class Subject(Base):
    """A trial's name for a person. The person may be corrected; the key stays.

    ``revision`` counts the imports that changed what the key table says of the subject: a package of an earlier one is
    stale and does not leave.
    """

    __tablename__ = "subject"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(64))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    revision: Mapped[int] = mapped_column(default=1)
    withdrawn_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("trial", "key"),)


class KeyVersion(Base):
    """One import of a trial's key table."""

    __tablename__ = "key_version"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int]
    imported_at: Mapped[datetime] = mapped_column(default=now)
    imported_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "number"),)


class KeyRow(Base):
    """One row of one version. ``content_sealed`` is the whole row as JSON (patient ID, visits, free columns)."""

    __tablename__ = "key_row"
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("key_version.id"), index=True)
    number: Mapped[int]  # row number in the file, the header being row 1
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    identifier_id: Mapped[int] = mapped_column(ForeignKey("identifier.id"))
    content_sealed: Mapped[bytes]
