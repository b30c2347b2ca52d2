"""What people decided about studies of which it was in doubt whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.vault.tables import StudyDecision, Subject


class Answer(StrEnum):
    """Whether a study is the subject's. One that is left out is never asked for nor collected for this trial."""

    BELONGS = "belongs"
    LEFT_OUT = "left out"


Decisions = Mapping[tuple[int, str], Answer]
"""By subject and staging Study Instance UID."""


def decided(session: Session, trial: str) -> Decisions:
    """Decisions of a trial that hold.

    What was decided of another person than the key now means is forgotten.
    """
    query = (
        select(StudyDecision.subject_id, StudyDecision.study, StudyDecision.answer)
        .join(Subject, (Subject.id == StudyDecision.subject_id) & (Subject.person_id == StudyDecision.person_id))
        .where(StudyDecision.trial == trial)
    )
    return {(subject, study): Answer(answer) for subject, study, answer in session.execute(query)}
