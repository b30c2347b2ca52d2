"""The objects of a version of a package, by the trial's pseudonyms; also of versions that were superseded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, Kind, PackageMember, Pseudonym, Scope, StagedVersion


@dataclass(frozen=True, slots=True)
class PackedInstance:
    """One object; ``version_id`` is the staged content that it was made of, ``sha256`` of the member."""

    instance_id: int
    version_id: int
    study: str
    series: str
    sop_instance: str
    modality: str
    sha256: str


def members_of(session: Session, trial: str, package_ids: Iterable[int]) -> list[PackedInstance]:
    """The objects of some packages of a trial, by series and instance."""
    rows = [
        row
        for some in batches(package_ids)
        for row in session.execute(
            select(
                Instance.id,
                StagedVersion.id,
                Instance.study,
                Instance.series,
                Instance.sop_instance,
                Instance.modality,
                PackageMember.sha256,
            )
            .join(StagedVersion, StagedVersion.id == PackageMember.version_id)
            .join(Instance, Instance.id == StagedVersion.instance_id)
            .where(PackageMember.package_id.in_(some))
        )
    ]
    named = _trial_uids(session, trial, {uid for row in rows for uid in row[2:5]})
    found = [
        PackedInstance(instance, version, named[study], named[series], named[uid], modality, sha256)
        for instance, version, study, series, uid, modality, sha256 in rows
    ]
    return sorted(found, key=lambda one: (one.study, one.series, one.sop_instance))


def _trial_uids(session: Session, trial: str, staged: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in batches(sorted(staged)):
        query = (
            select(Pseudonym.lookup, Pseudonym.pseudo)
            .join(Scope, Scope.id == Pseudonym.scope_id)
            .where(Scope.name == trial, Pseudonym.kind == Kind.UID, Pseudonym.lookup.in_(some))
        )
        found.update((lookup, pseudo) for lookup, pseudo in session.execute(query))
    return found
