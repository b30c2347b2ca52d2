"""Import of a key table: a new version, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.keytable.check import check_key_table
from pacs2trial.keytable.persons import enrolments, settle_persons
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.keytable.version import KeyTableChange, compare_key_table, newest_version
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyRow, KeyVersion, Subject, now


def import_key_table(
    vault: Vault, definition: TrialDefinition, rows: Sequence[KeyTableRow], *, actor: str
) -> KeyTableChange:
    """Take a key table into the vault as the trial's current one, and say what that changed.

    Subjects that the table no longer names are marked withdrawn; their rows stay. A table equal to the current one,
    in whatever order, makes no new version.

    Raises:
        InputError: the table has faults, or contradicts another trial's; all are listed and nothing is imported.
        TransientError: another import of this trial is under way, or the database does not answer.
    """
    problems = check_key_table(rows, definition)
    if problems:
        raise InputError(*problems)
    trial = definition.trial
    with vault.lock(f"{trial} key table"):
        change = compare_key_table(vault, definition, rows)
        if change.changes_nothing:
            return change
        digest = vault.fingerprint(b"\n".join(sorted(row.content() for row in rows)))
        sealed = [vault.seal(trial, row.content()) for row in rows]
        with vault.session() as session:
            patients = vault.identities.enter(session, {row.patient for row in rows})
            identifier_of = {pair: patient.identifier_id for pair, patient in patients.items()}
            persons = settle_persons(session, trial, enrolments(rows, identifier_of))
            subject_of = _enter_subjects(session, trial, persons)
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
            )
        vault.identities.forget()
    return change


def _enter_subjects(session: Session, trial: str, persons: Mapping[str, int]) -> dict[str, int]:
    """Subject ids by key: new ones made, persons corrected, those that are no longer named withdrawn."""
    known = {subject.key: subject for subject in session.scalars(select(Subject).where(Subject.trial == trial))}
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
