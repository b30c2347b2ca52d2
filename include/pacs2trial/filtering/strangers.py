"""Links that lead to an object of another patient: whatever has one is in doubt, and held until a person answers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.filtering.links import SELF_CONTAINED, references
from pacs2trial.staging.versions import is_used
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Instance, StagedVersion, TrialInstance
from pacs2trial.workspace import Workspace

RULE: Final = "links: an object of another patient is referred to"


def linked_to_others(ws: Workspace, trial: str, person_id: int, let_through: Collection[int]) -> frozenset[int]:
    """Which of the instances that a trial lets through for a person refer to an instance of somebody else.

    What the site never saw belongs to nobody; nor is read what was cleaned up.

    Raises:
        TransientError: a staged file cannot be read.
    """
    with ws.vault.session(read_only=True) as session:
        paths = _paths(session, trial, sorted(let_through))
    named = {instance: references(ws, path) or set() for instance, path in paths.items()}
    with ws.vault.session(read_only=True) as session:
        foreign = _of_others(session, person_id, set().union(*named.values()))
    return frozenset(instance for instance, uids in named.items() if uids & foreign)


def _paths(session: Session, trial: str, instance_ids: Collection[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for batch in batches(instance_ids):
        query = (
            select(Instance.id, StagedVersion.path)
            .join(TrialInstance, (TrialInstance.instance_id == Instance.id) & (TrialInstance.trial == trial))
            .join(StagedVersion, (StagedVersion.instance_id == Instance.id) & is_used())
            .where(Instance.id.in_(batch), Instance.modality.not_in(SELF_CONTAINED))
        )
        found.update(session.execute(query).all())
    return found


def _of_others(session: Session, person_id: int, uids: Collection[str]) -> set[str]:
    found: set[str] = set()
    for batch in batches(sorted(uids)):
        query = (
            select(Instance.sop_instance)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .where(Instance.sop_instance.in_(batch), Identifier.person_id != person_id)
        )
        found.update(session.scalars(query))
    return found
