"""The modification table of a trial as files: original → trial, for whoever has to continue without this vault.

The files hold originals in clear. They are written readable by their owner only, and the export is audited.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from pacs2trial.errors import InputError, TransientError
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import Identifier, Kind, Pseudonym, Scope, Subject
from pacs2trial.vault.vault import Vault

UID_FILE = "uid_mapping.csv"
PATIENT_FILE = "patid_mapping.csv"
HEADER = ("id_old", "id_new")
_CALLER = "mapping export"


@dataclass(frozen=True)
class MappingExport:
    """What was written where: rows of each file below the header."""

    folder: Path
    uids: int
    patients: int


def export_mapping(vault: Vault, trial: str, folder: Path, *, actor: str) -> MappingExport:
    """Write ``uid_mapping.csv`` and ``patid_mapping.csv`` (``id_old,id_new``), sorted, each complete or not at all.

    UIDs are those of every object that was collected for the trial, patient IDs those of its enrolled subjects.

    Raises:
        InputError: nothing was collected or enrolled for the trial yet.
        TransientError: the folder cannot be written to.
    """
    patients, uids = _patient_codes(vault, trial), _uids(vault, trial)
    if not (patients or uids):
        raise InputError(f"trial {trial} has no subjects and no pseudonyms yet: run pacs2trial keys import {trial}")
    vault.audit.record("mapping export", actor=actor, trial=trial, target=str(folder), uids=len(uids))
    purpose = f"mapping of trial {trial}"
    ids = vault.identities.original_ids([number for number, _ in patients], caller=_CALLER, purpose=purpose)
    originals = vault.pseudonyms(STAGING).originals_of(Kind.UID, uids, caller=_CALLER, purpose=purpose)
    patient_rows = {(ids[number][1], key) for number, key in patients}
    uid_rows = {(originals[staged], pseudo) for staged, pseudo in uids.items() if staged in originals}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / UID_FILE, uid_rows)
        _write(folder / PATIENT_FILE, patient_rows)
    except OSError as error:
        raise TransientError(f"cannot write to {folder}: {error.strerror}") from None
    return MappingExport(folder, len(uid_rows), len(patient_rows))


def _patient_codes(vault: Vault, trial: str) -> list[tuple[int, str]]:
    with vault.session(read_only=True) as session:
        rows = session.execute(
            select(Identifier.id, Subject.key)
            .join(Subject, Subject.person_id == Identifier.person_id)
            .where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
        )
        return [(identifier_id, key) for identifier_id, key in rows]


def _uids(vault: Vault, trial: str) -> dict[str, str]:
    """The trial's UIDs by the staging UIDs that they stand for."""
    with vault.session(read_only=True) as session:
        rows = session.execute(
            select(Pseudonym.lookup, Pseudonym.pseudo)
            .join(Scope, Scope.id == Pseudonym.scope_id)
            .where(Scope.name == trial, Pseudonym.kind == Kind.UID)
        )
        return {row.lookup: row.pseudo for row in rows}


def _write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([HEADER, *sorted(rows)])
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
