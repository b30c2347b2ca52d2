"""What the filter of a trial holds, counted by subject and rule."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Instance, Judgement, Subject, TrialInstance


@dataclass(frozen=True)
class HeldGroup:
    """Instances of one subject that one rule holds; the rule names no value."""

    subject_key: str
    rule: str
    modality: str
    instances: int


def held_instances(vault: Vault, trial: str) -> list[HeldGroup]:
    """Everything that waits for a person, ordered by subject."""
    query = (
        select(Subject.key, TrialInstance.rule, Instance.modality, func.count())
        .join(Subject, Subject.id == TrialInstance.subject_id)
        .join(Instance, Instance.id == TrialInstance.instance_id)
        .where(TrialInstance.trial == trial, TrialInstance.state == Judgement.HELD, Subject.withdrawn_at.is_(None))
        .group_by(Subject.key, TrialInstance.rule, Instance.modality)
        .order_by(Subject.key, TrialInstance.rule, Instance.modality)
    )
    with vault.session(read_only=True) as session:
        return [HeldGroup(*row) for row in session.execute(query)]
