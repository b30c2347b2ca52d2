"""What each trial does with what is staged, and the studies that wait for a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class Judgement(StrEnum):
    """What a trial does with a staged instance; each is in exactly one (promise 4)."""

    ACCEPTED = "accepted"  # let through by the filter, not yet collected
    COLLECTED = "collected"
    HELD = "held"
    REJECTED = "rejected"
    NOT_WANTED = "not wanted"


class TrialInstance(Base):
    """The judgement of one trial on one instance, with the rule that decided."""

    __tablename__ = "trial_instance"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    version_id: Mapped[int | None] = mapped_column(ForeignKey("staged_version.id"))  # which to use; none: the first
    contents: Mapped[int] = mapped_column(default=1)  # of the instance when it was judged; 0: to be judged anew
    state: Mapped[str] = mapped_column(String(16))
    rule: Mapped[str] = mapped_column(String(200))
    mask: Mapped[str] = mapped_column(String(64), default="")  # of the face, to be blanked; empty if nothing is
    judged_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    released_at: Mapped[datetime | None]  # cleaned up: this trial does not need the staged content any more
    __table_args__ = (UniqueConstraint("trial", "instance_id"),)


class VersionDecision(Base):
    """Which version of an instance a trial uses, as a person decided; void once another content comes."""

    __tablename__ = "version_decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("staged_version.id"))
    contents: Mapped[int]  # that had come when it was decided
    reason: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "instance_id"),)


class HandedOver(Base):
    """What the trial was told to make anew for a subject because of data that came unasked."""

    __tablename__ = "handed_over"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    mark: Mapped[str] = mapped_column(String(64))  # digest of what was new
    handed_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id"),)


class SubjectPass(Base):
    """The last pass of a subject: its way from filter to delivery, or to where it waits for a person.

    A subject whose inputs still have the digest ``ended`` has nothing to do.
    """

    __tablename__ = "subject_pass"
    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), unique=True)
    run: Mapped[str] = mapped_column(String(64))  # key of the run that began last
    begun: Mapped[str] = mapped_column(String(64))  # digest of the inputs with which it began
    begun_at: Mapped[datetime] = mapped_column(default=now)
    ended: Mapped[str] = mapped_column(String(64), default="")  # with which the last one that ended began
    ended_at: Mapped[datetime | None]


class HeldStudy(Base):
    """A study at a PACS of which it is in doubt whose it is; its subject stays until a person has settled that."""

    __tablename__ = "held_study"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    study: Mapped[str] = mapped_column(String(64))  # staging pseudonym
    reason: Mapped[str] = mapped_column(String(200))
    held_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "study"),)


class StudyDecision(Base):
    """What a person decided about a study of which it was in doubt whose it is.

    It holds for the person that the subject was then: a corrected key table does not inherit it.
    """

    __tablename__ = "study_decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    study: Mapped[str] = mapped_column(String(64))  # staging pseudonym
    answer: Mapped[str] = mapped_column(String(16))  # belongs, left out
    reason: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "subject_id", "person_id", "study"),)


class SeriesDecision(Base):
    """A series that a reviewer keeps back from a trial, whoever's it is by now; all that comes of it later as well."""

    __tablename__ = "series_decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    study: Mapped[str] = mapped_column(String(64))  # staging pseudonym
    series: Mapped[str] = mapped_column(String(64))  # staging pseudonym
    answer: Mapped[str] = mapped_column(String(16))  # rejected, held
    reason: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "series"),)
