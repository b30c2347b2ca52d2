"""The subjects of a trial as its work needs them: opaque identifiers, visits, free columns; no patient ID."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError, TransientError
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.keytable.version import CALLER, current_version
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyRow, Subject

PADDING = " \0"


@dataclass(frozen=True)
class Visit:
    """What one row of the key table admits: studies of one identifier, by accession number or study date.

    A visit without any restriction admits all studies of its identifier. Days are in the site's time zone, inclusive.
    """

    identifier_id: int
    accession_lookup: str | None
    date_from: date | None
    date_to: date | None
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)

    def admits(self, identifier_id: int, accession_lookup: str | None, study_date: date | None) -> bool:
        """Whether a study of ``identifier_id`` is the one that this row means.

        Args:
            identifier_id: the patient ID under which the study is filed.
            accession_lookup: keyed look-up value of its accession number; ``None`` when it has none.
            study_date: day in the site's time zone; ``None`` when it has none.
        """
        if identifier_id != self.identifier_id or self.accession_lookup not in (None, accession_lookup):
            return False
        if self.date_from is None and self.date_to is None:
            return True
        return study_date is not None and (self.date_from or study_date) <= study_date <= (self.date_to or study_date)


@dataclass(frozen=True)
class EnrolledSubject:
    """A subject and what belongs to it.

    Attributes:
        identifier_ids: the main identifier first, then aliases.
        visits: empty when no row restricts the studies, so that all of these identifiers belong to the subject.
        columns: free columns on which all rows of the subject agree; what differs stands in the visits.
        revision: counts the imports that changed what the key table says of the subject.
    """

    subject_id: int
    subject_key: str
    person_id: int
    identifier_ids: tuple[int, ...]
    visits: tuple[Visit, ...]
    columns: Mapping[str, str] = field(repr=False)
    revision: int = 1

    def admitting(self, identifier_id: int, accession_lookup: str | None, study_date: date | None) -> int | None:
        """How many visits admit a study; ``None`` when the key table restricts none, so that all are admitted."""
        if not self.visits:
            return None
        return sum(visit.admits(identifier_id, accession_lookup, study_date) for visit in self.visits)


@dataclass(frozen=True)
class _StoredRow:
    identifier_id: int
    row: KeyTableRow


def enrolled(
    vault: Vault, trial: str, subject_keys: Collection[str] | None = None, *, version_id: int | None = None
) -> list[EnrolledSubject]:
    """The subjects of a key-table version (the current one by default), sorted by key.

    Args:
        vault: where the key table is; its rows are decrypted, which is recorded.
        trial: the trial ID.
        subject_keys: only these; all when None.
        version_id: the version that a run pinned.

    Raises:
        InputError: a subject key is not in the table, or no table was imported.
    """
    if version_id is None:
        version_id = current_version(vault, trial).id
    query = (
        select(Subject, KeyRow.number, KeyRow.identifier_id, KeyRow.content_sealed)
        .join(KeyRow, KeyRow.subject_id == Subject.id)
        .where(KeyRow.version_id == version_id, Subject.trial == trial)
        .order_by(Subject.key, KeyRow.number)
    )
    if subject_keys is not None:
        query = query.where(Subject.key.in_(sorted(subject_keys)))
    with vault.session(read_only=True) as session:
        found = session.execute(query).all()
    if subject_keys is not None:
        _require_known(vault, trial, set(subject_keys) - {each.Subject.key for each in found})
    contents = vault.disclose(trial, [each.content_sealed for each in found], caller=CALLER, purpose="enrolled")
    rows: dict[str, list[_StoredRow]] = {}
    subjects: dict[str, Subject] = {}
    for each, content in zip(found, contents, strict=True):
        stored = _StoredRow(each.identifier_id, KeyTableRow.from_content(each.number, content))
        rows.setdefault(each.Subject.key, []).append(stored)
        subjects[each.Subject.key] = each.Subject
    return [_subject(vault, subjects[key], several) for key, several in rows.items()]


def enrolled_keys(vault: Vault, trial: str) -> frozenset[str]:
    """The keys of the subjects that are enrolled now; nothing is decrypted for it."""
    query = select(Subject.key).where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
    with vault.session(read_only=True) as session:
        return frozenset(session.scalars(query))


def require_current(session: Session, subject: EnrolledSubject) -> None:
    """Return if the key table still says of a subject what ``subject`` says; to be called under the subject's lock.

    Raises:
        TransientError: an import has changed that since.
    """
    row = session.get_one(Subject, subject.subject_id)
    if row.revision != subject.revision or row.withdrawn_at is not None:
        raise TransientError(f"{subject.subject_key}: a new key table was imported this moment; try again")


def accession_lookup(vault: Vault, accession_number: str) -> str | None:
    """The keyed look-up value by which visits know an original accession number; None for an empty one."""
    bare = accession_number.strip(PADDING)
    return vault.fingerprint(bare.encode()) if bare else None


def _subject(vault: Vault, subject: Subject, stored: Sequence[_StoredRow]) -> EnrolledSubject:
    in_order = sorted(stored, key=lambda each: each.row.alias)
    restricted = any(each.row.names_visit for each in stored)
    visits = [
        Visit(
            each.identifier_id,
            accession_lookup(vault, each.row.accession_number),
            each.row.study_date_from,
            each.row.study_date_to,
            each.row.columns,
        )
        for each in stored
    ]
    return EnrolledSubject(
        subject_id=subject.id,
        subject_key=subject.key,
        person_id=subject.person_id,
        identifier_ids=tuple(dict.fromkeys(each.identifier_id for each in in_order)),
        visits=tuple(visits) if restricted else (),
        columns=_agreed(each.row.columns for each in stored),
        revision=subject.revision,
    )


def _agreed(columns: Iterable[Mapping[str, str]]) -> dict[str, str]:
    first, *others = columns
    return {name: cell for name, cell in first.items() if all(other.get(name) == cell for other in others)}


def _require_known(vault: Vault, trial: str, unknown: Collection[str]) -> None:
    """Refuse unknown keys by name, except those that are patient IDs typed by mistake."""
    if not unknown:
        return
    patients = {key for key in unknown if vault.identities.is_known("", key)}
    problems = [
        f"trial {trial} has no subject {key!r} in its key table; `pacs2trial keys import {trial}` takes a new table in"
        for key in sorted(set(unknown) - patients)
    ]
    if patients:
        problems.append(f"{len(patients)} of the given subject keys are patient IDs: give the keys of trial {trial}")
    raise InputError(*problems)
