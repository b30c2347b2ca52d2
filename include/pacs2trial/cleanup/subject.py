"""Clean up one subject of a trial: decide what may go, write it down, remove the files, in this order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.cleanup.choice import ANY_AGE, Choice, Expiry, choose
from pacs2trial.cleanup.holdings import (
    PackageFile,
    StagedFile,
    needed_elsewhere,
    package_files,
    staged_files,
    wanted_by_others,
)
from pacs2trial.cleanup.removal import mark_released, mark_removed, unlink
from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import Subject
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class File:
    """One file that went, would go or has to stay; its path holds pseudonyms only."""

    path: str
    size: int
    unrestorable: bool = False


@dataclass(frozen=True)
class Cleaned:
    """What became of one subject's files.

    Attributes:
        subject_key: the trial's name for the patient.
        staged: staged files that went, or would go in a dry run.
        packages: package files likewise.
        stuck: files that stay because the PACS does not show everything that they came from.
        kept_for_others: staged files that another trial needs.
        kept_younger: files that are not old enough.
    """

    subject_key: str
    staged: Sequence[File]
    packages: Sequence[File]
    stuck: Sequence[File]
    kept_for_others: int
    kept_younger: int

    @property
    def size(self) -> int:
        """Bytes that went, or would go."""
        return sum(one.size for one in (*self.staged, *self.packages))


def cleanable_subjects(ws: Workspace, trial: str) -> list[str]:
    """All subject keys that a trial ever had, withdrawn ones too, sorted."""
    with ws.vault.session(read_only=True) as session:
        return sorted(session.scalars(select(Subject.key).where(Subject.trial == trial)))


def clean_subject(
    ws: Workspace,
    definition: TrialDefinition,
    subject_key: str,
    *,
    actor: str,
    expiry: Expiry = ANY_AGE,
    dry_run: bool = False,
    unrestorable: bool = False,
    reason: str = "",
) -> Cleaned:
    """Remove the staged files and packages of a subject that nobody needs and that can be restored.

    A staged file goes when no other trial needs its instance and a C-FIND shows the instance now; a package when that
    is so for everything it was made of. Rows of the vault stay: restore makes all of it again. Under the lock of trial
    and subject. Audited.

    Args:
        ws: the site.
        definition: the trial.
        subject_key: the subject.
        actor: who cleans up.
        expiry: what is old enough.
        dry_run: only tell what would go.
        unrestorable: let go also what the PACS does not show.
        reason: why, needed with ``unrestorable``.

    Raises:
        InputError: no such subject, or ``unrestorable`` without a reason.
        TransientError: PACS or vault did not answer, or another works on this subject; nothing was removed.
    """
    if unrestorable and not reason.strip():
        raise InputError("removing what cannot be restored needs a reason: --reason TEXT")
    trial = definition.trial
    with ws.vault.lock(f"{trial}/{subject_key}"):
        with ws.vault.session(read_only=True) as session:
            subject = _subject(session, trial, subject_key)
            files = staged_files(session, ws.settings, subject)
            packages = package_files(session, ws.packages, subject)
            others = wanted_by_others(ws, session, trial)
            needed = needed_elsewhere(session, subject, _modalities(files), others)
        choice = choose(ws, definition, files, packages, needed, expiry, unrestorable=unrestorable)
        if not dry_run:
            _carry_out(ws, subject, choice, others, {"actor": actor, "reason": reason})
    return _told(subject_key, choice)


def _carry_out(
    ws: Workspace,
    subject: Subject,
    choice: Choice,
    others: dict[str, frozenset[str] | None],
    who: dict[str, str],
) -> None:
    """Mark and remove; what another trial has come to need since the choice was made stays."""
    with ws.vault.session() as session:
        again = needed_elsewhere(session, subject, _modalities(choice.staged), others)
        going = [one for one in choice.staged if one.instance_id not in again]
        mark_removed(session, going, choice.packages)
        mark_released(session, subject.trial, choice.unneeded)
        if going or choice.packages:
            counts = _counts(going, choice.packages, choice.unrestorable)
            ws.vault.audit.append(session, "cleanup", trial=subject.trial, target=subject.key, **who, **counts)
    unlink(ws, going, choice.packages)
    _log.info("%s/%s: %d staged files, %d packages", subject.trial, subject.key, len(going), len(choice.packages))


def _counts(staged: Sequence[StagedFile], packages: Sequence[PackageFile], lost: frozenset[str]) -> dict[str, Any]:
    files: list[StagedFile | PackageFile] = [*staged, *packages]
    return {
        "staged": len(staged),
        "packages": len(packages),
        "bytes": sum(one.size for one in files),
        "unrestorable": sum(one.path in lost for one in files),
    }


def _told(subject_key: str, choice: Choice) -> Cleaned:
    stuck: list[StagedFile | PackageFile] = [*choice.stuck_staged, *choice.stuck_packages]
    return Cleaned(
        subject_key,
        staged=[File(one.path, one.size, one.path in choice.unrestorable) for one in choice.staged],
        packages=[File(one.path, one.size, one.path in choice.unrestorable) for one in choice.packages],
        stuck=[File(one.path, one.size, unrestorable=True) for one in stuck],
        kept_for_others=choice.for_others,
        kept_younger=choice.younger,
    )


def _subject(session: Session, trial: str, subject_key: str) -> Subject:
    query = select(Subject).where(Subject.trial == trial, Subject.key == subject_key)
    subject = session.scalars(query).one_or_none()
    if subject is None:
        raise InputError(f"trial {trial} has no subject {subject_key!r}; pacs2trial keys show {trial}")
    return subject


def _modalities(files: Sequence[StagedFile]) -> dict[int, str]:
    return {one.instance_id: one.modality for one in files}
