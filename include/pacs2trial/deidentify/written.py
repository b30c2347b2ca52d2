"""The attributes that a plan writes: patient, Clinical Trial module, method of de-identification (PS3.15 E.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from struct import Struct
from typing import Final

from pacs2trial.deidentify.dates import CONSTANTS, as_date
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.deidentify.pieces import Piece, Sequence, element
from pacs2trial.deidentify.walk import Walk
from pacs2trial.profile.methods import CODE_MEANINGS, OWN_METHODS
from pacs2trial.profile.plan import (
    EVENT_TYPE,
    IDENTITY_REMOVED,
    METHOD,
    METHOD_CODES,
    OFFSET,
    PATIENT_ID,
    PATIENT_NAME,
    SUBJECT_ID,
    TEMPORAL,
    Plan,
    SubjectValues,
)
from pacs2trial.trials.definition import Offset

_TEMPORAL_ORDER: Final = (b"UNMODIFIED", b"MODIFIED", b"REMOVED")
_DOUBLE: Final = Struct("<d")
_CODE_VALUE: Final = 0x00080100
_SCHEME: Final = 0x00080102
_MEANING: Final = 0x00080104


def written_values(walk: Walk, plan: Plan, patient: str, values: SubjectValues | None) -> Mapping[int, Piece]:
    """What stands in the slots, given what the object brought."""
    methods, temporal = walk.foreign.get(METHOD, b""), walk.foreign.get(TEMPORAL, b"")
    written = _written(plan, patient, values.subject_key if values else None, methods, temporal)
    if walk.foreign_items:
        written = {**written, METHOD_CODES: _codes(walk.foreign_items, plan)}
    if values is not None and plan.offset is not None:
        written = {**written, **_offset(walk, plan.offset, plan.filling(values).day(plan.offset.column))}
    return written


@lru_cache(maxsize=256)
def _written(plan: Plan, patient: str, subject_key: str | None, methods: bytes, temporal: bytes) -> Mapping[int, Piece]:
    """The same for an object that brought no codes of methods, without what is told of its dates."""
    code = patient.encode("ascii")
    pieces: dict[int, Piece] = {
        PATIENT_NAME: element(PATIENT_NAME, b"PN", code),
        PATIENT_ID: element(PATIENT_ID, b"LO", code),
        IDENTITY_REMOVED: element(IDENTITY_REMOVED, b"CS", b"YES"),
        METHOD: element(METHOD, b"LO", _methods(methods, plan)),
        METHOD_CODES: _codes([], plan),
        TEMPORAL: element(TEMPORAL, b"CS", _temporal(temporal, plan)),
    }
    for tag, text in plan.texts.items():
        pieces[tag] = element(tag, b"LO", text.encode("ascii"))
    if subject_key is not None:
        pieces[SUBJECT_ID] = element(SUBJECT_ID, b"LO", subject_key.encode("ascii"))
    return pieces


def _offset(walk: Walk, offset: Offset, event: date) -> Mapping[int, Piece]:
    """Whole days from the event to the study, before dates move; nothing where the object has no date of its study."""
    value = walk.asked.study_date.strip(PADDING)
    day = None if value in CONSTANTS else as_date(value)
    if day is None:
        return {OFFSET: b"", EVENT_TYPE: b""}
    return {
        OFFSET: element(OFFSET, b"FD", _DOUBLE.pack((day - event).days)),
        EVENT_TYPE: element(EVENT_TYPE, b"CS", offset.event.encode("ascii")),
    }


def _methods(brought: bytes, plan: Plan) -> bytes:
    """What was done before stays named, where the words are known or, in staging, hold nothing of the object."""
    before = [one.strip() for one in brought.decode("latin-1").split("\\")]
    if plan.vocabulary is not None:
        before = [one for one in before if one in OWN_METHODS]
    said = [one for one in before if one and one not in plan.methods]
    return "\\".join([*said, *plan.methods]).encode("latin-1")


def _temporal(brought: bytes, plan: Plan) -> bytes:
    """Dates that an earlier step removed or moved do not become unmodified again."""
    ours, before = plan.dates.encode(), brought.strip()
    if before in _TEMPORAL_ORDER and _TEMPORAL_ORDER.index(before) > _TEMPORAL_ORDER.index(ours):
        return before
    return ours


def _codes(foreign_items: list[list[Piece]], plan: Plan) -> Piece:
    """The codes that the object brought, in their order, and after them those of the plan that are not among them."""
    brought = [b"".join(piece for piece in item if isinstance(piece, bytes)) for item in foreign_items]
    ours: list[list[Piece]] = [
        [method_code(code)] for code in plan.codes if not any(_says(item, code) for item in brought)
    ]
    items = [*foreign_items, *ours]
    return Sequence(METHOD_CODES, items) if items else b""


def _says(item: bytes, code: str) -> bool:
    """Whether an item, as it goes out, holds a code of the scheme DCM."""
    return element(_CODE_VALUE, b"SH", code.encode("ascii")) in item and element(_SCHEME, b"SH", b"DCM") in item


def method_code(code: str) -> bytes:
    """The content of an item of De-identification Method Code Sequence (0012,0064)."""
    return (
        element(_CODE_VALUE, b"SH", code.encode("ascii"))
        + element(_SCHEME, b"SH", b"DCM")
        + element(_MEANING, b"LO", CODE_MEANINGS[code].encode("ascii"))
    )
