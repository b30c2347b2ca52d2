"""Removing files: marked in the vault first, then unlinked, so that a crash between leaves only what is marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from pacs2trial.cleanup.holdings import PackageFile, StagedFile
from pacs2trial.collect.layout import remove_package
from pacs2trial.errors import TransientError
from pacs2trial.staging.store import claim
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import PackageRow, StagedVersion, TrialInstance, now
from pacs2trial.workspace import Workspace


def mark_removed(session: Session, files: Sequence[StagedFile], packages: Sequence[PackageFile]) -> None:
    """Write down that these files are cleaned up."""
    for batch in batches([one.version_id for one in files]):
        session.execute(update(StagedVersion).where(StagedVersion.id.in_(batch)).values(removed_at=now()))
    for batch in batches([one.package_id for one in packages]):
        session.execute(update(PackageRow).where(PackageRow.id.in_(batch)).values(removed_at=now()))


def mark_released(session: Session, trial: str, instance_ids: Sequence[int]) -> None:
    """Write down that a trial does not need the staged content of these instances any more."""
    for batch in batches(instance_ids):
        session.execute(
            update(TrialInstance)
            .where(
                TrialInstance.trial == trial,
                TrialInstance.instance_id.in_(batch),
                TrialInstance.released_at.is_(None),
            )
            .values(released_at=now())
        )


def unlink(ws: Workspace, files: Sequence[StagedFile], packages: Sequence[PackageFile]) -> None:
    """Remove the files that are marked. One that has come again meanwhile stays; what a crash leaves, a repetition
    removes.

    Raises:
        TransientError: the disk refused, or the place of packages could not be reached.
    """
    try:
        for one in files:
            with claim(ws.settings, one.sop_instance):
                if _is_marked(ws, one.version_id):
                    file = ws.settings.staging / one.path
                    file.unlink(missing_ok=True)
                    _prune(file, ws.settings.staging)
        for package in packages:
            remove_package(ws.packages, package.path)
            _prune(ws.packages.folder / package.path, ws.packages.folder)
    except OSError as error:
        raise TransientError(f"a file could not be removed: {error.strerror}; clean up again") from None


def _is_marked(ws: Workspace, version_id: int) -> bool:
    with ws.vault.session(read_only=True) as session:
        return session.get_one(StagedVersion, version_id).removed_at is not None


def _prune(file: Path, root: Path) -> None:
    """Remove the folders above a file that is gone, as far as they are empty."""
    for folder in file.parents:
        if folder == root or not folder.exists() or any(folder.iterdir()):
            return
        folder.rmdir()
