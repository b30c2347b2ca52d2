"""The attributes that a plan writes: patient, Clinical Trial module, method of de-identification (PS3.15 E.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pacs2trial.deidentify.pieces import Piece, Sequence, element
from pacs2trial.deidentify.walk import Walk
from pacs2trial.profile.plan import (
    IDENTITY_REMOVED,
    METHOD,
    METHOD_CODES,
    PATIENT_ID,
    PATIENT_NAME,
    STAGING_METHOD,
    SUBJECT_ID,
    TEMPORAL,
    TRIAL_METHOD,
    Plan,
    SubjectValues,
)

_MEANINGS: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}
"""CID 7050 of PS3.16."""

_TEMPORAL_ORDER: Final = (b"UNMODIFIED", b"MODIFIED", b"REMOVED")
_OWN_METHODS: Final = frozenset((STAGING_METHOD.encode(), TRIAL_METHOD.encode()))


def written_values(walk: Walk, plan: Plan, patient: str, values: SubjectValues | None) -> Mapping[int, Piece]:
    """What stands in the slots, given what the object brought."""
    code = patient.encode("ascii")
    pieces: dict[int, Piece] = {
        PATIENT_NAME: element(PATIENT_NAME, b"PN", code),
        PATIENT_ID: element(PATIENT_ID, b"LO", code),
        IDENTITY_REMOVED: element(IDENTITY_REMOVED, b"CS", b"YES"),
        METHOD: element(METHOD, b"LO", _methods(walk, plan)),
        METHOD_CODES: _codes(walk, plan),
        TEMPORAL: element(TEMPORAL, b"CS", _temporal(walk, plan)),
    }
    for tag, text in plan.texts.items():
        pieces[tag] = element(tag, b"LO", text.encode("ascii"))
    if values is not None:
        pieces[SUBJECT_ID] = element(SUBJECT_ID, b"LO", values.subject_key.encode("ascii"))
    return pieces


def _methods(walk: Walk, plan: Plan) -> bytes:
    """What was done before stays named, where the words are known or, in staging, hold nothing of the object."""
    before = [one.strip() for one in walk.foreign.get(METHOD, b"").split(b"\\")]
    if plan.vocabulary is not None:
        before = [one for one in before if one in _OWN_METHODS]
    own = plan.method.encode("ascii")
    return b"\\".join([*(one for one in before if one and one != own), own])


def _temporal(walk: Walk, plan: Plan) -> bytes:
    """Dates that an earlier step removed or moved do not become unmodified again."""
    ours, before = plan.dates.encode(), walk.foreign.get(TEMPORAL, b"").strip()
    if before in _TEMPORAL_ORDER and _TEMPORAL_ORDER.index(before) > _TEMPORAL_ORDER.index(ours):
        return before
    return ours


def _codes(walk: Walk, plan: Plan) -> Piece:
    """The codes that the object brought, and the plan's own after them; nothing where there are none."""
    before = walk.foreign.get(METHOD_CODES, b"")
    ours: list[list[Piece]] = [
        [
            element(0x00080100, b"SH", code.encode())
            + element(0x00080102, b"SH", b"DCM")
            + element(0x00080104, b"LO", _MEANINGS[code].encode())
        ]
        for code in plan.codes
        if code.encode() not in before
    ]
    items = [*walk.foreign_items, *ours]
    return Sequence(METHOD_CODES, items) if items else b""
