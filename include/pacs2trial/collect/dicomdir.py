"""DICOMDIR of a package (PS3.3 annex F, PS3.10 8.6), as a function of its objects."""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import DIRECTORY_RECORDERS, _four_level_record_type
from pydicom.filewriter import write_dataset
from pydicom.uid import MediaStorageDirectoryStorage

from pacs2trial.deidentify import Deidentified
from pacs2trial.dicomfile.encoding import file_bytes
from pacs2trial.dicomfile.syntaxes import EXPLICIT_LITTLE
from pacs2trial.errors import PermanentError

_IN_USE: Final = 0xFFFF
_ITEM: Final = struct.Struct("<HHL")
_ITEM_TAG: Final = (0xFFFE, 0xE000)
_SEQUENCE_HEAD: Final = 12

_WHERE_EMPTY: Final = {
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "1",
    "ContentDate": "19000101",
    "ContentTime": "000000",
    "SeriesNumber": "0",
    "InstanceNumber": "0",
    "StructureSetLabel": "REMOVED",
    "RTPlanLabel": "REMOVED",
}
"""What a record must have and stage 2 may have emptied in the object."""


@dataclass
class _Record:
    dataset: Dataset
    below: dict[str, _Record] = field(default_factory=dict)
    offset: int = 0

    def all(self) -> list[_Record]:
        """Itself and all below, in the order in which they stand in the file."""
        return [self, *(one for each in self.below.values() for one in each.all())]


class Directory:
    """The records of one package, a tree of patient, studies, series and instances; nothing but headers is kept."""

    def __init__(self) -> None:
        self._patients: dict[str, _Record] = {}
        self._digest = hashlib.sha256()

    def add(self, name: str, made: Deidentified) -> None:
        """Take in an object; they come in the order of their names.

        Raises:
            PermanentError: a directory has no record for it.
        """
        head = file_bytes(made.sop_class, made.sop_instance, EXPLICIT_LITTLE, made.header)
        dataset = dcmread(io.BytesIO(head))
        for keyword, dummy in _WHERE_EMPTY.items():
            if not dataset.get(keyword):
                setattr(dataset, keyword, dummy)
        try:
            patient = _below(self._patients, str(dataset.PatientID), "PATIENT", dataset)
            study = _below(patient.below, made.study, "STUDY", dataset)
            series = _below(study.below, made.series, "SERIES", dataset)
            leaf = _below(series.below, made.sop_instance, _four_level_record_type(dataset), dataset)
        except (ValueError, AttributeError, KeyError):
            raise PermanentError(f"{name}: a DICOMDIR has no place for an object of this kind") from None
        leaf.dataset.ReferencedFileID = name.split("/")
        leaf.dataset.ReferencedSOPClassUIDInFile = made.sop_class
        leaf.dataset.ReferencedSOPInstanceUIDInFile = made.sop_instance
        leaf.dataset.ReferencedTransferSyntaxUIDInFile = made.transfer_syntax
        self._digest.update(f"{name} {made.sop_instance}\n".encode())

    def encoded(self) -> bytes:
        """The file, explicit VR little endian; its own UID is made of what it refers to."""
        uid = f"2.25.{int.from_bytes(self._digest.digest()[:16], 'big')}"
        top = Dataset()
        top.FileSetID = ""
        top.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
        top.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
        top.FileSetConsistencyFlag = 0
        head = file_bytes(MediaStorageDirectoryStorage, uid, EXPLICIT_LITTLE, b"")
        roots = list(self._patients.values())
        records = [one for root in roots for one in root.all()]
        position = len(head) + len(_bytes(top)) + _SEQUENCE_HEAD
        for record in records:
            record.offset = position
            position += _ITEM.size + len(_bytes(record.dataset))
        _chain(roots)
        top.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = roots[0].offset if roots else 0
        top.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = roots[-1].offset if roots else 0
        items = [_bytes(record.dataset) for record in records]
        body = b"".join(_ITEM.pack(*_ITEM_TAG, len(item)) + item for item in items)
        return head + _bytes(top) + struct.pack("<HH2sHL", 0x0004, 0x1220, b"SQ", 0, len(body)) + body


def _below(level: dict[str, _Record], key: str, kind: str, source: Dataset) -> _Record:
    if key not in level:
        record = DIRECTORY_RECORDERS[kind](source)
        record.OffsetOfTheNextDirectoryRecord = 0
        record.RecordInUseFlag = _IN_USE
        record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
        record.DirectoryRecordType = kind
        if "SpecificCharacterSet" in source:
            record.SpecificCharacterSet = source.SpecificCharacterSet
        level[key] = _Record(record)
    return level[key]


def _chain(level: list[_Record]) -> None:
    """Tell each record where the next one of its level begins, and the first one below it."""
    for record, following in zip_longest(level, level[1:]):
        below = list(record.below.values())
        record.dataset.OffsetOfTheNextDirectoryRecord = following.offset if following else 0
        record.dataset.OffsetOfReferencedLowerLevelDirectoryEntity = below[0].offset if below else 0
        _chain(below)


def _bytes(dataset: Dataset) -> bytes:
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    write_dataset(file, dataset)
    return file.getvalue()
