"""What the filter last said of a trial's subjects: what was set aside by which rule, and what is lacking."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Judgement, Subject, SubjectGap, TrialInstance


@dataclass(frozen=True)
class SetAside:
    """How many instances of a subject one rule holds, rejects or does not want."""

    subject_key: str
    judgement: str
    rule: str
    instances: int


@dataclass(frozen=True)
class Lacking:
    """What a trial requires and a subject does not have, and how much of it."""

    subject_key: str
    gap: str
    number: int


def set_aside(vault: Vault, trial: str) -> list[SetAside]:
    """What was not let through, by subject, judgement and rule."""
    query = (
        select(Subject.key, TrialInstance.state, TrialInstance.rule, func.count())
        .join(Subject, Subject.id == TrialInstance.subject_id)
        .where(
            TrialInstance.trial == trial,
            TrialInstance.state.in_((Judgement.HELD, Judgement.REJECTED, Judgement.NOT_WANTED)),
            Subject.withdrawn_at.is_(None),
        )
        .group_by(Subject.key, TrialInstance.state, TrialInstance.rule)
        .order_by(Subject.key, TrialInstance.state, TrialInstance.rule)
    )
    with vault.session(read_only=True) as session:
        return [SetAside(*row) for row in session.execute(query)]


def lacking(vault: Vault, trial: str) -> list[Lacking]:
    """What ``filter.require`` asks for and was not there, by subject."""
    query = (
        select(Subject.key, SubjectGap.gap, SubjectGap.number)
        .join(Subject, Subject.id == SubjectGap.subject_id)
        .where(SubjectGap.trial == trial, Subject.withdrawn_at.is_(None))
        .order_by(Subject.key, SubjectGap.gap)
    )
    with vault.session(read_only=True) as session:
        return [Lacking(*row) for row in session.execute(query)]
