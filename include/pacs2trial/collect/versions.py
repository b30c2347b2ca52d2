"""The versions of a package in the vault: at most one is current, all others are superseded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from pacs2trial.collect.stage2 import Addressed
from pacs2trial.collect.texts import Text
from pacs2trial.keytable.corrections import Effect, settle_outdated
from pacs2trial.vault.tables import Judgement, PackageMember, PackageRow, PackageState, TrialInstance

_BATCH = 1000
UNCHANGED = "the package made anew has the same content"


@dataclass(frozen=True)
class Written:
    """A package file as it lies on disk, and the SHA-256 of its DICOM members by name."""

    path: str  # below the packages folder
    size: int
    sha256: str
    content_digest: str
    digests: dict[str, str]
    texts: Mapping[Text, int] = field(default_factory=dict)


def current_packages(session: Session, trial: str, subject_id: int) -> list[PackageRow]:
    """The packages of a subject that are in force, one per study or one in all, ordered by study."""
    return list(
        session.scalars(
            select(PackageRow)
            .where(
                PackageRow.trial == trial,
                PackageRow.subject_id == subject_id,
                PackageRow.state != PackageState.SUPERSEDED,
            )
            .order_by(PackageRow.study)
        )
    )


def new_version(
    session: Session,
    key: tuple[str, int, str],
    written: Written,
    inputs: str,
    members: Sequence[Addressed],
    requested_by: str = "",
) -> PackageRow:
    """Record a package with new content; the one before it is superseded.

    Args:
        session: the transaction.
        key: trial, subject, study pseudonym (empty for a package per subject).
        written: the file.
        inputs: digest of the pinned inputs.
        members: what it was made of.
        requested_by: who started the run that made it, empty if nobody did.
    """
    trial, subject_id, study = key
    same = (PackageRow.trial == trial, PackageRow.subject_id == subject_id, PackageRow.study == study)
    last = session.scalar(select(func.max(PackageRow.version)).where(*same)) or 0
    session.execute(update(PackageRow).where(*same).values(state=PackageState.SUPERSEDED))
    row = PackageRow(
        trial=trial,
        subject_id=subject_id,
        study=study,
        version=last + 1,
        content_digest=written.content_digest,
        sha256=written.sha256,
        size=written.size,
        path=written.path,
        inputs=inputs,
        state=PackageState.MADE,
        requested_by=requested_by,
    )
    session.add(row)
    session.flush()
    _record_members(session, row.id, written, members)
    return row


def same_content(
    session: Session, package_id: int, written: Written, inputs: str, members: Sequence[Addressed]
) -> PackageRow:
    """Record that other inputs, or a second writing, gave the content that the package already had.

    Only other bytes (the compressor of another machine) have to be verified anew.
    """
    row = session.get_one(PackageRow, package_id)
    if row.sha256 != written.sha256:
        row.state = PackageState.MADE
    row.path, row.size, row.sha256, row.inputs = written.path, written.size, written.sha256, inputs
    row.removed_at = None
    session.execute(delete(PackageMember).where(PackageMember.package_id == package_id))
    _record_members(session, package_id, written, members)
    return row


def found_right(session: Session, package_id: int, revision: int) -> None:
    """Record that a package is what the subject's key row of today gives: it is stale no more.

    What had been delivered of just this content was right all the time, whatever an import meant to change.
    """
    row = session.get_one(PackageRow, package_id)
    if row.revision != revision:
        row.revision = revision
        same = {"subject_id": row.subject_id, "study": row.study, "content_digest": row.content_digest}
        settle_outdated(session, {**same, "effect": Effect.CHANGED}, by="pacs2trial", settlement=UNCHANGED)


def mark_collected(session: Session, trial: str, instance_ids: Sequence[int]) -> None:
    """Instances that the trial accepted are collected now."""
    for start in range(0, len(instance_ids), _BATCH):
        session.execute(
            update(TrialInstance)
            .where(
                TrialInstance.trial == trial,
                TrialInstance.instance_id.in_(instance_ids[start : start + _BATCH]),
                TrialInstance.state == Judgement.ACCEPTED,
            )
            .values(state=Judgement.COLLECTED)
        )


def retire(session: Session, trial: str, subject_id: int, kept: Collection[str]) -> list[str]:
    """Supersede the packages of studies that are no longer wanted.

    Returns:
        The paths of their files, to be removed once this is committed.
    """
    gone = [row for row in current_packages(session, trial, subject_id) if row.study not in kept]
    for row in gone:
        row.state = PackageState.SUPERSEDED
    return [row.path for row in gone]


def _record_members(session: Session, package_id: int, written: Written, members: Sequence[Addressed]) -> None:
    session.add_all(
        PackageMember(
            package_id=package_id,
            version_id=each.source.version_id,
            name=each.name,
            sha256=written.digests[each.name],
            mask=each.source.mask,
        )
        for each in members
    )
