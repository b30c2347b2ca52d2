"""How Airflow re-makes what a corrected key table made stale: the commands, ready to be copied."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from pacs2trial.keytable import KeyTableChange
from pacs2trial.keytable.corrections import Effect
from pacs2trial.staging.versions import members_changed
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Instance, PackageRow, PackageState, Subject
from pacs2trial.workspace import Workspace

MOST_NAMED = 100
"""Subjects that a command names; with more it covers all, which costs a question to the PACS each."""


@dataclass(frozen=True)
class Rerun:
    """The subjects that have to be made anew, and what to type.

    Attributes:
        subjects: those that were added or corrected and are enrolled.
        backfill: re-makes them over the study dates that are known of them; empty when none is known, or when the trial
            has no schedule, without which Airflow knows no days.
        trigger: one run over their whole period, which also finds studies that are not known yet.
    """

    subjects: tuple[str, ...]
    date_from: date | None
    date_to: date | None
    backfill: str
    trigger: str


def stale_subjects(ws: Workspace, trial: str) -> list[str]:
    """The enrolled subjects whose packages were made before a correction of the key table, or superseded by it.

    Also those of whom another version of an object came since, or was decided on.

    A subject whose packages are all superseded, as when the key now means another patient, waits for its first one.
    """
    of_subject = PackageRow.subject_id == Subject.id
    in_force = select(PackageRow.id).where(of_subject, PackageRow.state != PackageState.SUPERSEDED)
    query = (
        select(Subject.key)
        .where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
        .where(
            in_force.where(PackageRow.revision != Subject.revision).exists()
            | in_force.where(PackageRow.id.in_(members_changed())).exists()
            | (
                select(PackageRow.id).where(of_subject, PackageRow.revision < Subject.revision).exists()
                & ~in_force.exists()
            )
        )
        .order_by(Subject.key)
    )
    with ws.vault.session(read_only=True) as session:
        return list(session.scalars(query.order_by(Subject.key)))


def dag_id(trial: str) -> str:
    """The DAG of a trial."""
    return f"trial_{trial}"


def rerun(ws: Workspace, definition: TrialDefinition, change: KeyTableChange) -> Rerun:
    """What the next run has to do anew after an import."""
    corrected = {each.subject_key for each in change.corrections if each.effect is not Effect.WITHDRAWN}
    subjects = tuple(sorted(corrected.union(change.added)))
    if not subjects:
        return Rerun((), None, None, "", "")
    first, last = _study_dates(ws, definition.trial, subjects)
    form = {"subjects": list(subjects)} if len(subjects) <= MOST_NAMED else {}
    backfill = _backfill(definition, first, last, form, ZoneInfo(ws.settings.time_zone)) if first and last else ""
    trigger = ["airflow", "dags", "trigger", dag_id(definition.trial), "--conf", _json(form)]
    return Rerun(subjects, first, last, backfill, shlex.join(trigger))


def _backfill(definition: TrialDefinition, first: date, last: date, form: dict[str, list[str]], zone: ZoneInfo) -> str:
    """The command whose intervals answer for the days from ``first`` to ``last`` (the interval of D begins on D)."""
    if definition.schedule is None:
        return ""
    begin = datetime.combine(first, time.min, zone)
    end = datetime.combine(last + timedelta(days=1), time.min, zone) - timedelta(seconds=1)
    command = ["airflow", "backfill", "create", "--dag-id", dag_id(definition.trial)]
    command += ["--from-date", begin.isoformat(), "--to-date", end.isoformat()]
    command += ["--reprocess-behavior", "completed", "--max-active-runs", "1"]
    if form:
        command += ["--dag-run-conf", _json(form)]
    return shlex.join(command)


def _json(form: dict[str, list[str]]) -> str:
    return json.dumps(form, separators=(",", ":"))


def _study_dates(ws: Workspace, trial: str, subjects: Collection[str]) -> tuple[date | None, date | None]:
    """First and last study date that the ledger knows of the subjects."""
    days: list[date] = []
    with ws.vault.session(read_only=True) as session:
        for some in batches(subjects):
            query = (
                select(func.min(Instance.study_date), func.max(Instance.study_date))
                .join(Identifier, Identifier.id == Instance.identifier_id)
                .join(Subject, Subject.person_id == Identifier.person_id)
                .where(Subject.trial == trial, Subject.key.in_(some))
            )
            days += [day for day in session.execute(query).one() if day is not None]
    return (min(days), max(days)) if days else (None, None)
