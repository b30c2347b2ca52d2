"""Locks, disclosures and the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class Lock(Base):
    """A lease: one holder per name (``<trial>/<subject key>``) until it is released or expires."""

    __tablename__ = "lock"
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    holder: Mapped[str] = mapped_column(String(120))
    expires_at: Mapped[datetime]


class Disclosure(Base):
    """One use of the decrypting function: who, why, how many."""

    __tablename__ = "disclosure"
    id: Mapped[int] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(200))
    count: Mapped[int]
    disclosed_at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Base):
    """One human or run-level act; append-only, each entry carrying the digest of the one before (promise 10)."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
    act: Mapped[str] = mapped_column(String(64))
    trial: Mapped[str] = mapped_column(String(32), default="")
    target: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
