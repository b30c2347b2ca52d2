"""What the custodian of a trial's keys may see: the imported key table with patient IDs, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from pacs2trial.keytable import current_version, enrolled
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyVersion


@dataclass(frozen=True)
class SubjectKeys:
    """One subject and the hospital's names for it, as (issuer, patient ID)."""

    subject_key: str
    patient_ids: tuple[tuple[str, str], ...]
    visits: int
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Import:
    """One import of a key table."""

    number: int
    imported_at: datetime
    imported_by: str
    rows: int
    digest: str


def show_keys(vault: Vault, trial: str, *, actor: str) -> list[SubjectKeys]:
    """The key table as it is in force, sorted by subject key. Written to the audit table before anything is decrypted.

    Raises:
        InputError: no key table was imported yet.
    """
    version = current_version(vault, trial)
    vault.audit.record("keys show", actor=actor, trial=trial, target=f"version {version.number}", rows=version.rows)
    subjects = enrolled(vault, trial)
    ids = vault.identities.original_ids(
        {number for subject in subjects for number in subject.identifier_ids},
        caller="keys show",
        purpose=f"key table of {trial} for {actor}",
    )
    return [
        SubjectKeys(
            subject.subject_key,
            tuple(ids[number] for number in subject.identifier_ids),
            len(subject.visits),
            dict(subject.columns),
        )
        for subject in subjects
    ]


def imports(vault: Vault, trial: str) -> list[Import]:
    """All imports of a trial's key table, oldest first."""
    with vault.session(read_only=True) as session:
        versions = session.scalars(
            select(KeyVersion).where(KeyVersion.trial == trial).order_by(KeyVersion.number)
        ).all()
    return [Import(one.number, one.imported_at, one.imported_by, one.rows, one.digest) for one in versions]
