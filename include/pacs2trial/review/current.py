"""The packages of a subject that are in force, as review and delivery see them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.errors import HeldError, InputError, PermanentError, ProofError
from pacs2trial.staging.versions import members_changed
from pacs2trial.vault.tables import PackageRow, PackageState, Subject


def subject_id(session: Session, trial: str, subject_key: str) -> int:
    """The subject's row.

    Raises:
        InputError: the trial has no such subject.
    """
    found = session.scalar(select(Subject.id).where(Subject.trial == trial, Subject.key == subject_key))
    if found is None:
        raise InputError(f"trial {trial} has no subject {subject_key!r}; pacs2trial keys show {trial} lists them")
    return found


def in_force(session: Session, trial: str, subject: int | None = None) -> list[PackageRow]:
    """Packages that no later version supersedes, of one subject or of all."""
    query = select(PackageRow).where(PackageRow.trial == trial, PackageRow.state != PackageState.SUPERSEDED)
    if subject is not None:
        query = query.where(PackageRow.subject_id == subject)
    return list(session.scalars(query.order_by(PackageRow.path)))


def earlier_files(session: Session, package: PackageRow) -> frozenset[str]:
    """SHA-256 of the versions that ``package`` supersedes."""
    return frozenset(
        session.scalars(
            select(PackageRow.sha256).where(
                PackageRow.trial == package.trial,
                PackageRow.subject_id == package.subject_id,
                PackageRow.path == package.path,
                PackageRow.id != package.id,
            )
        )
    )


def require_fresh(session: Session, packages: list[PackageRow], trial: str, subject_key: str) -> None:
    """Return if every package was made, or found right, from what key table and staging say of the subject now.

    Raises:
        HeldError: the key table was corrected since, or another version of an object has come or was decided on.
    """
    for package in packages:
        if session.get_one(Subject, package.subject_id).revision != package.revision:
            raise HeldError(
                f"{trial}/{subject_key}: the key table was corrected after the package was made; run "
                f"pacs2trial filter {trial}, then pacs2trial collect {trial}"
            )
    changed = set(session.scalars(members_changed().where(PackageRow.id.in_([one.id for one in packages]))))
    if changed:
        raise HeldError(
            f"{trial}/{subject_key}: objects came again with another content, or are held, since the package was made; "
            f"run pacs2trial filter {trial}, then pacs2trial collect {trial}"
        )


def require_verified(packages: list[PackageRow], trial: str, subject_key: str) -> None:
    """Return if every package was proven.

    Raises:
        ProofError: one was refused.
        PermanentError: one was not looked at yet.
    """
    states = {package.state for package in packages}
    where = f"{trial}/{subject_key}"
    if PackageState.REFUSED in states:
        raise ProofError(f"{where}: a package was refused by its proofs; its receipt says where")
    if PackageState.MADE in states:
        raise PermanentError(f"{where}: a package is not verified yet; run pacs2trial collect {trial}")
