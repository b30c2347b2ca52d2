"""Who is who: from the rows of a key table to the person behind each subject.

UIDs and the date shift belong to the person, so a person stays with his patient ID when a key is corrected or two are
swapped. ``alias`` lets a second patient ID point to the same person; a table that no longer says so splits them again.
Two trials may not disagree about whether two patient IDs are one person: that is for people to settle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.keytable.check import rows_text
from pacs2trial.keytable.elsewhere import (
    Elsewhere,
    can_join,
    carry_shift,
    follow,
    new_person,
    subjects_elsewhere,
)
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Subject


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
    under a new main ID keeps his date shift. Subjects of other trials follow their patient IDs to the person that these
    have now, with the date shift that they had: nothing changes in their packages.

    Raises:
        InputError: another trial's key table says otherwise about who is one person.
    """
    named = {identifier for subject in subjects for identifier in subject.identifiers}
    elsewhere = subjects_elsewhere(session, trial)
    _require_agreement(elsewhere, named, subjects)
    holders = _holders(elsewhere)
    together = _tied(subjects, holders)
    person_of = _persons(session, named.union(*together.values()))
    before = dict(session.execute(select(Subject.key, Subject.person_id).where(Subject.trial == trial)).all())

    def keeps_person(subject: Enrolment) -> bool:
        return before.get(subject.subject_key) in {person_of[each] for each in subject.identifiers}

    settled: dict[str, int] = {}
    taken: set[int] = set()
    for subject in sorted(subjects, key=keeps_person, reverse=True):
        person = before[subject.subject_key] if keeps_person(subject) else person_of[subject.main]
        tied = together[subject.subject_key]
        others = list(dict.fromkeys(other for each in sorted(tied) for other in holders.get(each, ())))
        if person in taken or not can_join(session, person, others):
            shifts_of = person if person not in taken else None
            person = new_person(session)
            if shifts_of is not None:
                carry_shift(session, trial, shifts_of, person)
        taken.add(person)
        settled[subject.subject_key] = person
        follow(session, person, others)
        moved = sorted({each for each in tied if person_of[each] != person})
        for batch in batches(moved):
            session.execute(update(Identifier).where(Identifier.id.in_(batch)).values(person_id=person))
    return settled


def _holders(elsewhere: Sequence[Elsewhere]) -> dict[int, list[Elsewhere]]:
    """Who names an identifier elsewhere."""
    holders: dict[int, list[Elsewhere]] = {}
    for other in elsewhere:
        for identifier in other.identifiers:
            holders.setdefault(identifier, []).append(other)
    return holders


def _tied(subjects: Sequence[Enrolment], holders: Mapping[int, Sequence[Elsewhere]]) -> dict[str, set[int]]:
    """By subject key: its identifiers, and those that other trials hold to be the same person's.

    Raises:
        InputError: other trials together hold two subjects to be one person.
    """
    tied: dict[str, set[int]] = {}
    owner: dict[int, Enrolment] = {}
    problems = []
    for subject in subjects:
        reached, waiting = set(subject.identifiers), list(subject.identifiers)
        while waiting:
            for other in holders.get(waiting.pop(), ()):
                waiting += [each for each in other.identifiers if each not in reached]
                reached |= other.identifiers
        tied[subject.subject_key] = reached
        clash = {owner[each].subject_key: owner[each] for each in reached if each in owner}
        problems += [
            f"{rows_text([*one.rows, *subject.rows])} are several subjects here and one by what other trials say"
            for one in clash.values()
        ]
        owner |= dict.fromkeys(reached, subject)
    if problems:
        raise InputError(*(f"{problem}: withdraw one of them there first, then correct both" for problem in problems))
    return tied


def _persons(session: Session, identifiers: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for batch in batches(sorted(identifiers)):
        query = select(Identifier.id, Identifier.person_id).where(Identifier.id.in_(batch))
        found |= dict(session.execute(query).all())
    return found


def _require_agreement(elsewhere: Sequence[Elsewhere], named: set[int], subjects: Sequence[Enrolment]) -> None:
    by_trial: dict[str, dict[int, int]] = {}
    for other in elsewhere:
        by_trial.setdefault(other.trial, {}).update(dict.fromkeys(other.identifiers & named, other.subject_id))
    problems = []
    for trial, subject_of in sorted(by_trial.items()):
        here: dict[int, list[Enrolment]] = {}
        for subject in subjects:
            there = {subject_of[each] for each in set(subject.identifiers) if each in subject_of}
            if len(there) > 1:
                concerned = _rows_of(subject, set(subject_of))
                problems.append(f"{rows_text(concerned)} are one subject here and several in trial {trial}")
            for each in there:
                here.setdefault(each, []).append(subject)
        for there_id, several in here.items():
            if len(several) > 1:
                shared = {identifier for identifier, subject_id in subject_of.items() if subject_id == there_id}
                concerned = [row for subject in several for row in _rows_of(subject, shared)]
                problems.append(f"{rows_text(concerned)} are several subjects here and one in trial {trial}")
    if problems:
        raise InputError(*(f"{problem}: withdraw one of them there first, then correct both" for problem in problems))


def _rows_of(subject: Enrolment, identifiers: set[int]) -> list[KeyTableRow]:
    pairs = zip(subject.rows, subject.identifiers, strict=True)
    return [row for row, identifier in pairs if identifier in identifiers]
