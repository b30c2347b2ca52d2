"""What lies in staging and packages of one subject of a trial, and what other trials need of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.settings import Settings
from pacs2trial.storage import Packages
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    Judgement,
    PackageMember,
    PackageRow,
    PackageState,
    StagedVersion,
    Subject,
    TrialInstance,
)
from pacs2trial.workspace import Workspace

_SET_ASIDE = (Judgement.NOT_WANTED, Judgement.REJECTED)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file in the staging store, by staging pseudonyms; ``written`` is its time on disk, seconds since 1970.

    ``alone`` is false where several contents came of its instance: a PACS that shows the instance has one of them only.
    """

    version_id: int
    instance_id: int
    study: str
    series: str
    sop_instance: str
    modality: str
    source: str
    alone: bool
    size: int
    path: str
    written: float


@dataclass(frozen=True, slots=True)
class StagedMember:
    """An object of a package by its staging pseudonyms, whether or not it lies in staging; ``alone`` as above."""

    version_id: int
    study: str
    series: str
    sop_instance: str
    source: str
    alone: bool


@dataclass(frozen=True)
class PackageFile:
    """One package file in force and the instances that it is made of."""

    package_id: int
    path: str
    size: int
    written: float
    members: Collection[StagedMember]


def staged_files(session: Session, settings: Settings, subject: Subject) -> list[StagedFile]:
    """Every content of every instance filed under the subject's person whose file is there, in order of series."""
    of_person = select(Identifier.id).where(Identifier.person_id == subject.person_id)
    return files_of(session, settings, Instance.identifier_id.in_(of_person))


def files_of(session: Session, settings: Settings, *which: ColumnElement[bool]) -> list[StagedFile]:
    """Every content of the instances that meet all of ``which`` and whose file is there, in order of series."""
    rows = session.execute(
        select(
            StagedVersion.id,
            Instance.id,
            Instance.study,
            Instance.series,
            Instance.sop_instance,
            Instance.modality,
            Instance.source,
            Instance.contents <= 1,
            StagedVersion.path,
        )
        .join(Instance, Instance.id == StagedVersion.instance_id)
        .where(*which)
        .order_by(Instance.study, Instance.series, Instance.sop_instance, StagedVersion.id)
    )
    found = [_staged_file(settings, row) for row in rows]
    return [one for one in found if one is not None]


def package_files(session: Session, kept: Packages, subject: Subject) -> list[PackageFile]:
    """The packages in force of the subject whose file is there, ordered by path."""
    packages = session.scalars(
        select(PackageRow)
        .where(
            PackageRow.trial == subject.trial,
            PackageRow.subject_id == subject.id,
            PackageRow.state != PackageState.SUPERSEDED,
        )
        .order_by(PackageRow.path)
    ).all()
    found = []
    for row in packages:
        told = kept.there(row.path)
        if told is not None:
            found.append(PackageFile(row.id, row.path, told.size, told.written, _members(session, row.id)))
    return found


def needed_elsewhere(
    session: Session,
    subject: Subject,
    instances: Mapping[int, str],
    wanted: Mapping[str, frozenset[str] | None],
) -> set[int]:
    """Those instances that another trial needs, by its judgement or because it has still to judge them.

    A trial needs an instance of a person enrolled in it until it has judged it as not wanted or rejected, or has itself
    been cleaned up.

    Args:
        session: the transaction.
        subject: of the trial that is cleaned up.
        instances: modality by instance.
        wanted: the modalities that each other trial asks for, None where its definition cannot be read.
    """
    others = session.execute(
        select(Subject.id, Subject.trial).where(
            Subject.person_id == subject.person_id, Subject.trial != subject.trial, Subject.withdrawn_at.is_(None)
        )
    ).all()
    needed: set[int] = set()
    for subject_id, trial in others:
        rows = session.scalars(
            select(TrialInstance)
            .join(Instance, Instance.id == TrialInstance.instance_id)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .where(
                Identifier.person_id == subject.person_id,
                TrialInstance.trial == trial,
                TrialInstance.subject_id == subject_id,
            )
        )
        judged = {row.instance_id: row for row in rows}
        modalities = wanted.get(trial)
        for instance_id, modality in instances.items():
            row = judged.get(instance_id)
            if row is None:
                keeps = modalities is None or modality in modalities
            else:
                keeps = row.released_at is None and row.state not in _SET_ASIDE
            if keeps:
                needed.add(instance_id)
    return needed


def wanted_by_others(ws: Workspace, session: Session, trial: str) -> dict[str, frozenset[str] | None]:
    """The modalities that every other trial with subjects asks for; None where its definition cannot be read."""
    others = session.scalars(select(Subject.trial).where(Subject.trial != trial).distinct()).all()
    return {other: _modalities(ws, other) for other in others}


def _modalities(ws: Workspace, trial: str) -> frozenset[str] | None:
    try:
        definition: TrialDefinition = ws.definition(trial)
    except InputError:
        return None
    return frozenset(definition.source.modalities)


def _staged_file(settings: Settings, row: Row[int, int, str, str, str, str, str, bool, str]) -> StagedFile | None:
    """The file of a row of ids, UIDs, modality, source, whether it is alone, and path; None if it is not there."""
    try:
        stat = (settings.staging / row[-1]).stat()
    except FileNotFoundError:
        return None
    return StagedFile(*row[:8], stat.st_size, row[-1], stat.st_mtime)


def _members(session: Session, package_id: int) -> list[StagedMember]:
    rows = session.execute(
        select(
            StagedVersion.id,
            Instance.study,
            Instance.series,
            Instance.sop_instance,
            Instance.source,
            Instance.contents <= 1,
        )
        .join(PackageMember, PackageMember.version_id == StagedVersion.id)
        .join(Instance, Instance.id == StagedVersion.instance_id)
        .where(PackageMember.package_id == package_id)
    )
    return [StagedMember(*row) for row in rows]
