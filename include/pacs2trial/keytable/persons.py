"""Who is who: from the rows of a key table to the person behind each subject.

UIDs and the date shift belong to the person, so a person stays with his patient ID when a key is corrected or two are
swapped. ``alias`` lets a second patient ID point to the same person; a table that no longer says so splits them again.
Two trials may not disagree about whether two patient IDs are one person: that is for people to settle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.keytable.check import rows_text
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, KeyRow, KeyVersion, Person, Subject


@dataclass(frozen=True)
class Enrolment:
    """The rows of one subject key, by the identifier of each."""

    subject_key: str
    rows: Sequence[KeyTableRow]
    identifiers: Sequence[int]

    @property
    def main(self) -> int:
        """The identifier that decides who the subject is; the others are aliases."""
        return next(identifier for row, identifier in zip(self.rows, self.identifiers, strict=True) if not row.alias)


def enrolments(rows: Iterable[KeyTableRow], identifier_of: Mapping[tuple[str, str], int]) -> list[Enrolment]:
    """The subjects of a table, by key.

    Raises:
        InputError: two patient IDs that differ only by a left out issuer have two keys.
    """
    by_key: dict[str, list[KeyTableRow]] = {}
    for row in rows:
        by_key.setdefault(row.subject_key, []).append(row)
    found = [
        Enrolment(key, several, [identifier_of[row.patient] for row in several])
        for key, several in sorted(by_key.items())
    ]
    owners: dict[int, Enrolment] = {}
    problems = []
    for enrolment in found:
        for identifier in set(enrolment.identifiers):
            other = owners.setdefault(identifier, enrolment)
            if other is not enrolment:
                concerned = _rows_of(other, {identifier}) + _rows_of(enrolment, {identifier})
                problems.append(
                    f"{rows_text(concerned)} give one patient_id two subject keys: an empty issuer is the site's own"
                )
    if problems:
        raise InputError(*problems)
    return found


def settle_persons(session: Session, trial: str, subjects: Sequence[Enrolment]) -> dict[str, int]:
    """The person of each subject key; identifiers are pointed to the persons that the table says.

    A subject keeps its person as long as one of that person's patient IDs is still its own, so that a patient merged
    under a new main ID keeps his date shift.

    Raises:
        InputError: another trial's key table says otherwise about who is one person.
    """
    identifiers = {identifier for subject in subjects for identifier in subject.identifiers}
    _require_agreement(_elsewhere(session, trial, identifiers), subjects)
    person_of = _persons(session, identifiers)
    before = dict(session.execute(select(Subject.key, Subject.person_id).where(Subject.trial == trial)).all())

    def keeps_person(subject: Enrolment) -> bool:
        return before.get(subject.subject_key) in {person_of[each] for each in subject.identifiers}

    settled: dict[str, int] = {}
    taken: set[int] = set()
    for subject in sorted(subjects, key=keeps_person, reverse=True):
        person = before[subject.subject_key] if keeps_person(subject) else person_of[subject.main]
        if person in taken:
            person = session.scalars(insert(Person).returning(Person.id), [{}]).one()
        taken.add(person)
        settled[subject.subject_key] = person
        moved = sorted({each for each in subject.identifiers if person_of[each] != person})
        for batch in batches(moved):
            session.execute(update(Identifier).where(Identifier.id.in_(batch)).values(person_id=person))
    return settled


def _persons(session: Session, identifiers: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for batch in batches(sorted(identifiers)):
        query = select(Identifier.id, Identifier.person_id).where(Identifier.id.in_(batch))
        found |= dict(session.execute(query).all())
    return found


def _elsewhere(session: Session, trial: str, identifiers: set[int]) -> dict[str, dict[int, int]]:
    """By other trial: the subject of each identifier in its current key table."""
    newest = (
        select(func.max(KeyVersion.id)).where(KeyVersion.trial != trial).group_by(KeyVersion.trial).scalar_subquery()
    )
    query = (
        select(KeyVersion.trial, KeyRow.identifier_id, KeyRow.subject_id)
        .join(KeyVersion, KeyRow.version_id == KeyVersion.id)
        .where(KeyVersion.id.in_(newest))
    )
    found: dict[str, dict[int, int]] = {}
    for other, identifier, subject in session.execute(query):
        if identifier in identifiers:
            found.setdefault(other, {})[identifier] = subject
    return found


def _require_agreement(elsewhere: Mapping[str, Mapping[int, int]], subjects: Sequence[Enrolment]) -> None:
    problems = []
    for other, subject_of in sorted(elsewhere.items()):
        here: dict[int, list[Enrolment]] = {}
        for subject in subjects:
            there = {subject_of[each] for each in set(subject.identifiers) if each in subject_of}
            if len(there) > 1:
                concerned = _rows_of(subject, set(subject_of))
                problems.append(f"{rows_text(concerned)} are one subject here and several in trial {other}")
            for each in there:
                here.setdefault(each, []).append(subject)
        for there_id, several in here.items():
            if len(several) > 1:
                shared = {identifier for identifier, subject_id in subject_of.items() if subject_id == there_id}
                concerned = [row for subject in several for row in _rows_of(subject, shared)]
                problems.append(f"{rows_text(concerned)} are several subjects here and one in trial {other}")
    if problems:
        raise InputError(*(f"{problem}: withdraw one of them there first, then correct both" for problem in problems))


def _rows_of(subject: Enrolment, identifiers: set[int]) -> list[KeyTableRow]:
    pairs = zip(subject.rows, subject.identifiers, strict=True)
    return [row for row, identifier in pairs if identifier in identifiers]
