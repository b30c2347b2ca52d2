"""Runs: what was planned, and the inputs that a run pinned when it was planned (promise 7)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sqlalchemy import select

from pacs2trial import __version__
from pacs2trial.errors import InputError
from pacs2trial.intake.stage1 import pinned_staging_plan
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import Run, RunStudy
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class RunInfo:
    """A run with exactly the definition, staging plan and key table that were in force when it was planned."""

    run_id: int
    key: str
    trial: str
    definition: TrialDefinition
    staging_plan: str
    """Digest of the pinned staging plan."""
    key_version_id: int
    release: str
    date_from: date | None
    date_to: date | None


@dataclass(frozen=True)
class AskedStudy:
    """A study that a run asks for: whose it is, its staging Study Instance UID, the instances announced and wanted.

    ``whole`` when all that the PACS shows of it is wanted.
    """

    subject_id: int
    identifier_id: int
    study: str
    expected: int
    whole: bool = False


def record_run(
    ws: Workspace,
    definition: TrialDefinition,
    key_version_id: int,
    studies: Sequence[AskedStudy],
    date_from: date | None,
    date_to: date | None,
) -> str:
    """Write a run, its studies and its pins; returns the run's key, which is random and says nothing."""
    key = uuid4().hex
    pinned_definition = ws.vault.pin("definition", _canonical(definition))
    staging_plan = pinned_staging_plan(ws).digest
    with ws.vault.session() as session:
        run = Run(
            key=key,
            trial=definition.trial,
            definition=pinned_definition,
            staging_plan=staging_plan,
            key_version_id=key_version_id,
            release=__version__,
            date_from=date_from,
            date_to=date_to,
        )
        session.add(run)
        session.flush()
        session.add_all(_row(run.id, asked) for asked in studies)
    return key


def add_studies(ws: Workspace, run: RunInfo, studies: Sequence[AskedStudy]) -> int:
    """Add those of ``studies`` to a run that it does not ask for yet; returns how many instances they announce."""
    with ws.vault.session() as session:
        known = set(session.scalars(select(RunStudy.study).where(RunStudy.run_id == run.run_id)))
        new = [asked for asked in studies if asked.study not in known]
        session.add_all(_row(run.run_id, asked) for asked in new)
    return sum(asked.expected for asked in new)


def _row(run_id: int, asked: AskedStudy) -> RunStudy:
    return RunStudy(
        run_id=run_id,
        subject_id=asked.subject_id,
        identifier_id=asked.identifier_id,
        study=asked.study,
        expected=asked.expected,
        whole=asked.whole,
    )


def load_run(ws: Workspace, run_key: str) -> RunInfo:
    """The run called ``run_key`` with the definition that it pinned, whatever the file says by now.

    Raises:
        InputError: there is no such run.
    """
    with ws.vault.session(read_only=True) as session:
        run = session.scalar(select(Run).where(Run.key == run_key))
        if run is None:
            raise InputError(f"run {run_key!r} is unknown; plan one with pacs2trial retrieve, or by the trial's DAG")
        session.expunge(run)
    return RunInfo(
        run_id=run.id,
        key=run.key,
        trial=run.trial,
        definition=TrialDefinition.model_validate_json(ws.vault.pinned(run.definition)),
        staging_plan=run.staging_plan,
        key_version_id=run.key_version_id,
        release=run.release,
        date_from=run.date_from,
        date_to=run.date_to,
    )


def newest_definition(ws: Workspace, trial: str) -> TrialDefinition | None:
    """The definition that the newest run of a trial pinned; None when it had no run."""
    with ws.vault.session(read_only=True) as session:
        query = select(Run.definition).where(Run.trial == trial).order_by(Run.id.desc()).limit(1)
        digest = session.scalars(query).one_or_none()
    return None if digest is None else TrialDefinition.model_validate_json(ws.vault.pinned(digest))


def _canonical(definition: TrialDefinition) -> bytes:
    content = definition.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
