"""De-identification: plan + pseudonyms + encoded object → encoded object. No file, socket or session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

from typing_extensions import Buffer

from pacs2trial.deidentify.asked import Asked
from pacs2trial.deidentify.dates import as_date
from pacs2trial.deidentify.gathering import expect_harvest, expected_harvest, first_harvest
from pacs2trial.deidentify.identifiers import Harvest
from pacs2trial.deidentify.judge import judge_of
from pacs2trial.deidentify.keeping import is_of_dicom
from pacs2trial.deidentify.memory import walk_header
from pacs2trial.deidentify.notes import TextValue
from pacs2trial.deidentify.operations import (
    MODALITY,
    SERIES,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    STUDY_DATE,
    operations_of,
)
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.deidentify.pieces import Encoder, Piece
from pacs2trial.deidentify.pixels import pixel_element
from pacs2trial.deidentify.walk import Walk
from pacs2trial.deidentify.written import written_values
from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.scan import refuse
from pacs2trial.dicomfile.syntaxes import EXPLICIT_LITTLE, NATIVE
from pacs2trial.profile.plan import Plan, SubjectValues
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.pseudonyms import Original
from pacs2trial.vault.tables import Kind


class Resolver(Protocol):
    """Whoever knows pseudonyms: :class:`pacs2trial.vault.Pseudonyms`, or a table in a test."""

    def resolve(self, originals: Iterable[Original]) -> Mapping[Original, str]: ...


@dataclass(frozen=True)
class Deidentified:
    """An object that a stage has made.

    Attributes:
        header: canonical elements before the pixel data, explicit VR little endian.
        pixel: the pixel data element in parts; its value is a slice of what came. Empty without pixel data.
        transfer_syntax: of header and pixel data together.
        sop_class: SOP Class UID.
        sop_instance, study, series: pseudonyms.
        modality, study_date: as they stand in the header.
        counts: action → number of elements.
        passed: text that stands in it, as far as the trial's rules let it: keyword, character set, value → how often.
        unknown_names: names that the trial must know before they may leave.
    """

    header: bytes
    pixel: list[Buffer]
    transfer_syntax: str
    sop_class: str
    sop_instance: str
    study: str
    series: str
    modality: str
    study_date: date | None
    counts: Mapping[str, int]
    passed: Mapping[TextValue, int]
    unknown_names: Sequence[TextValue]


def deidentify(
    obj: EncodedObject,
    plan: Plan,
    pseudonyms: Resolver,
    *,
    patient: str,
    values: SubjectValues | None = None,
) -> Deidentified:
    """Apply ``plan`` to an object. The same input gives the same bytes; every original is asked for in one call.

    Args:
        obj: the object as it came, or as staging keeps it.
        plan: of the stage.
        pseudonyms: of the plan's scope.
        patient: the patient code (stage 1) or the subject key (stage 2); becomes Patient ID and Patient's Name.
        values: the subject's values; required in stage 2.

    Raises:
        UnsafeObjectError: the header cannot be understood, or lacks the UIDs that place the object.
        HeldError: a rule sets a value that the subject does not have, or that cannot be written.
        InputError: a rule sets a column that the key table does not have.
    """
    if (values is None) != (plan.scope == STAGING):
        raise ValueError("stage 2, and only stage 2, needs the values of a subject")
    header = bytes(obj.header)
    operations = operations_of(plan, _term(obj, SOP_CLASS), _term(obj, MODALITY))
    days = values.date_shift if values else 0
    asked = Asked.of(obj)
    first = first_harvest(obj, header)
    walk = Walk(header, operations, judge_of(expected_harvest(first), plan), days=days, asked=asked)
    pieces = walk_header(walk, obj.parts, implicit=obj.implicit)
    harvest = frozenset(walk.harvest)
    judge = judge_of(harvest, plan)
    blocked = {uid for uid in walk.structural if uid in walk.uids or not judge.is_class(uid)}
    if blocked or not walk.agrees_with(judge):
        walk = Walk(header, operations, judge, days=days, blocked=blocked, asked=asked)
        pieces = walk_header(walk, () if blocked else obj.parts, implicit=obj.implicit)
    expect_harvest(first, harvest)
    fill = plan.filling(values).value if values else None
    return _finish(obj, walk, pieces, pseudonyms, written_values(walk, plan, patient, values), fill)


def own_harvest(obj: EncodedObject, plan: Plan) -> frozenset[Harvest]:
    """What in an object identifies its patient and other persons: kind, character set, value as encoded.

    Raises:
        UnsafeObjectError: the header cannot be understood.
    """
    header = bytes(obj.header)
    operations = operations_of(plan, _term(obj, SOP_CLASS), _term(obj, MODALITY))
    walk = Walk(header, operations, judge_of(first_harvest(obj, header), plan), days=0, asked=Asked.of(obj))
    walk_header(walk, obj.parts, implicit=obj.implicit)
    return frozenset(walk.harvest)


def _term(obj: EncodedObject, tag: int) -> str:
    return obj.value(tag).strip(PADDING).decode("ascii", "replace")


def _finish(
    obj: EncodedObject,
    walk: Walk,
    pieces: list[Piece],
    pseudonyms: Resolver,
    written: Mapping[int, Piece],
    fill: Callable[[bytes, str], bytes] | None,
) -> Deidentified:
    sop_class, sop_instance, study, series = (_required(walk, tag) for tag in (SOP_CLASS, SOP_INSTANCE, STUDY, SERIES))
    asked = {value: _originals_of(value) for value in walk.uids}
    originals = dict.fromkeys(part for values in asked.values() for part in values if isinstance(part, Original))
    found = pseudonyms.resolve([*originals, *walk.originals])
    uids = {
        value: b"\\".join([found[part].encode("ascii") if isinstance(part, Original) else part for part in values])
        for value, values in asked.items()
    }
    native = obj.transfer_syntax in NATIVE
    return Deidentified(
        header=Encoder(uids, found, written, fill).encode(pieces),
        pixel=pixel_element(obj, walk.top),
        transfer_syntax=EXPLICIT_LITTLE if native else obj.transfer_syntax,
        sop_class=sop_class.decode("ascii"),
        sop_instance=uids.get(sop_instance, sop_instance).decode("ascii"),
        study=uids.get(study, study).decode("ascii"),
        series=uids.get(series, series).decode("ascii"),
        modality=walk.top.get(MODALITY, b"").strip(PADDING).decode("ascii", "replace"),
        study_date=as_date(walk.top.get(STUDY_DATE, b"")),
        counts=dict(walk.counts),
        passed=walk.passed,
        unknown_names=walk.unknown_names,
    )


@lru_cache(maxsize=4096)
def _originals_of(value: bytes) -> tuple[Original | bytes, ...]:
    """The values of a UI element: originals to ask for, and what stays as it is."""
    return tuple(
        Original(Kind.UID, part.rstrip(PADDING).decode("latin-1"))
        if part.strip(PADDING) and not is_of_dicom(part)
        else part.strip(PADDING)
        for part in value.split(b"\\")
    )


def _required(walk: Walk, tag: int) -> bytes:
    value = walk.top.get(tag, b"").rstrip(PADDING)
    if not value or b"\\" in value or (tag != SOP_CLASS and value not in walk.uids and value not in walk.structural):
        refuse("no-uid", f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is missing or no UID of an instance, study or series")
    return value
