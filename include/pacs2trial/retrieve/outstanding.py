"""What a run asked for and how far it has come, read from the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, select

from pacs2trial.retrieve.runs import RunInfo
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Instance, InstanceState, RunStudy, Subject

_OPEN = (InstanceState.EXPECTED, InstanceState.MISSING, InstanceState.FAILED)


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
        return self.state in _OPEN


def asked_instances(vault: Vault, run: RunInfo, subject_keys: Collection[str]) -> list[AskedInstance]:
    """All instances of the run's studies whose modality the trial wants, in order of series and SOP Instance UID."""
    wanted = {*run.definition.source.modalities, ""}
    statement = (
        select(
            Subject.key,
            Instance.study,
            Instance.series,
            Instance.sop_instance,
            Instance.sop_class,
            Instance.state,
        )
        .select_from(RunStudy)
        .join(Subject, Subject.id == RunStudy.subject_id)
        .join(Instance, and_(Instance.study == RunStudy.study, Instance.identifier_id == RunStudy.identifier_id))
        .where(RunStudy.run_id == run.run_id, Subject.key.in_(subject_keys), Instance.modality.in_(wanted))
        .order_by(Subject.key, Instance.study, Instance.series, Instance.sop_instance)
    )
    with vault.session(read_only=True) as session:
        return [
            AskedInstance(row.key, row.study, row.series, row.sop_instance, row.sop_class, InstanceState(row.state))
            for row in session.execute(statement)
        ]
