"""Taking over the pseudonyms of another system, so that a running trial goes on with the same UIDs.

Rows are filled before they are used: the row decides, not the derivation (promise 2). A table that differs from what
the vault holds is refused whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.pseudonyms import Original
from pacs2trial.vault.tables import Identifier, Kind, Subject
from pacs2trial.vault.uidmods import Meaning, ModRow, read_uidmods
from pacs2trial.vault.vault import Vault


@dataclass(frozen=True)
class TakenOver:
    """What an import did.

    Attributes:
        uids: pseudonyms of UIDs that were new to the vault.
        patients: patient codes of staging that were new.
        known: rows that the vault held already, with the same pseudonym.
        to_enrol: patient IDs of trials whose key table does not name them yet; the key table decides on them.
        passed_over: rows about names, birth dates and the like, which pacs2trial does not take from a table.
    """

    uids: int
    patients: int
    known: int
    to_enrol: int
    passed_over: int


def import_uidmods(vault: Vault, path: Path, trials: Collection[str], *, actor: str) -> TakenOver:
    """Take over a Conquest ``UIDMODS`` export, whole or not at all. Audited.

    Rows of the first stage become pseudonyms of STAGING. Rows of a trial become that trial's: an old UID that is a
    pseudonym of the first stage is one of staging, any other is an original and gets its staging pseudonym first.

    Args:
        vault: the vault.
        path: the file.
        trials: trial IDs of this site.
        actor: who imports.

    Raises:
        InputError: the file has faults, or differs from the vault; all rows are listed by line.
    """
    table = read_uidmods(path, trials)
    uids = [row for row in table.rows if row.meaning is Meaning.UID]
    patients = [row for row in table.rows if row.meaning is Meaning.PATIENT_ID]
    first = {row.old: row.new for row in uids if row.scope == STAGING}
    _require_no_clash(vault, uids, patients, first)
    staged = _staged(vault, uids, first, make=True)
    with vault.session() as session:
        made = sum(vault.pseudonyms(scope).enter(session, wanted) for scope, wanted in _wanted(uids, staged).items())
        codes = {("", row.old): row.new for row in patients if row.scope == STAGING}
        entered = vault.identities.adopt(session, codes)
        unknown = sum(key is None for key in _subject_keys(vault, session, patients).values())
        done = TakenOver(made, entered, len(uids) - made + len(codes) - entered, unknown, table.passed_over)
        vault.audit.append(
            session, "mapping import", actor=actor, target=path.name, uids=made, patients=entered, known=done.known
        )
    vault.identities.forget()
    return done


def _require_no_clash(
    vault: Vault, uids: Sequence[ModRow], patients: Sequence[ModRow], first: Mapping[str, str]
) -> None:
    problems: dict[int, str] = {}
    staged = _staged(vault, uids, first, make=False)
    with vault.session(read_only=True) as session:
        for scope, rows in _by_scope(uids).items():
            pseudonyms = vault.pseudonyms(scope)
            of = {row: staged[row.old] if scope != STAGING else row.old for row in rows}
            there = pseudonyms.held(session, {Original(Kind.UID, old) for old in of.values() if old})
            taken = pseudonyms.holders(session, Kind.UID, {row.new for row in rows})
            for row, old in of.items():
                held = there.get(Original(Kind.UID, old)) if old else None
                if held is not None and held != row.new:
                    problems[row.number] = f"the vault holds another pseudonym of this UID in {scope}"
                elif row.new in taken and taken[row.new] != old:
                    problems[row.number] = f"the vault holds this pseudonym for another UID in {scope}"
        codes = [row for row in patients if row.scope == STAGING]
        there_codes = vault.identities.codes(session, {("", row.old) for row in codes})
        owners = {code: pair for pair, code in there_codes.items()}
        used = set(session.scalars(select(Identifier.code)))
        for row in codes:
            code = there_codes.get(("", row.old))
            if code is not None and code != row.new:
                problems[row.number] = "the vault holds another code of this patient"
            elif row.new in used and owners.get(row.new) != ("", row.old):
                problems[row.number] = "the vault holds this code for another patient"
        for row, key in _subject_keys(vault, session, patients).items():
            if key is not None and key != row.new:
                problems[row.number] = f"the key table of {row.scope} has another subject key for this patient"
    if problems:
        raise InputError(*(f"line {number}: {problems[number]}" for number in sorted(problems)))


def _staged(vault: Vault, uids: Sequence[ModRow], first: Mapping[str, str], *, make: bool) -> dict[str, str]:
    """The staging pseudonym behind the old UID of each row of a trial; empty where there is none and none is made."""
    asked = {row.old for row in uids if row.scope != STAGING}
    staging = vault.pseudonyms(STAGING)
    pseudos = set(first.values())
    with vault.session(read_only=True) as session:
        pseudos |= staging.holders(session, Kind.UID, asked).keys()
        there = staging.held(session, {Original(Kind.UID, uid) for uid in asked - pseudos})
    found = {uid: uid for uid in asked & pseudos}
    found |= {uid: first.get(uid) or there.get(Original(Kind.UID, uid), "") for uid in asked - pseudos}
    if make:
        new = {Original(Kind.UID, uid) for uid, staged in found.items() if not staged}
        found |= {original.value: staged for original, staged in staging.resolve(new).items()}
    return found


def _wanted(uids: Sequence[ModRow], staged: Mapping[str, str]) -> dict[str, dict[Original, str]]:
    return {
        scope: {Original(Kind.UID, row.old if scope == STAGING else staged[row.old]): row.new for row in rows}
        for scope, rows in _by_scope(uids).items()
    }


def _by_scope(rows: Iterable[ModRow]) -> dict[str, list[ModRow]]:
    scopes: dict[str, list[ModRow]] = {}
    for row in rows:
        scopes.setdefault(row.scope, []).append(row)
    return scopes


def _subject_keys(vault: Vault, session: Session, patients: Sequence[ModRow]) -> dict[ModRow, str | None]:
    """The subject key that the trial of each row has for its patient, None where it has none.

    The old value is the patient ID of the hospital, or the code that stands for it in the first stage.
    """
    rows = [row for row in patients if row.scope != STAGING]
    coded = {row.new: row.old for row in patients if row.scope == STAGING}
    ids = {row: coded.get(row.old, row.old) for row in rows}
    persons = vault.identities.persons(session, {("", patient_id) for patient_id in ids.values()})
    keys: dict[ModRow, str | None] = {}
    for row, patient_id in ids.items():
        query = select(Subject.key).where(
            Subject.trial == row.scope,
            Subject.person_id == persons.get(("", patient_id)),
            Subject.withdrawn_at.is_(None),
        )
        keys[row] = session.scalars(query).first()
    return keys
