"""The subjects of other trials who share a patient follow him when an import says who he is, and keep their dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from pacs2trial.vault.tables import DateShift, KeyRow, KeyVersion, Person, Scope, Subject


@dataclass(frozen=True)
class Elsewhere:
    """A subject of another trial, by its current key table."""

    trial: str
    subject_id: int
    person_id: int
    identifiers: frozenset[int]


def subjects_elsewhere(session: Session, trial: str) -> list[Elsewhere]:
    """The subjects of all trials but ``trial``."""
    newest = (
        select(func.max(KeyVersion.id)).where(KeyVersion.trial != trial).group_by(KeyVersion.trial).scalar_subquery()
    )
    query = (
        select(Subject.trial, Subject.id, Subject.person_id, KeyRow.identifier_id)
        .join(KeyRow, KeyRow.subject_id == Subject.id)
        .where(KeyRow.version_id.in_(newest))
        .order_by(Subject.id)
    )
    found: dict[tuple[str, int, int], set[int]] = {}
    for other, subject, person, identifier in session.execute(query):
        found.setdefault((other, subject, person), set()).add(identifier)
    return [Elsewhere(*subject, frozenset(identifiers)) for subject, identifiers in found.items()]


def can_join(session: Session, person: int, others: Sequence[Elsewhere]) -> bool:
    """Whether the others can point to ``person`` without that a date of theirs moves."""
    for other in others:
        if other.person_id != person:
            theirs = _shift(session, other.trial, other.person_id)
            if theirs is not None and _shift(session, other.trial, person) not in (None, theirs):
                return False
    return True


def follow(session: Session, person: int, others: Sequence[Elsewhere]) -> None:
    """Point the others to ``person``, who takes over the date shifts that they had."""
    for other in others:
        if other.person_id != person:
            carry_shift(session, other.trial, other.person_id, person)
            session.execute(update(Subject).where(Subject.id == other.subject_id).values(person_id=person))


def carry_shift(session: Session, trial: str, source: int, target: int) -> None:
    """Give ``target`` the date shift of ``source`` in a trial, unless it has one there."""
    days = _shift(session, trial, source)
    if days is not None and _shift(session, trial, target) is None:
        scope = session.scalars(select(Scope.id).where(Scope.name == trial)).one()
        session.add(DateShift(scope_id=scope, person_id=target, days=days))
        session.flush()


def new_person(session: Session) -> int:
    return session.scalars(insert(Person).returning(Person.id), [{}]).one()


def _shift(session: Session, trial: str, person: int) -> int | None:
    query = select(DateShift.days).join(Scope, Scope.id == DateShift.scope_id)
    return session.scalar(query.where(Scope.name == trial, DateShift.person_id == person))
