"""What was decided about text in pixels, about what a trial's rules hold, and which areas of a device are wiped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class PixelDecision(Base):
    """What became of one content of an instance after its pixels were looked at; the site's, for every trial.

    It decides bytes: stage 1 blanks ``areas`` whenever these pixels come under this instance, without looking again.
    """

    __tablename__ = "pixel_decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    pixels: Mapped[str] = mapped_column(String(64))  # keyed look-up value of the pixels before anything was blanked
    outcome: Mapped[str] = mapped_column(String(16))  # clean, wipe, hold
    areas: Mapped[list[list[int]]] = mapped_column(JSON)  # left, top, width, height, first and last frame
    reason: Mapped[str] = mapped_column(String(64), default="")  # of a hold; never a value
    rule: Mapped[str] = mapped_column(String(200))  # that had it looked at, or masked it
    detector: Mapped[str] = mapped_column(String(200))  # release that looked; empty where a person decided alone
    found_sealed: Mapped[bytes | None]  # the texts, where they stand and what they were taken for, JSON
    result: Mapped[str] = mapped_column(String(64), default="")  # digest of the staged content that it gives
    decided_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[str] = mapped_column(String(128), default="")  # empty for the machine
    __table_args__ = (UniqueConstraint("instance_id", "pixels"),)


class MaskRule(Base):
    """Areas that are wiped of every suspected image of a device, because a person said so. Rows are never changed.

    A later version for the same device and matrix takes the place of an earlier one; without areas it ends it.
    """

    __tablename__ = "mask_rule"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(unique=True)
    manufacturer: Mapped[str] = mapped_column(String(128))
    model: Mapped[str] = mapped_column(String(128))
    rows: Mapped[int]
    columns: Mapped[int]
    areas: Mapped[list[list[int]]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(default=now)
    made_by: Mapped[str] = mapped_column(String(128))


class HeldDecision(Base):
    """What a person decided about a staged instance that a rule of a trial holds; it answers that rule alone."""

    __tablename__ = "held_decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    rule: Mapped[str] = mapped_column(String(200))
    answer: Mapped[str] = mapped_column(String(16))  # release, reject
    reason: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "instance_id", "rule"),)


class SubjectGap(Base):
    """What a trial requires and a subject lacks, as the filter found it last."""

    __tablename__ = "subject_gap"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    gap: Mapped[str] = mapped_column(String(200))  # never a value
    number: Mapped[int]
    found_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "gap"),)
