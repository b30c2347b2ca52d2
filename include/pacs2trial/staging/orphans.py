"""Files that lie under their final name and that no row of the vault names: what a crash between the two leaves.

A file is renamed first and its row committed then, and only then a sender hears Success. So nobody relies on a file
without a row, and the object comes again under the same name. Until it does, or if it never does, the file would stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.errors import TransientError
from pacs2trial.settings import Settings
from pacs2trial.staging.quarantine import REJECTED, WAITING
from pacs2trial.staging.store import all_claims
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import AuditEntry, Instance, QuarantineItem, Scope, StagedVersion

MOST: Final = 1000
"""More files without a row than crashes leave: the vault is not the one that they were written beside."""

_STAGED: Final = ".dcm"


@dataclass(frozen=True)
class Orphans:
    """What became of files that no row names.

    Attributes:
        removed: how many were removed.
        kept: how many stay, because the vault was restored from a backup or made anew after they were written; a
            sender may have heard Success of them.
    """

    removed: int
    kept: int


def sweep_orphans(settings: Settings, vault: Vault) -> Orphans:
    """Remove files of staging and quarantine that the vault does not know, or knows as removed.

    Safe while others write: whoever writes holds a claim from the first byte to the commit, and a file counts as
    nobody's only if no row names it while all claims are held here.

    Raises:
        TransientError: vault or disk refused; what is left is removed the next time.
    """
    found = _unknown(settings, vault, _files(settings))
    if not found:
        return Orphans(0, 0)
    with all_claims(settings):
        unknown = [path for path in _unknown(settings, vault, found) if path.exists()]
        with vault.session(read_only=True) as session:
            begun = _begun(session)
        doubtful = set(unknown) if len(unknown) > MOST else {path for path in unknown if _written(path) < begun}
        for path in unknown:
            if path not in doubtful:
                _remove(path, settings)
    return Orphans(len(unknown) - len(doubtful), len(doubtful))


def _files(settings: Settings) -> Iterator[Path]:
    """Files under a final name."""
    yield from settings.staging.rglob(f"*{_STAGED}")
    yield from (path for path in settings.quarantine.iterdir() if path.suffix != TEMPORARY_SUFFIX and path.is_file())


def _unknown(settings: Settings, vault: Vault, files: Iterable[Path]) -> list[Path]:
    found = []
    for batch in batches(files):
        with vault.session(read_only=True) as session:
            known = _known_paths(session, batch) | _known_tokens(session, batch)
        found += [path for path in batch if _name(settings, path) not in known]
    return found


def _name(settings: Settings, path: Path) -> str:
    """What the vault calls a file: its path below staging, or its token."""
    return str(path.relative_to(settings.staging)) if path.is_relative_to(settings.staging) else path.name


def _known_paths(session: Session, files: Iterable[Path]) -> set[str]:
    """The name of a file is the UID of its instance, and of a later content eight digits of its digest behind that."""
    stems = {path.name.removesuffix(_STAGED) for path in files}
    instances = stems | {stem.rpartition(".")[0] for stem in stems}
    query = (
        select(StagedVersion.path)
        .join(Instance, Instance.id == StagedVersion.instance_id)
        .where(Instance.sop_instance.in_(instances), StagedVersion.removed_at.is_(None))
    )
    return set(session.scalars(query))


def _known_tokens(session: Session, files: Iterable[Path]) -> set[str]:
    query = select(QuarantineItem.token).where(
        QuarantineItem.token.in_({path.name for path in files}), QuarantineItem.state.in_((WAITING, REJECTED))
    )
    return set(session.scalars(query))


def _begun(session: Session) -> datetime:
    """Since when this vault has seen everything that was written beside it."""
    made = session.scalars(select(Scope.created_at).where(Scope.name == STAGING)).one()
    restored = session.scalar(select(func.max(AuditEntry.at)).where(AuditEntry.act == "restore-backup"))
    return max(made, restored or made)


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _remove(path: Path, settings: Settings) -> None:
    """Remove a file, and the folders above it that this leaves empty."""
    try:
        path.unlink()
        for folder in path.parents:
            if folder in (settings.staging, settings.quarantine) or any(folder.iterdir()):
                return
            folder.rmdir()
    except OSError as error:
        raise TransientError(f"a file that nothing names could not be removed: {error.strerror}") from None
