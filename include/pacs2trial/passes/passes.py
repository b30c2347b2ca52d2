"""Who has anything to do, told by comparing the inputs of today with those of the last pass that ended.

A pass that failed has not ended, so that its subject is due until it succeeds. One that led to a person's question has:
nothing changes until somebody answers, and the answer is an input.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update

from pacs2trial.passes.inputs import inputs
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches, insert_new
from pacs2trial.vault.tables import PackageRow, PackageState, Subject, SubjectPass, now
from pacs2trial.workspace import Workspace


def due(ws: Workspace, definition: TrialDefinition, subject_keys: Collection[str]) -> set[str]:
    """Those of the subjects of whom something is not as it was when their last pass began, or whose package is lost.

    All of them where the trial has look-ups: an answer may change without anybody telling.
    """
    if definition.lookups:
        return set(subject_keys)
    wanted = inputs(ws, definition, subject_keys)
    ended: dict[str, str] = {}
    with ws.vault.session(read_only=True) as session:
        for keys in batches(sorted(wanted)):
            query = (
                select(Subject.key, SubjectPass.ended)
                .join(Subject, Subject.id == SubjectPass.subject_id)
                .where(Subject.trial == definition.trial, Subject.key.in_(keys))
            )
            ended |= dict(session.execute(query).all())
    changed = {key for key, digest in wanted.items() if ended.get(key) != digest}
    return changed | _lost(ws, definition.trial, wanted.keys() - changed)


def _lost(ws: Workspace, trial: str, subject_keys: Collection[str]) -> set[str]:
    """The subjects with a package in force whose file is gone, though nobody cleaned it up."""
    packages: dict[str, str] = {}
    with ws.vault.session(read_only=True) as session:
        for keys in batches(sorted(subject_keys)):
            query = (
                select(PackageRow.path, Subject.key)
                .join(Subject, Subject.id == PackageRow.subject_id)
                .where(Subject.trial == trial, Subject.key.in_(keys), PackageRow.removed_at.is_(None))
                .where(PackageRow.state != PackageState.SUPERSEDED)
            )
            packages |= dict(session.execute(query).all())
    return {packages[name] for name in ws.packages.absent(packages)}


def begin(ws: Workspace, definition: TrialDefinition, subject_keys: Collection[str], *, run_key: str) -> None:
    """Write down that a run begins a pass of each subject, with the inputs as they are now."""
    with_inputs = inputs(ws, definition, subject_keys)
    with ws.vault.session() as session:
        for keys in batches(sorted(with_inputs)):
            query = select(Subject.key, Subject.id).where(Subject.trial == definition.trial, Subject.key.in_(keys))
            rows = [
                {"subject_id": subject_id, "run": run_key, "begun": with_inputs[key], "begun_at": now(), "ended": ""}
                for key, subject_id in session.execute(query)
            ]
            insert_new(session, SubjectPass, rows)
            for row in rows:
                again = {name: row[name] for name in ("run", "begun", "begun_at")}
                session.execute(update(SubjectPass).where(SubjectPass.subject_id == row["subject_id"]).values(**again))


def end(ws: Workspace, trial: str, subject_key: str, *, run_key: str) -> bool:
    """Write down that the subject's pass has come to its end, at the destinations or at a person's question.

    Returns:
        False when another run has begun a pass of the subject since; that one counts.
    """
    subject = select(Subject.id).where(Subject.trial == trial, Subject.key == subject_key).scalar_subquery()
    with ws.vault.session() as session:
        mine = session.scalar(select(SubjectPass).where(SubjectPass.subject_id == subject, SubjectPass.run == run_key))
        if mine is None:
            return False
        mine.ended, mine.ended_at = mine.begun, now()
    return True
