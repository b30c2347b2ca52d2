"""Which staged objects a subject's packages are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pacs2trial.errors import BalanceError
from pacs2trial.staging.versions import is_used
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    InstanceState,
    Judgement,
    StagedVersion,
    Subject,
    TrialInstance,
)

WANTED = (Judgement.ACCEPTED, Judgement.COLLECTED)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One instance that the trial's filter let through, by its staging pseudonyms, and the content that it uses.

    ``mask`` is the digest of the voxels that are blanked for this trial; empty if none are.
    """

    instance_id: int
    version_id: int
    study: str
    series: str
    sop_instance: str
    digest: str
    path: str  # below the staging folder
    plan: str  # digest of the staging plan that made it
    mask: str = ""


CHOSEN: Final = (
    Instance.id,
    StagedVersion.id,
    Instance.study,
    Instance.series,
    Instance.sop_instance,
    StagedVersion.digest,
    StagedVersion.path,
    StagedVersion.plan,
)
"""What a :class:`Chosen` is read from, in its order; behind them stands the mask, if it is one of a trial."""


def let_through(trial: str, *columns: InstrumentedAttribute[Any] | ColumnElement[Any]) -> Select[Any]:
    """The query for ``columns`` of every instance that a trial lets through, with the content that it uses, if any.

    What was judged while the subject key still belonged to another person is not the subject's.
    """
    return (
        select(*columns)
        .select_from(Instance)
        .join(TrialInstance, TrialInstance.instance_id == Instance.id)
        .join(Subject, Subject.id == TrialInstance.subject_id)
        .join(Identifier, (Identifier.id == Instance.identifier_id) & (Identifier.person_id == Subject.person_id))
        .outerjoin(StagedVersion, (StagedVersion.instance_id == Instance.id) & is_used())
        .where(TrialInstance.trial == trial, TrialInstance.state.in_(WANTED))
    )


def chosen(session: Session, trial: str, subject_id: int) -> list[Chosen]:
    """Everything of the subject that is accepted or already collected, ordered by staging pseudonym.

    Raises:
        BalanceError: an accepted instance has no content in the staging store.
    """
    rows = session.execute(
        let_through(trial, *CHOSEN, TrialInstance.mask, Instance.state)
        .where(TrialInstance.subject_id == subject_id)
        .order_by(Instance.sop_instance)
    ).all()
    absent = sum(row[1] is None or row[-1] != InstanceState.STAGED for row in rows)
    if absent:
        raise BalanceError(
            f"{trial}: {absent} accepted instances of a subject are not in the staging store; "
            f"run pacs2trial retrieve {trial}, then pacs2trial filter {trial}"
        )
    return [Chosen(*row[:-1]) for row in rows]
