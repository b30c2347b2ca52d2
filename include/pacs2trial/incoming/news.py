"""Which trials have work with what came unasked: complete studies of enrolled subjects that no filter has judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from pacs2trial.staging.balance import ANNOUNCED
from pacs2trial.staging.ledger import PULLED
from pacs2trial.staging.versions import has_news
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import (
    Arriving,
    HandedOver,
    Identifier,
    Instance,
    InstanceState,
    Subject,
    TrialInstance,
    now,
)
from pacs2trial.workspace import Workspace

AGAIN = timedelta(hours=6)
"""After which a trial is told once more of what it has not judged: its run failed, or its DAG is paused."""

_ARRIVED = (InstanceState.STAGED, InstanceState.QUARANTINED)
_REFUSED = InstanceState.REJECTED


@dataclass(frozen=True)
class Ready:
    """Subjects of a trial with something new that is complete.

    Attributes:
        trial: trial ID.
        subject_keys: sorted.
        studies: in which it stands.
        instances: that the trial's filter has not judged as they are now.
        marks: by subject row, what exactly is new; :func:`hand_over` remembers it.
    """

    trial: str
    subject_keys: tuple[str, ...]
    studies: int
    instances: int
    marks: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _New:
    subject_id: int
    subject_key: str
    study: str
    state: tuple[int, int, int | None]  # instance, its contents, how many of them the trial had judged
    announced: bool  # by a PACS, and not judged before


def ready(ws: Workspace, definition: TrialDefinition, *, at: datetime | None = None) -> Ready:
    """The subjects of a trial for whom a run is due.

    Something is new when it came unasked and the trial has not judged it, when it came after a retrieval had given it
    up, when another content of an object came, or when a person decided on versions. Its study is complete once every
    association that brought objects to it has ended and nothing has arrived for the site's ``incoming_quiet_seconds``;
    or at once when all that is new was announced by a PACS and all that was announced is here. What comes later is new
    again. Subjects that were handed over are left out as long as nothing else comes, and named again after
    :data:`AGAIN`.

    Args:
        ws: the site.
        definition: the trial.
        at: the moment, UTC; now when absent.
    """
    moment = at or now()
    with ws.vault.session(read_only=True) as session:
        found = _news(session, definition)
        studies = {one.study for one in found}
        quiet_since = moment - timedelta(seconds=ws.settings.incoming_quiet_seconds)
        unsettled = _still_arriving(session, studies, quiet_since) | _being_brought(session, studies, moment)
        unsettled -= _agreed(session, unsettled - {one.study for one in found if not one.announced})
        handed = {row.subject_id: row for row in session.scalars(select(HandedOver).filter_by(trial=definition.trial))}
    complete = [one for one in found if one.study not in unsettled]
    marks = _marks(complete)
    due = {
        subject_id: mark
        for subject_id, mark in marks.items()
        if subject_id not in handed or handed[subject_id].mark != mark or moment - handed[subject_id].handed_at >= AGAIN
    }
    chosen = [one for one in complete if one.subject_id in due]
    return Ready(
        definition.trial,
        tuple(sorted({one.subject_key for one in chosen})),
        studies=len({one.study for one in chosen}),
        instances=len(chosen),
        marks=tuple(sorted(due.items())),
    )


def hand_over(ws: Workspace, given: Ready) -> None:
    """Remember that a trial was told, so that it is not told of the same again while its run is under way."""
    with ws.vault.session() as session:
        for batch in batches(list(given.marks)):
            ids = [subject_id for subject_id, _mark in batch]
            session.execute(delete(HandedOver).where(HandedOver.trial == given.trial, HandedOver.subject_id.in_(ids)))
            session.add_all(HandedOver(trial=given.trial, subject_id=one, mark=mark) for one, mark in batch)


def is_unasked() -> ColumnElement[bool]:
    """Of an Instance: whether no PACS announced it and no retrieval brought it."""
    return and_(Instance.source.not_like(f"{ANNOUNCED}%"), Instance.source.not_like(f"{PULLED}%"))


def _news(session: Session, definition: TrialDefinition) -> list[_New]:
    judged_for_it = and_(
        TrialInstance.trial == Subject.trial,
        TrialInstance.instance_id == Instance.id,
        TrialInstance.subject_id == Subject.id,
    )
    query = (
        select(
            *(Subject.id, Subject.key, Instance.study, Instance.id, Instance.contents, TrialInstance.contents),
            Instance.source,
        )
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .join(Instance, Instance.identifier_id == Identifier.id)
        .outerjoin(TrialInstance, judged_for_it)
        .where(Subject.trial == definition.trial, Subject.withdrawn_at.is_(None))
        .where(Instance.state.in_(_ARRIVED), Instance.modality.in_(definition.source.modalities))
        .where(or_(and_(TrialInstance.id.is_(None), or_(is_unasked(), Instance.late)), has_news()))
    )
    return [
        _New(
            *(subject_id, key, study, (instance_id, contents, judged)),
            announced=judged is None and source.startswith(ANNOUNCED),
        )
        for subject_id, key, study, instance_id, contents, judged, source in session.execute(query)
    ]


def _still_arriving(session: Session, studies: Collection[str], since: datetime) -> set[str]:
    found: set[str] = set()
    for batch in batches(sorted(studies)):
        found.update(
            session.scalars(
                select(Instance.study)
                .where(Instance.study.in_(batch))
                .group_by(Instance.study)
                .having(func.max(Instance.arrived_at) > since)
            )
        )
    return found


def _being_brought(session: Session, studies: Collection[str], moment: datetime) -> set[str]:
    """Those to which an association that is still open brought objects."""
    found: set[str] = set()
    for batch in batches(sorted(studies)):
        leases = select(Arriving.study).where(Arriving.study.in_(batch), Arriving.until > moment)
        found.update(session.scalars(leases))
    return found


def _agreed(session: Session, studies: Collection[str]) -> set[str]:
    """Those of which everything is here that was announced."""
    awaited: set[str] = set()
    for batch in batches(sorted(studies)):
        absent = select(Instance.study).where(Instance.study.in_(batch), Instance.state.not_in((*_ARRIVED, _REFUSED)))
        awaited.update(session.scalars(absent.distinct()))
    return set(studies) - awaited


def _marks(found: Collection[_New]) -> dict[int, str]:
    by_subject: dict[int, list[tuple[int, int, int | None]]] = {}
    for one in found:
        by_subject.setdefault(one.subject_id, []).append(one.state)
    return {
        subject_id: hashlib.sha256(json.dumps(sorted(states, key=str)).encode()).hexdigest()
        for subject_id, states in by_subject.items()
    }
