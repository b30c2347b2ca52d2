"""The versions of a trial's key table in the vault: reading the current one, and comparing a new table with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.keytable.corrections import Correction
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyRow, KeyVersion

CALLER = "keytable"


@dataclass(frozen=True)
class KeyTableChange:
    """What a table changes, by subject key; ``unchanged`` counts the others.

    Attributes:
        corrections: what an import made of subjects that had been enrolled before; empty for a comparison.
        superseded: files of packages that must not leave any more, below the packages folder; they are to be removed.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    withdrawn: tuple[str, ...]
    unchanged: int
    corrections: tuple[Correction, ...] = field(default=(), compare=False)
    superseded: tuple[str, ...] = field(default=(), compare=False)

    @property
    def changes_nothing(self) -> bool:
        return not (self.added or self.changed or self.withdrawn)


def current_version(vault: Vault, trial: str) -> KeyVersion:
    """The newest imported version of a trial's key table.

    Raises:
        InputError: none was imported; the message says how.
    """
    with vault.session(read_only=True) as session:
        version = newest_version(session, trial)
    if version is None:
        raise InputError(f"trial {trial} has no key table in the vault: run `pacs2trial keys import {trial}`")
    return version


def newest_version(session: Session, trial: str) -> KeyVersion | None:
    query = select(KeyVersion).where(KeyVersion.trial == trial).order_by(KeyVersion.number.desc()).limit(1)
    return session.scalars(query).one_or_none()


def compare_key_table(vault: Vault, definition: TrialDefinition, rows: Sequence[KeyTableRow]) -> KeyTableChange:
    """What ``rows`` would change. The stored rows are decrypted for it, which is recorded."""
    new = _contents(rows)
    old = _contents(stored.row for stored in stored_rows(vault, definition.trial))
    changed = tuple(sorted(key for key in new.keys() & old.keys() if new[key] != old[key]))
    return KeyTableChange(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=changed,
        withdrawn=tuple(sorted(old.keys() - new.keys())),
        unchanged=len(new.keys() & old.keys()) - len(changed),
    )


@dataclass(frozen=True)
class StoredRow:
    """A row of the vault, with the identifier that its patient ID is."""

    identifier_id: int
    row: KeyTableRow


def stored_rows(vault: Vault, trial: str) -> list[StoredRow]:
    """The rows of the current version, none before the first. They are decrypted for it, which is recorded."""
    with vault.session(read_only=True) as session:
        version = newest_version(session, trial)
        if version is None:
            return []
        columns = (KeyRow.number, KeyRow.identifier_id, KeyRow.content_sealed)
        query = select(*columns).where(KeyRow.version_id == version.id)
        stored = session.execute(query).all()
    contents = vault.disclose(trial, [row.content_sealed for row in stored], caller=CALLER, purpose="compare")
    return [
        StoredRow(row.identifier_id, KeyTableRow.from_content(row.number, content))
        for row, content in zip(stored, contents, strict=True)
    ]


def _contents(rows: Iterable[KeyTableRow]) -> dict[str, list[bytes]]:
    contents: dict[str, list[bytes]] = {}
    for row in rows:
        contents.setdefault(row.subject_key, []).append(row.content())
    return {key: sorted(several) for key, several in contents.items()}
