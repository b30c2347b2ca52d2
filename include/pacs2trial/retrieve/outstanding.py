"""What a run asked for and how far it has come, read from the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import aliased

from pacs2trial.retrieve.runs import RunInfo
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, RunStudy, Subject

_Columns = TypeVarTuple("_Columns")

OPEN = (InstanceState.EXPECTED, InstanceState.MISSING, InstanceState.FAILED)
"""States of an instance that stage 1 has not settled."""
MODALITY_UNKNOWN = ""
"""Of a series whose modality the PACS did not tell; it is asked for, and the object itself will tell."""


@dataclass(frozen=True)
class AskedInstance:
    """One instance of a study that a run asks for, by its staging pseudonyms."""

    subject_key: str
    study: str
    series: str
    sop_instance: str
    sop_class: str
    state: InstanceState

    @property
    def outstanding(self) -> bool:
        """Whether stage 1 has not settled it: it is still expected, or was given up before."""
        return self.state in OPEN


def counts(vault: Vault, run: RunInfo, subject_keys: Collection[str]) -> dict[InstanceState, int]:
    """How many of the instances of :func:`asked_instances` are in each state; cheap enough to ask often."""
    statement = _of_run(select(Instance.state, func.count()), run, subject_keys).group_by(Instance.state)
    with vault.session(read_only=True) as session:
        return {InstanceState(state): number for state, number in session.execute(statement)}


def asked_instances(vault: Vault, run: RunInfo, subject_keys: Collection[str]) -> list[AskedInstance]:
    """All instances of the run's studies whose modality the trial wants, in order of series and SOP Instance UID."""
    columns = (
        Subject.key,
        Instance.study,
        Instance.series,
        Instance.sop_instance,
        Instance.sop_class,
        Instance.state,
    )
    statement = _of_run(select(*columns), run, subject_keys).order_by(*columns[:4])
    with vault.session(read_only=True) as session:
        return [AskedInstance(*row[:-1], state=InstanceState(row.state)) for row in session.execute(statement)]


def whole_studies(vault: Vault, run: RunInfo) -> frozenset[str]:
    """The studies of which the run wants everything that the PACS shows."""
    with vault.session(read_only=True) as session:
        return frozenset(
            session.scalars(select(RunStudy.study).where(RunStudy.run_id == run.run_id, RunStudy.whole.is_(True)))
        )


def _of_run(query: Select[*_Columns], run: RunInfo, subject_keys: Collection[str]) -> Select[*_Columns]:
    wanted = {*run.definition.source.modalities, MODALITY_UNKNOWN}
    asked, filed = aliased(Identifier), aliased(Identifier)
    return (
        query.select_from(RunStudy)
        .join(Subject, Subject.id == RunStudy.subject_id)
        .join(asked, asked.id == RunStudy.identifier_id)
        .join(filed, filed.person_id == asked.person_id)
        .join(Instance, and_(Instance.study == RunStudy.study, Instance.identifier_id == filed.id))
        .where(RunStudy.run_id == run.run_id, Subject.key.in_(subject_keys), Instance.modality.in_(wanted))
    )
