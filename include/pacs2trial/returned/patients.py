"""Whose a study is: the patient's identity as it came with the study's own objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Identifier, Instance, Subject


@dataclass(frozen=True)
class Patient:
    """The patient of one study. Empty where the objects said nothing, or did not agree."""

    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    name: str = field(repr=False)
    birth_date: str = field(repr=False)
    sex: str = field(repr=False)
    study_date: date | None = field(repr=False)


def patient_of(vault: Vault, trial: str, subject_key: str, study: str, *, caller: str, purpose: str) -> Patient:
    """The patient of a study.

    Args:
        vault: the vault; the decryption is recorded under ``caller`` and ``purpose``.
        trial: the trial that the object comes from.
        subject_key: what the object names as its patient.
        study: Study Instance UID in staging.
        caller: what asks.
        purpose: why.

    Raises:
        InputError: the key is no subject of the trial, the study is not that subject's, or its objects did not agree
            on the patient's name.
    """
    with vault.session(read_only=True) as session:
        person_id = session.scalars(
            select(Subject.person_id).where(Subject.trial == trial, Subject.key == subject_key)
        ).one_or_none()
        if person_id is None:
            raise InputError(f"its patient ID is no subject key of trial {trial}")
        rows = session.execute(
            select(Instance.identifier_id, Identifier.person_id, Instance.study_date, Instance.facts_sealed)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .where(Instance.study == study)
        ).all()
    if {row.person_id for row in rows} != {person_id} or len({row.identifier_id for row in rows}) != 1:
        raise InputError("its patient ID and its study are not of one patient here")
    ids = vault.identities.original_ids([rows[0].identifier_id], caller=caller, purpose=purpose)
    issuer, patient_id = ids[rows[0].identifier_id]
    sealed = [row.facts_sealed for row in rows if row.facts_sealed is not None]
    said = [
        json.loads(text).get("identity") or {}
        for text in vault.disclose(STAGING, sealed, caller=caller, purpose=purpose)
    ]
    names = {name for each in said for name in [_name(each)] if name}
    if len(names) != 1:
        raise InputError("the objects of its study did not come with one and the same patient's name")
    return Patient(
        patient_id,
        issuer,
        names.pop(),
        _agreed(said, "birth_date"),
        _agreed(said, "sex"),
        next(iter({row.study_date for row in rows}), None) if len({row.study_date for row in rows}) == 1 else None,
    )


def _name(said: dict[str, Any]) -> str:
    """The patient's name; where only the list of all names was kept, the one of it if it is alone."""
    names: Sequence[str] = said.get("names") or ()
    return str(said.get("name") or (names[0] if len(names) == 1 else ""))


def _agreed(said: Sequence[dict[str, Any]], field_name: str) -> str:
    found = {str(each[field_name]) for each in said if each.get(field_name)}
    return found.pop() if len(found) == 1 else ""
