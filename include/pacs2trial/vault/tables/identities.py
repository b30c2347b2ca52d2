"""Scopes, persons, their hospital identifiers, and what stands for an original in each scope."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.compact import CompactText
from pacs2trial.vault.tables.base import Base, now


class Scope(Base):
    """STAGING or a trial: the range in which one original has one pseudonym for ever."""

    __tablename__ = "scope"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    salt: Mapped[bytes | None]
    data_key_sealed: Mapped[bytes | None]
    wrapped_with: Mapped[str | None] = mapped_column(String(32))  # id of the key-encryption key
    created_at: Mapped[datetime] = mapped_column(default=now)
    erased_at: Mapped[datetime | None]


class Person(Base):
    """One human being; identifiers, subject keys and date shifts point here."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Identifier(Base):
    """A hospital patient ID with its issuer, and the code that stands for it in staging."""

    __tablename__ = "identifier"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    lookup: Mapped[str] = mapped_column(String(64), unique=True)  # HMAC of (issuer, patient ID) under the look-up key
    original_sealed: Mapped[bytes]
    code: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Kind(StrEnum):
    """What a pseudonym stands for. PATIENT_ID is kept in :class:`Identifier` (staging) or is the subject key."""

    UID = "uid"
    PATIENT_ID = "patient_id"
    ACCESSION = "accession"
    STUDY_ID = "study_id"
    HASH = "hash"  # whatever a trial's rule hashes


class Pseudonym(Base):
    """One original and its pseudonym in one scope; unique both ways."""

    __tablename__ = "pseudonym"
    id: Mapped[int] = mapped_column(primary_key=True)
    scope_id: Mapped[int] = mapped_column(ForeignKey("scope.id"))
    kind: Mapped[str] = mapped_column(String(16))
    lookup: Mapped[str] = mapped_column(CompactText)  # the original if it names nobody, else its keyed look-up value
    original_sealed: Mapped[bytes | None]
    pseudo: Mapped[str] = mapped_column(CompactText)
    __table_args__ = (UniqueConstraint("scope_id", "kind", "lookup"), UniqueConstraint("scope_id", "kind", "pseudo"))


class DateShift(Base):
    """Whole days by which a person's dates move in one trial; never zero, never changed."""

    __tablename__ = "date_shift"
    id: Mapped[int] = mapped_column(primary_key=True)
    scope_id: Mapped[int] = mapped_column(ForeignKey("scope.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    days: Mapped[int]
    __table_args__ = (UniqueConstraint("scope_id", "person_id"),)
