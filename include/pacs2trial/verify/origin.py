"""Where a package came from, as vault and staging store know it: the other side of every comparison."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.staging.versions import is_used
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    Judgement,
    Kind,
    PackageMember,
    PackageRow,
    Pseudonym,
    Scope,
    StagedVersion,
    Subject,
    TrialInstance,
)
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.identifiers import OwnIdentifiers, own_identifiers
from pacs2trial.workspace import Workspace

CALLER = "verify"
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """The staged object that a member was made of; ``path`` is below the staging folder."""

    instance_id: int
    version_id: int
    path: str
    digest: str
    sha256: str  # of the member, as it was recorded when the package was made
    removed: bool = False  # the staged object was cleaned up
    mask: str = ""  # digest of the voxels that were blanked, if any

    @property
    def content(self) -> tuple[int, str]:
        """The staged content and what was blanked of it."""
        return self.version_id, self.mask


@dataclass(frozen=True)
class Origin:
    """One package as the vault has it."""

    package_id: int
    trial: str
    subject_id: int
    subject_key: str
    study: str
    sha256: str
    size: int
    content_digest: str
    path: str  # below the packages folder
    inputs: dict[str, Any]
    definition: TrialDefinition
    sources: dict[str, Source]  # by member name


def origin_of(ws: Workspace, package_id: int) -> Origin:
    """Look a package up.

    Raises:
        InputError: there is no such package.
    """
    with ws.vault.session(read_only=True) as session:
        row = session.get(PackageRow, package_id)
        if row is None:
            raise InputError(f"package {package_id} is not in the vault")
        subject = session.get_one(Subject, row.subject_id)
        members = session.execute(
            select(PackageMember.name, PackageMember.sha256, PackageMember.mask, StagedVersion)
            .join(StagedVersion, StagedVersion.id == PackageMember.version_id)
            .where(PackageMember.package_id == package_id)
        )
        sources = {
            name: Source(
                instance_id=version.instance_id,
                version_id=version.id,
                path=version.path,
                digest=version.digest,
                sha256=sha256,
                removed=version.removed_at is not None,
                mask=mask,
            )
            for name, sha256, mask, version in members
        }
    inputs = json.loads(ws.vault.pinned(row.inputs))
    definition = TrialDefinition.model_validate_json(ws.vault.pinned(inputs["origin"]["definition"]))
    return Origin(
        package_id=row.id,
        trial=row.trial,
        subject_id=row.subject_id,
        subject_key=subject.key,
        study=row.study,
        sha256=row.sha256,
        size=row.size,
        content_digest=row.content_digest,
        path=row.path,
        inputs=inputs,
        definition=definition,
        sources=sources,
    )


@dataclass(frozen=True)
class Survey:
    """What the staged objects of a package name: UIDs with their pseudonyms in the trial, accession codes."""

    uids: frozenset[str]
    accessions: frozenset[str]


def survey(staging: Path, sources: Iterable[Source]) -> Survey:
    """Read every staged header once.

    Raises:
        UnsafeObjectError: a staged file cannot be read.
    """
    uids: set[str] = set()
    accessions: set[str] = set()
    for source in sources:
        found = DicomObject(staging / source.path, pixels=False)
        uids.update(uid for _path, uid in found.uids())
        accessions.update(
            element.text() for element in found.elements if element.path.rpartition(".")[2] == "AccessionNumber"
        )
    return Survey(frozenset(uids), frozenset(accessions - {""}))


def trial_uids(session: Session, trial: str, staged: Iterable[str]) -> dict[str, str]:
    """The trial's pseudonyms of staged UIDs, read without making any; what has none is left out."""
    found: dict[str, str] = {}
    for batch in _batches(sorted(staged)):
        rows = session.execute(
            select(Pseudonym.lookup, Pseudonym.pseudo)
            .join(Scope, Scope.id == Pseudonym.scope_id)
            .where(Scope.name == trial, Pseudonym.kind == Kind.UID, Pseudonym.lookup.in_(batch))
        )
        found.update((lookup, pseudo) for lookup, pseudo in rows)
    return found


@dataclass(frozen=True)
class Originals:
    """What must not be in a package, and how far that is known.

    Attributes:
        own: the person's identifiers.
        staged_uids: which UIDs of the staged objects are staging pseudonyms.
        nameless: objects of which the vault does not hold the name and birth date that they came with.
    """

    own: OwnIdentifiers
    staged_uids: frozenset[str]
    nameless: int


def originals_of(ws: Workspace, origin: Origin, seen: Survey) -> Originals:
    """Everything original about the person and the objects of a package; each use is a disclosure in the vault."""
    purpose = f"own identifiers in package {origin.package_id}"
    with ws.vault.session(read_only=True) as session:
        owned = list(_of_instances(session, origin))
        persons = {session.get_one(Subject, origin.subject_id).person_id, *(person for _facts, person in owned)}
        query = select(Identifier.id, Identifier.code).where(Identifier.person_id.in_(persons))
        identifiers = session.execute(query).all()
    staging = ws.vault.pseudonyms(STAGING)
    patients = ws.vault.identities.original_ids([row.id for row in identifiers], caller=CALLER, purpose=purpose)
    accessions = staging.originals_of(Kind.ACCESSION, seen.accessions, caller=CALLER, purpose=purpose)
    uids = staging.originals_of(Kind.UID, seen.uids, caller=CALLER, purpose=purpose)
    sealed = [facts for facts, _person in owned if facts is not None]
    facts = [json.loads(each) for each in ws.vault.disclose(STAGING, sealed, caller=CALLER, purpose=purpose)]
    said = [fact["identity"] for fact in facts if fact.get("identity")]
    own = own_identifiers(
        names={name for each in said for name in each.get("names", ())},
        ids={
            *(patient_id for _issuer, patient_id in patients.values()),
            *(row.code for row in identifiers),
            *accessions.values(),
            *seen.accessions,
            *(other for each in said for other in each.get("ids", ())),
        },
        birth_dates={each["birth_date"] for each in said if each.get("birth_date")},
        uids={*uids.values(), *uids},
    )
    return Originals(own, frozenset(uids), nameless=len(owned) - len(said))


def accepted_contents(session: Session, origin: Origin) -> set[tuple[int, str]]:
    """The contents that the trial uses of everything that its filter let through for this subject, with their masks."""
    return {
        (version_id, mask)
        for version_id, mask in session.execute(
            select(StagedVersion.id, TrialInstance.mask)
            .join(TrialInstance, TrialInstance.instance_id == StagedVersion.instance_id)
            .join(Instance, Instance.id == StagedVersion.instance_id)
            .join(Subject, Subject.id == TrialInstance.subject_id)
            .join(Identifier, (Identifier.id == Instance.identifier_id) & (Identifier.person_id == Subject.person_id))
            .where(
                is_used(),
                TrialInstance.trial == origin.trial,
                TrialInstance.subject_id == origin.subject_id,
                TrialInstance.state.in_((Judgement.ACCEPTED, Judgement.COLLECTED)),
                *_study_of(session, origin),
            )
        )
    }


def lacking_modalities(session: Session, origin: Origin) -> list[str]:
    """What the trial requires of a subject and its filter let none through of, in whatever package."""
    there = session.scalars(
        select(Instance.modality)
        .join(TrialInstance, TrialInstance.instance_id == Instance.id)
        .where(
            TrialInstance.trial == origin.trial,
            TrialInstance.subject_id == origin.subject_id,
            TrialInstance.state.in_((Judgement.ACCEPTED, Judgement.COLLECTED)),
        )
        .distinct()
    ).all()
    require = origin.definition.filter.require
    return [modality for modality in (require.modalities if require else ()) if modality not in there]


def _study_of(session: Session, origin: Origin) -> list[ColumnElement[bool]]:
    """The condition that keeps a package per study to its study, by the staging pseudonym."""
    if not origin.study:
        return []
    staged = select(Pseudonym.lookup).join(Scope, Scope.id == Pseudonym.scope_id)
    staged = staged.where(Scope.name == origin.trial, Pseudonym.kind == Kind.UID, Pseudonym.pseudo == origin.study)
    return [Instance.study.in_(session.scalars(staged).all())]


def _of_instances(session: Session, origin: Origin) -> Iterator[tuple[bytes | None, int]]:
    """Sealed facts and person of every object; the subject key may have been given to another person since."""
    for batch in _batches(sorted(source.version_id for source in origin.sources.values())):
        rows = session.execute(
            select(func.coalesce(StagedVersion.facts_sealed, Instance.facts_sealed), Identifier.person_id)
            .join(Instance, Instance.id == StagedVersion.instance_id)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .where(StagedVersion.id.in_(batch))
        )
        yield from ((facts, person) for facts, person in rows)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
