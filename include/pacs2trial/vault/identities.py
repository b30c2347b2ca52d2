"""Hospital patient IDs: who they point to, and the code that stands for them in staging.

A patient ID means something only with its issuer. It is stored encrypted and found by its keyed look-up value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from pacs2trial.errors import PermanentError
from pacs2trial.vault import encryption
from pacs2trial.vault.database import Database, batches, insert_new
from pacs2trial.vault.derivation import code_from, keyed_digest
from pacs2trial.vault.disclosure import Disclosures
from pacs2trial.vault.scopes import ScopeKeys
from pacs2trial.vault.tables import Identifier, Kind, Person

CODE_LETTER = "P"
REMEMBERED = 50_000
PADDING = " \0"

Pair = tuple[str, str]
"""(issuer, patient ID) as they stand in an object or a key table."""


@dataclass(frozen=True)
class Patient:
    """A hospital patient as staging knows him.

    ``code`` is the patient ID in staging (14 characters, fits LO and SH). ``person_id`` is as it was when this process
    first asked: a later alias moves it, so a trial takes the person from its subject.
    """

    identifier_id: int
    person_id: int
    code: str


class Identities:
    """Get-or-create of patients; safe for threads and processes."""

    def __init__(
        self, database: Database, staging: ScopeKeys, lookup_key: bytes, issuer: str, disclosures: Disclosures
    ) -> None:
        self._database = database
        self._staging = staging
        self._lookup_key = lookup_key
        self._issuer = issuer
        self._disclosures = disclosures
        self._known: dict[Pair, Patient] = {}

    def patient(self, issuer: str, patient_id: str) -> Patient:
        """The patient, made if new and committed. An empty ``issuer`` is the site's (``PACS2TRIAL_ISSUER``)."""
        pair = (issuer, patient_id)
        return self.patients([pair])[pair]

    def patients(self, pairs: Iterable[Pair]) -> dict[Pair, Patient]:
        """The patients of all (issuer, patient ID) pairs, made if new and committed before this returns.

        A patient ID counts exactly, less leading and trailing padding (PS3.5 6.2): case and zeros matter.
        """
        asked = {pair: self._bare(pair) for pair in pairs}
        found = {bare: self._known[bare] for bare in asked.values() if bare in self._known}
        missing = sorted({bare for bare in asked.values() if bare not in found})
        if missing:
            with self._database.session(read_only=True) as session:
                rows = self._select(session, missing)
            if len(rows) < len(missing):
                with self._database.session() as session:
                    rows = self.enter(session, missing)
            found |= rows
            self._remember(rows)
        return {pair: found[bare] for pair, bare in asked.items()}

    def enter(self, session: Session, pairs: Iterable[Pair]) -> dict[Pair, Patient]:
        """:meth:`patients` inside a transaction of the caller: nothing stays if that one fails."""
        asked = {pair: self._bare(pair) for pair in pairs}
        wanted = sorted(set(asked.values()))
        rows = self._select(session, wanted)
        new = [pair for pair in wanted if pair not in rows]
        if new:
            persons = session.scalars(insert(Person).returning(Person.id), [{} for _ in new]).all()
            for batch in batches([self._row(pair, person) for pair, person in zip(new, persons, strict=True)]):
                insert_new(session, Identifier, batch)
            rows |= self._select(session, new)
            if len(rows) < len(wanted):
                raise PermanentError("a proposed patient code stands for another patient already")
            # another writer may have been first: the persons that nobody points to go again
            unused = set(persons) - {patient.person_id for patient in rows.values()}
            for some in batches(sorted(unused)):
                session.execute(delete(Person).where(Person.id.in_(some)))
        return {pair: rows[bare] for pair, bare in asked.items()}

    def codes(self, session: Session, pairs: Iterable[Pair]) -> dict[Pair, str]:
        """The codes of those (issuer, patient ID) pairs that the vault knows; makes none."""
        return {pair: patient.code for pair, patient in self._held(session, pairs).items()}

    def persons(self, session: Session, pairs: Iterable[Pair]) -> dict[Pair, int]:
        """The persons of those pairs that the vault knows; makes none."""
        return {pair: patient.person_id for pair, patient in self._held(session, pairs).items()}

    def adopt(self, session: Session, codes: Mapping[Pair, str]) -> int:
        """Enter patients with codes that another system gave, inside a transaction of the caller.

        Returns:
            How many were new.

        Raises:
            PermanentError: the vault holds another code for one of them; nothing of the transaction may stay.
        """
        new = sorted(codes.keys() - self._held(session, codes).keys())
        if new:
            persons = session.scalars(insert(Person).returning(Person.id), [{} for _ in new]).all()
            rows = [
                self._row(self._bare(pair), person) | {"code": codes[pair]}
                for pair, person in zip(new, persons, strict=True)
            ]
            for batch in batches(rows):
                insert_new(session, Identifier, batch)
        if self.codes(session, codes) != dict(codes):
            raise PermanentError("a patient code of the table differs from the vault; nothing was taken over")
        return len(new)

    def original_ids(self, identifier_ids: Iterable[int], *, caller: str, purpose: str) -> dict[int, Pair]:
        """(issuer, patient ID) of identifiers, by identifier id. The use is recorded as a disclosure."""
        sealed: dict[int, bytes] = {}
        with self._database.session(read_only=True) as session:
            for batch in batches(sorted(set(identifier_ids))):
                query = select(Identifier.id, Identifier.original_sealed).where(Identifier.id.in_(batch))
                sealed |= {row_id: original for row_id, original in session.execute(query)}  # noqa: C416
        self._disclosures.record(caller, purpose, len(sealed))
        return {row_id: self._opened(original) for row_id, original in sealed.items()}

    def same_person(self, one: int, other: int) -> bool:
        """Whether two identifiers are, by the key tables of now, one person's."""
        if one == other:
            return True
        with self._database.session(read_only=True) as session:
            persons = select(Identifier.person_id).where(Identifier.id.in_([one, other])).distinct()
            return len(session.scalars(persons).all()) == 1

    def known(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Those of the pairs that are patients whom the vault has seen; makes nothing."""
        asked = {pair: self._bare(pair) for pair in pairs if pair[1].strip(PADDING)}
        with self._database.session(read_only=True) as session:
            found = self._select(session, sorted(set(asked.values())))
        return {pair for pair, bare in asked.items() if bare in found}

    def is_known(self, issuer: str, patient_id: str) -> bool:
        """Whether a text is a patient ID of ``issuer`` that the vault has seen; makes nothing."""
        if not patient_id.strip(PADDING):
            return False
        pair = self._bare((issuer, patient_id))
        with self._database.session(read_only=True) as session:
            return bool(self._select(session, [pair]))

    def forget(self) -> None:
        """Drop what this process remembers, after persons were corrected."""
        self._known = {}

    def _held(self, session: Session, pairs: Iterable[Pair]) -> dict[Pair, Patient]:
        asked = {pair: self._bare(pair) for pair in pairs}
        rows = self._select(session, sorted(set(asked.values())))
        return {pair: rows[bare] for pair, bare in asked.items() if bare in rows}

    def _remember(self, committed: dict[Pair, Patient]) -> None:
        if len(self._known) + len(committed) > REMEMBERED:
            self._known = {}
        self._known.update(committed)

    def _select(self, session: Session, pairs: Sequence[Pair]) -> dict[Pair, Patient]:
        by_lookup = {self._lookup(pair): pair for pair in pairs}
        rows: dict[Pair, Patient] = {}
        for batch in batches(by_lookup):
            query = select(Identifier.lookup, Identifier.id, Identifier.person_id, Identifier.code).where(
                Identifier.lookup.in_(batch)
            )
            for lookup, identifier_id, person_id, code in session.execute(query):
                rows[by_lookup[lookup]] = Patient(identifier_id, person_id, code)
        return rows

    def _row(self, pair: Pair, person_id: int) -> dict[str, Any]:
        digest = keyed_digest(self._staging.pseudonym_key, Kind.PATIENT_ID.value, *pair)
        return {
            "person_id": person_id,
            "lookup": self._lookup(pair),
            "original_sealed": encryption.seal(self._staging.data_key, json.dumps(pair).encode()),
            "code": code_from(CODE_LETTER, digest),
        }

    def _opened(self, sealed: bytes) -> Pair:
        issuer, patient_id = json.loads(encryption.unseal(self._staging.data_key, sealed))
        return issuer, patient_id

    def _lookup(self, pair: Pair) -> str:
        return keyed_digest(self._lookup_key, Kind.PATIENT_ID.value, *pair).hex()

    def _bare(self, pair: Pair) -> Pair:
        issuer, patient_id = (text.strip(PADDING) for text in pair)
        if not patient_id:
            raise ValueError("an empty patient ID names nobody")
        return issuer or self._issuer, patient_id
