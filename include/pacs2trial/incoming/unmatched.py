"""Studies that came unasked and belong to nobody who is enrolled: they wait, visible, for a key table to know them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pacs2trial.incoming.news import is_unasked
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, StagedVersion, Subject
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class UnmatchedStudy:
    """One study that waits; names nobody.

    Attributes:
        study: staging pseudonym.
        modalities: sorted.
        instances: in staging or quarantine, whose files may have been cleaned up.
        sources: who sent it, such as ``push:SCANNER``; sorted.
        since: when its first instance came, UTC.
        last: when the last one came.
        expires: when the site's setting lets it go, None if never.
    """

    study: str
    modalities: tuple[str, ...]
    instances: int
    sources: tuple[str, ...]
    since: datetime
    last: datetime
    expires: datetime | None


def unmatched(ws: Workspace) -> list[UnmatchedStudy]:
    """The studies of persons whom no trial's key table knows, oldest first; those that are cleaned up are left out."""
    days = ws.settings.incoming_expire_days
    with ws.vault.session(read_only=True) as session:
        studies = sorted(waiting_studies(session))
        return sorted((_study(session, one, days) for one in studies), key=lambda one: (one.since, one.study))


def waiting_studies(session: Session) -> set[str]:
    """Studies with an unasked object of a person who is enrolled nowhere, and with something left of it here."""
    here = (
        select(StagedVersion.id)
        .where(StagedVersion.instance_id == Instance.id, StagedVersion.removed_at.is_(None))
        .exists()
    )
    query = (
        select(Instance.study)
        .where(is_unasked(), ~is_enrolled())
        .where((Instance.state == InstanceState.QUARANTINED) | ((Instance.state == InstanceState.STAGED) & here))
        .distinct()
    )
    return set(session.scalars(query))


def is_enrolled() -> ColumnElement[bool]:
    """Of an Instance: whether its person is a subject of any trial, or was one and may still be needed as such."""
    return (
        select(Subject.id)
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .where(Identifier.id == Instance.identifier_id)
        .exists()
    )


def _study(session: Session, study: str, days: int | None) -> UnmatchedStudy:
    arrived = Instance.state.in_((InstanceState.STAGED, InstanceState.QUARANTINED))
    of_study = (Instance.study == study, arrived)
    came = func.coalesce(Instance.arrived_at, Instance.recorded_at)
    number, since, last = session.execute(select(func.count(), func.min(came), func.max(came)).where(*of_study)).one()
    modalities = session.scalars(select(Instance.modality).where(*of_study).distinct())
    sources = session.scalars(select(Instance.source).where(*of_study).distinct())
    expires = last + timedelta(days=days) if days is not None else None
    return UnmatchedStudy(study, tuple(sorted(modalities)), number, tuple(sorted(sources)), since, last, expires)
