"""Who and what an object is, read from its original header: for intake only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pacs2trial.deidentify.charset import decode
from pacs2trial.deidentify.dates import as_date, checked_dates
from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.scan import IMPLICIT_HEAD, element_at, head_at, item_at, refuse
from pacs2trial.dicomfile.vr import DELIMITER_GROUP, KNOWN, SEQUENCE_END, UNDEFINED
from pacs2trial.profile.vocabulary import nobody

_DIRECTORY_RECORDS: Final = 0x00041220
_CHARACTER_SET: Final = 0x00080005
_SOP_CLASS: Final = 0x00080016
_SOP_INSTANCE: Final = 0x00080018
_STUDY_DATE: Final = 0x00080020
_ACCESSION: Final = 0x00080050
_MODALITY: Final = 0x00080060
_PATIENT_ID: Final = 0x00100020
_ISSUER: Final = 0x00100021
_BIRTH_DATE: Final = 0x00100030
_NAMES: Final = (0x00100010, 0x00101001, 0x00101005)  # Patient's Name, Other Patient Names, Patient's Birth Name
_SEX: Final = 0x00100040
_OTHER_IDS: Final = 0x00101002
_IDS: Final = (0x00101000, 0x00101090)  # Other Patient IDs, Medical Record Locator
_STUDY: Final = 0x0020000D
_SERIES: Final = 0x0020000E

_TEXT_FACTS: Final = {
    "sop_class": _SOP_CLASS,
    "modality": _MODALITY,
    "conversion_type": 0x00080064,
    "manufacturer": 0x00080070,
    "station": 0x00081010,
    "study_description": 0x00081030,
    "series_description": 0x0008103E,
    "model": 0x00081090,
    "body_part": 0x00180015,
    "slice_thickness": 0x00180050,
    "slice_spacing": 0x00180088,
    "protocol_name": 0x00181030,
    "position": 0x00200032,
    "orientation": 0x00200037,
    "pixel_spacing": 0x00280030,
    "photometric": 0x00280004,
    "burned_in": 0x00280301,
}
_NUMBER_FACTS: Final = {"rows": 0x00280010, "columns": 0x00280011}
_IMAGE_TYPE: Final = 0x00080008
_FRAMES: Final = 0x00280008

_WANTED: Final = frozenset(
    (
        *(_DIRECTORY_RECORDS, _CHARACTER_SET, _SOP_INSTANCE, _STUDY_DATE, _ACCESSION, _PATIENT_ID, _ISSUER, _STUDY),
        *(_BIRTH_DATE, _SEX, *_NAMES, *_IDS),
        *(_SERIES, _IMAGE_TYPE, _FRAMES, *_TEXT_FACTS.values(), *_NUMBER_FACTS.values()),
    )
)
_DELIMITER: Final = 8
_LAST: Final = max(_WANTED)
_LONGEST: Final = 1024

_PLACEHOLDER: Final = re.compile(r"0+|x+|\?+|-+|\.+|\*+|1234|12345|123456|1234567|12345678|123456789|1234567890")


@dataclass(frozen=True)
class ObjectIdentity:
    """Original values of one object; never logged, never stored in clear.

    Attributes:
        patient_id: less the padding that PS3.5 6.2 calls insignificant.
        issuer: Issuer of Patient ID (0010,0021), empty if the object names none.
        study, series, sop_instance, sop_class: UIDs.
        modality: Modality (0008,0060).
        study_date: None if absent or no date.
        accession_number: empty if absent.
    """

    patient_id: str
    issuer: str
    study: str
    series: str
    sop_instance: str
    sop_class: str
    modality: str
    study_date: date | None
    accession_number: str


def read_identity(obj: EncodedObject) -> ObjectIdentity:
    """:meth:`Outermost.identity` of an object of which nothing else is asked."""
    return Outermost(obj).identity()


class Outermost:
    """The outermost level of an object, looked through once.

    Raises:
        UnsafeObjectError: the header cannot be understood.
    """

    def __init__(self, obj: EncodedObject) -> None:
        self._obj = obj
        self._values = _values(obj)
        self._charset = self._values.get(_CHARACTER_SET, b"").strip(b" \0")

    def identity(self) -> ObjectIdentity:
        """Read what places the object.

        Raises:
            UnsafeObjectError: ``no-patient-id`` where the patient ID is missing or one that stands for nobody,
                ``no-uid`` where a UID is missing, ``dicomdir``.
        """
        if _DIRECTORY_RECORDS in self._values:
            refuse("dicomdir", "a directory of files; send the files")
        patient_id = self._text(_PATIENT_ID)
        if _is_nobody(patient_id):
            refuse("no-patient-id", "the patient ID is missing, is several, or stands for nobody in particular")
        for tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES):
            if not self._text(tag):
                refuse("no-uid", f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is missing")
        checked = checked_dates(self._values.get(_STUDY_DATE, b"").strip(b" \0"), 0)
        return ObjectIdentity(
            patient_id=patient_id,
            issuer=self._text(_ISSUER),
            study=self._text(_STUDY),
            series=self._text(_SERIES),
            sop_instance=self._text(_SOP_INSTANCE),
            sop_class=self._text(_SOP_CLASS),
            modality=self._text(_MODALITY),
            study_date=as_date(checked) if checked else None,
            accession_number=self._text(_ACCESSION),
        )

    def facts(self) -> dict[str, Any]:
        """What filter rules ask of an object: text, numbers and lists as JSON knows them; absent text is empty."""
        values = self._values
        facts: dict[str, Any] = {name: self._text(tag) for name, tag in _TEXT_FACTS.items()}
        facts |= {name: int.from_bytes(values.get(tag, b"")[:2], "little") for name, tag in _NUMBER_FACTS.items()}
        facts["image_type"] = [part.strip() for part in self._text(_IMAGE_TYPE).split("\\") if part.strip()]
        frames = self._text(_FRAMES)
        facts["frames"] = int(frames) if frames.isascii() and frames.isdigit() else 0
        facts["transfer_syntax"] = self._obj.transfer_syntax
        facts["pixel_data"] = bool(len(self._obj.pixel))
        return facts

    def person(self) -> dict[str, Any]:
        """Whose the object is: what :mod:`pacs2trial.verify` must not find in a package.

        Returns:
            ``name`` (Patient's Name), ``names`` (that and others, all component groups, PS3.5 6.2.1), ``birth_date``
            (DA as it stands, empty if absent), ``sex`` (CS), ``ids`` (other than Patient ID).

        Raises:
            UnsafeObjectError: the other patient IDs cannot be understood.
        """

        def texts(tags: tuple[int, ...]) -> list[str]:
            return sorted({part.strip() for tag in tags for part in self._text(tag).split("\\")} - {""})

        others = {_decoded(value, self._charset) for value in _other_ids(self._obj)} - {""}
        return {
            "name": self._text(_NAMES[0]),
            "names": texts(_NAMES),
            "birth_date": self._text(_BIRTH_DATE),
            "sex": self._text(_SEX),
            "ids": sorted(others.union(texts(_IDS))),
        }

    def _text(self, tag: int) -> str:
        value = self._values.get(tag)
        return _decoded(value, self._charset) if value else ""


def _other_ids(obj: EncodedObject) -> Iterator[bytes]:
    """The values of Patient ID in the items of Other Patient IDs Sequence (0010,1002)."""
    header = obj.header
    _, vr, _, position, end, _ = obj.element(_OTHER_IDS) or (0, b"", 0, 0, 0, False)
    while position < end:
        number, length, content = item_at(header, position, end)
        if number == SEQUENCE_END:
            break
        position, stop = content, end if length == UNDEFINED else content + length
        if stop > end:
            refuse("truncated", "an item is longer than what is there")
        implicit = obj.implicit or (vr == b"UN" and bytes(header[content + 4 : content + 6]) not in KNOWN)
        while position < stop:
            if stop - position >= _DELIMITER and IMPLICIT_HEAD(header, position)[0] == DELIMITER_GROUP:
                position += _DELIMITER
                break
            found, _, value, length = head_at(header, position, stop, implicit=implicit)
            position = element_at(header, position, stop, implicit=implicit)[4]
            if found == _PATIENT_ID and length != UNDEFINED:
                yield bytes(header[value : value + length])


def _values(obj: EncodedObject) -> dict[int, bytes]:
    """The wanted elements of the outermost level, as encoded."""
    if obj.in_order_to <= _LAST:
        refuse("order", "an attribute stands twice or behind its place")
    found: dict[int, bytes] = {}
    for _, _, origin, elements, _ in obj.parts:
        for tag in _WANTED & elements.keys():
            _, _, _, start, end, _ = elements[tag]
            value = bytes(obj.header[origin + start : origin + min(end, start + _LONGEST)])
            found.setdefault(tag, value)
    return found


def _decoded(value: bytes, charset: bytes) -> str:
    bare = value.strip(b" \0")
    text = decode(bare, charset)
    return (text if text is not None else bare.decode("latin-1")).strip()


def _is_nobody(patient_id: str) -> bool:
    plain = patient_id.casefold()
    return (
        not plain
        or "\\" in plain
        or plain.replace(" ", "").replace("_", "") in nobody()
        or bool(_PLACEHOLDER.fullmatch(plain))
    )
