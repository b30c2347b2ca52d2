"""Import of a key table: a new version, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.keytable.check import check_key_table, rows_text
from pacs2trial.keytable.corrections import Correction, Effect, correct, require_idle
from pacs2trial.keytable.persons import enrolments, settle_persons
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.keytable.version import KeyTableChange, StoredRow, compare_key_table, newest_version, stored_rows
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyRow, KeyVersion, Subject, now


def import_key_table(
    vault: Vault, definition: TrialDefinition, rows: Sequence[KeyTableRow], *, actor: str
) -> KeyTableChange:
    """Take a key table into the vault as the trial's current one, and say what that changed.

    Subjects that the table no longer names are marked withdrawn; their rows stay. Packages of subjects of which it says
    something else than before become stale or superseded in the same transaction (:mod:`.corrections`). A table equal
    to the current one, in whatever order, makes no new version.

    Raises:
        InputError: the table has faults, or contradicts another trial's; all are listed and nothing is imported.
        TransientError: another import of this trial is under way, or a run works on a subject that it corrects, or the
            database does not answer.
    """
    problems = [*check_key_table(rows, definition), *keys_of_known_patients(vault, rows)]
    if problems:
        raise InputError(*problems)
    trial = definition.trial
    with vault.lock(f"{trial} key table"):
        change = compare_key_table(vault, definition, rows)
        if change.changes_nothing:
            return change
        before = stored_rows(vault, trial)
        digest = vault.fingerprint(b"\n".join(sorted(row.content() for row in rows)))
        sealed = [vault.seal(trial, row.content()) for row in rows]
        with vault.session() as session:
            patients = vault.identities.enter(session, {row.patient for row in rows})
            identifier_of = {pair: patient.identifier_id for pair, patient in patients.items()}
            persons = settle_persons(session, trial, enrolments(rows, identifier_of))
            known = {each.key: each for each in session.scalars(select(Subject).where(Subject.trial == trial))}
            corrections = _corrections(known, persons, before, rows, identifier_of)
            require_idle(session, trial, [each.subject_key for each in corrections])
            subject_of = _enter_subjects(session, trial, known, persons)
            version = _enter_version(session, trial, digest, len(rows), actor)
            session.execute(
                insert(KeyRow),
                [
                    {
                        "version_id": version.id,
                        "number": row.number,
                        "subject_id": subject_of[row.subject_key],
                        "identifier_id": identifier_of[row.patient],
                        "content_sealed": content,
                    }
                    for row, content in zip(rows, sealed, strict=True)
                ],
            )
            superseded = correct(session, trial, version.id, corrections)
            vault.audit.append(
                session,
                "key table imported",
                actor=actor,
                trial=trial,
                target=f"version {version.number}",
                rows=len(rows),
                digest=digest,
                added=len(change.added),
                changed=change.changed,
                withdrawn=change.withdrawn,
                as_is=sum(row.as_is for row in rows),
            )
        vault.identities.forget()
    return replace(change, corrections=tuple(corrections), superseded=tuple(superseded))


def keys_of_known_patients(vault: Vault, rows: Sequence[KeyTableRow]) -> list[str]:
    """The problem of subject keys that are patient IDs of the hospital, as far as the vault knows them."""
    issuers = {row.issuer for row in rows} | {""}
    pairs = {(issuer, row.subject_key) for row in rows for issuer in issuers if row.subject_key}
    known = {key for _, key in vault.identities.known(pairs)}
    wrong = [row for row in rows if row.subject_key in known]
    if not wrong:
        return []
    table = f"{wrong[0].place.table}: " if wrong[0].place.table else ""
    where = f"{table}{rows_text(wrong)}, column subject_key"
    return [f"{where}: it is a patient ID of the hospital: give the subject another key"]


def _corrections(
    known: Mapping[str, Subject],
    persons: Mapping[str, int],
    before: Sequence[StoredRow],
    rows: Sequence[KeyTableRow],
    identifier_of: Mapping[tuple[str, str], int],
) -> list[Correction]:
    """What the new rows say of subjects that were known before; those that stay as they were are left out."""
    key_of = {identifier_of[row.patient]: row.subject_key for row in rows}
    moved = {each.row.subject_key: key_of.get(each.identifier_id, "") for each in before if not each.row.alias}
    was, becomes = _meanings(each.row for each in before), _meanings(rows)
    found = []
    for key, subject in sorted(known.items()):
        effect = None
        if key not in persons:
            effect = Effect.WITHDRAWN if subject.withdrawn_at is None else None
        elif subject.withdrawn_at is not None:
            effect = Effect.RETURNED
        elif was.get(key) != becomes[key]:
            effect = Effect.CHANGED if subject.person_id == persons[key] else Effect.OTHER_PATIENT
        if effect is not None:
            now_key = moved.get(key, "")
            found.append(Correction(subject.id, key, effect, now_key if now_key != key else ""))
    return found


def _meanings(rows: Iterable[KeyTableRow]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for row in rows:
        found.setdefault(row.subject_key, []).append(row.meaning())
    return {key: sorted(several) for key, several in found.items()}


def _enter_subjects(
    session: Session, trial: str, known: dict[str, Subject], persons: Mapping[str, int]
) -> dict[str, int]:
    """Subject ids by key: new ones made, persons corrected, those that are no longer named withdrawn."""
    for key, person in persons.items():
        subject = known.get(key)
        if subject is None:
            subject = known[key] = Subject(trial=trial, key=key, person_id=person)
            session.add(subject)
        subject.person_id = person
        subject.withdrawn_at = None
    for key, subject in known.items():
        if key not in persons and subject.withdrawn_at is None:
            subject.withdrawn_at = now()
    session.flush()
    return {key: subject.id for key, subject in known.items()}


def _enter_version(session: Session, trial: str, digest: str, rows: int, actor: str) -> KeyVersion:
    before = newest_version(session, trial)
    number = before.number + 1 if before else 1
    version = KeyVersion(trial=trial, number=number, digest=digest, rows=rows, imported_by=actor)
    session.add(version)
    session.flush()
    return version
