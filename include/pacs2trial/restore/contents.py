"""The staged contents that a subject needs, and which of them are not there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVarTuple

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from pacs2trial.dicomfile.mapped import mapped
from pacs2trial.settings import Settings
from pacs2trial.staging.store import claim, digest_of
from pacs2trial.staging.versions import is_used
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    InstanceState,
    Judgement,
    PackageMember,
    PackageRow,
    PackageState,
    StagedVersion,
    Subject,
    TrialInstance,
)

_Columns = TypeVarTuple("_Columns")

_USED = (Judgement.ACCEPTED, Judgement.COLLECTED, Judgement.HELD)


@dataclass(frozen=True, slots=True)
class Content:
    """One recorded content of one instance, by its staging pseudonyms; ``path`` is below the staging folder."""

    version_id: int
    instance_id: int
    study: str
    series: str
    sop_instance: str
    sop_class: str
    modality: str
    source: str
    digest: str
    size: int
    path: str


COLUMNS = (
    StagedVersion.id,
    Instance.id,
    Instance.study,
    Instance.series,
    Instance.sop_instance,
    Instance.sop_class,
    Instance.modality,
    Instance.source,
    StagedVersion.digest,
    StagedVersion.size,
    StagedVersion.path,
)


def needed(session: Session, subject: Subject, modalities: Collection[str]) -> list[Content]:
    """What the packages in force of a subject are made of, and what its trial uses or has still to judge.

    Ordered by series and SOP Instance UID.

    Args:
        session: a reading transaction.
        subject: whose.
        modalities: what the trial wants, where its filter has not judged yet.
    """
    packed = (
        _contents(select(*COLUMNS))
        .join(PackageMember, PackageMember.version_id == StagedVersion.id)
        .join(PackageRow, PackageRow.id == PackageMember.package_id)
        .where(PackageRow.subject_id == subject.id, PackageRow.state != PackageState.SUPERSEDED)
    )
    own = and_(TrialInstance.trial == subject.trial, TrialInstance.subject_id == subject.id)
    used = (
        _contents(select(*COLUMNS))
        .join(Identifier, Identifier.id == Instance.identifier_id)
        .outerjoin(TrialInstance, and_(TrialInstance.instance_id == Instance.id, own))
        .where(
            Identifier.person_id == subject.person_id,
            Instance.state == InstanceState.STAGED,
            is_used(),
            or_(
                TrialInstance.state.in_(_USED),
                and_(TrialInstance.id.is_(None), Instance.modality.in_(modalities)),
            ),
        )
    )
    found = {row[0]: Content(*row) for statement in (packed, used) for row in session.execute(statement)}
    return sorted(found.values(), key=lambda one: (one.study, one.series, one.sop_instance))


def lost(settings: Settings, contents: Iterable[Content]) -> list[Content]:
    """Those whose file is absent. A file that is not what the ledger says is removed, so that the object may come anew.

    Every file is read.
    """
    return [one for one in contents if not _intact(settings, one)]


def is_there(settings: Settings, content: Content) -> bool:
    """Whether the file lies in the staging store with the right size."""
    path = settings.staging / content.path
    return path.is_file() and path.stat().st_size == content.size


def _intact(settings: Settings, content: Content) -> bool:
    path = settings.staging / content.path
    with claim(settings, content.sop_instance):
        if is_there(settings, content) and digest_of([mapped(path, whole=False)]) == content.digest:
            return True
        path.unlink(missing_ok=True)
    return False


def _contents(query: Select[*_Columns]) -> Select[*_Columns]:
    return query.select_from(StagedVersion).join(Instance, Instance.id == StagedVersion.instance_id)
