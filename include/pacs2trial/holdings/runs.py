"""What one run of a trial asked for, and what stands of it now, for the trial's file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from pacs2trial.errors import InputError
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyVersion, Run, RunStudy, Subject


@dataclass(frozen=True)
class RunAccount:
    """A run: what it pinned (digests), its window, and what each subject's studies were expected to bring.

    Attributes:
        expected: subject key → studies, instances announced by the PACS.
    """

    key: str
    trial: str
    definition: str
    staging_plan: str
    key_table: int
    key_table_digest: str
    release: str
    date_from: date | None
    date_to: date | None
    planned_at: datetime
    expected: dict[str, tuple[int, int]]


def run_account(vault: Vault, run_key: str) -> RunAccount:
    """The account of a run.

    Raises:
        InputError: there is no such run.
    """
    with vault.session(read_only=True) as session:
        run = session.scalar(select(Run).where(Run.key == run_key))
        if run is None:
            raise InputError("this run is not in the vault")
        keys = session.get_one(KeyVersion, run.key_version_id)
        rows = session.execute(
            select(Subject.key, func.count(RunStudy.id), func.coalesce(func.sum(RunStudy.expected), 0))
            .join(Subject, Subject.id == RunStudy.subject_id)
            .where(RunStudy.run_id == run.id)
            .group_by(Subject.key)
            .order_by(Subject.key)
        ).all()
        return RunAccount(
            key=run.key,
            trial=run.trial,
            definition=run.definition,
            staging_plan=run.staging_plan,
            key_table=keys.number,
            key_table_digest=keys.digest,
            release=run.release,
            date_from=run.date_from,
            date_to=run.date_to,
            planned_at=run.planned_at,
            expected={key: (studies, expected) for key, studies, expected in rows},
        )
