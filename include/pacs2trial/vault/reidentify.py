"""From a pseudonym back to the original, for a key custodian with a reason; audited before anything is decrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import Identifier, Kind, Pseudonym, Scope, Subject
from pacs2trial.vault.vault import Vault

_CALLER = "reidentify"


@dataclass(frozen=True)
class Reidentified:
    """What a pseudonym stands for in one scope. ``issuer`` is told of patient IDs only."""

    scope: str
    kind: Kind
    value: str
    issuer: str = ""


@dataclass(frozen=True)
class _Found:
    scope: str
    kind: Kind
    identifier_ids: tuple[int, ...] = ()


def reidentify(vault: Vault, pseudonym: str, *, actor: str, reason: str) -> list[Reidentified]:
    """Everything that ``pseudonym`` stands for: a subject key, a patient code, or a UID, accession number or study ID.

    Args:
        vault: the vault.
        pseudonym: as it stands in staging, in a package or in a list of subjects.
        actor: who asks.
        reason: why; written to the audit table.

    Raises:
        InputError: the reason is empty, or the vault knows no such pseudonym. It is not repeated in the message,
            because what was typed may be an original.
    """
    if not reason.strip():
        raise InputError("a re-identification needs a reason: --reason TEXT")
    found = _patients(vault, pseudonym) + _values(vault, pseudonym)
    if not found:
        raise InputError("the vault knows no such pseudonym; type it exactly as it stands in the package or in staging")
    vault.audit.record(
        "reidentify", actor=actor, target=pseudonym, reason=reason, found=[[one.scope, one.kind.value] for one in found]
    )
    return [original for one in found for original in _opened(vault, one, pseudonym, reason)]


def _patients(vault: Vault, pseudonym: str) -> list[_Found]:
    with vault.session(read_only=True) as session:
        codes = session.scalars(select(Identifier.id).where(Identifier.code == pseudonym)).all()
        subjects = session.execute(
            select(Subject.trial, Identifier.id)
            .join(Identifier, Identifier.person_id == Subject.person_id)
            .where(Subject.key == pseudonym)
            .order_by(Subject.trial, Identifier.id)
        ).all()
    by_trial: dict[str, list[int]] = {}
    for trial, identifier_id in subjects:
        by_trial.setdefault(trial, []).append(identifier_id)
    found = [_Found(STAGING, Kind.PATIENT_ID, tuple(codes))] if codes else []
    return found + [_Found(trial, Kind.PATIENT_ID, tuple(ids)) for trial, ids in by_trial.items()]


def _values(vault: Vault, pseudonym: str) -> list[_Found]:
    with vault.session(read_only=True) as session:
        rows = session.execute(
            select(Scope.name, Pseudonym.kind)
            .join(Pseudonym, Pseudonym.scope_id == Scope.id)
            .where(Pseudonym.pseudo == pseudonym, Scope.erased_at.is_(None))
            .order_by(Scope.name)
        ).all()
    return [_Found(name, Kind(kind)) for name, kind in rows]


def _opened(vault: Vault, found: _Found, pseudonym: str, reason: str) -> Sequence[Reidentified]:
    purpose = f"{found.kind} of {found.scope}: {reason}"
    if found.identifier_ids:
        pairs = vault.identities.original_ids(found.identifier_ids, caller=_CALLER, purpose=purpose)
        return [Reidentified(found.scope, found.kind, value, issuer) for issuer, value in pairs.values()]
    value = vault.pseudonyms(found.scope).originals_of(found.kind, [pseudonym], caller=_CALLER, purpose=purpose)[
        pseudonym
    ]
    if found.scope != STAGING:
        staged = vault.pseudonyms(STAGING).originals_of(found.kind, [value], caller=_CALLER, purpose=purpose)
        value = staged.get(value, value)
    return [Reidentified(found.scope, found.kind, value)]
