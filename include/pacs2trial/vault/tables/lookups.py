"""What look-ups in other tables and databases of the hospital answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs2trial.vault.tables.base import Base, now


class LookupAnswer(Base):
    """One answer that a subject's packages may be made from. An answer that changes is a row beside the earlier one.

    ``question`` is the keyed digest of what was asked with, ``answer`` that of the answer.
    """

    __tablename__ = "lookup_answer"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    lookup: Mapped[str] = mapped_column(String(32))
    question: Mapped[str] = mapped_column(String(64))
    answer: Mapped[str] = mapped_column(String(64))
    answer_sealed: Mapped[bytes]
    first_given_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "lookup", "question", "answer"),)
