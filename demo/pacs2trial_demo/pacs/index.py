"""What the demo PACS holds: a folder of DICOM files, their headers in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial

from pacs2trial.holdings.matching import texts

LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
UNIQUE_KEYS = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
_NARROWING = ("PATIENT", "STUDY")
_LAST_GROUP = 0x0040
"""Keys of queries lie in groups up to this one; what comes after (contours, beams, pixels) is not kept in memory."""


@dataclass(frozen=True)
class Instance:
    """One stored object; ``keys`` are the values of the unique keys of the four levels."""

    path: Path
    keys: tuple[str, str, str, str]
    header: Dataset = field(compare=False, repr=False)
    sop_class: str
    transfer_syntax: str

    def uid(self, level: str) -> str:
        """The value of the unique key of ``level``."""
        return self.keys[LEVELS.index(level)]


class Index:
    """The instances of one PACS by SOP Instance UID. Safe to use from many associations at once."""

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._below: dict[tuple[str, str], dict[str, Instance]] = {}  # those of a patient or study, by SOP Instance UID
        self._lock = RLock()

    def scan(self, folder: Path) -> int:
        """Read the headers of every DICOM file below ``folder``; other files are passed over. Returns how many."""
        found = 0
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                try:
                    self.add(path)
                except InvalidDicomError:
                    continue
                found += 1
        return found

    def add(self, path: Path) -> Instance:
        """Take in one file; an object with the same SOP Instance UID is replaced.

        Raises:
            InvalidDicomError: the file is not DICOM.
        """
        with path.open("rb") as file:
            header = read_partial(file, stop_when=lambda tag, _vr, _length: tag.group > _LAST_GROUP)
        patient, study, series, sop_instance = (_first(header, UNIQUE_KEYS[level]) for level in LEVELS)
        instance = Instance(
            path,
            (patient, study, series, sop_instance),
            header,
            str(header.SOPClassUID),
            str(header.file_meta.TransferSyntaxUID),
        )
        with self._lock:
            self._forget(sop_instance)
            self._instances[sop_instance] = instance
            for level in _NARROWING:
                self._below.setdefault((level, instance.uid(level)), {})[sop_instance] = instance
        return instance

    def _forget(self, sop_instance: str) -> None:
        gone = self._instances.pop(sop_instance, None)
        if gone is not None:
            for level in _NARROWING:
                del self._below[level, gone.uid(level)][sop_instance]

    def remove(self, sop_instance: str) -> Instance:
        """Delete one object, its file too, as an archive does when its time to keep is over.

        Raises:
            KeyError: there is no such object.
        """
        with self._lock:
            gone = self._instances[sop_instance]
            self._forget(sop_instance)
        gone.path.unlink()
        return gone

    def __len__(self) -> int:
        return len(self._instances)

    def instances(self) -> list[Instance]:
        with self._lock:
            return list(self._instances.values())

    def below(self, level: str, uid: str) -> list[Instance]:
        """The instances of one patient or study."""
        with self._lock:
            return list(self._below.get((level, uid), {}).values())

    def select(self, level: str, identifier: Dataset) -> list[Instance]:
        """The instances below the entities that the unique keys of ``level`` and of those above name.

        An empty or absent key, or one with a wildcard, narrows nothing here.
        """
        wanted = [(one, texts(identifier, UNIQUE_KEYS[one])) for one in LEVELS[: LEVELS.index(level) + 1]]
        exact = [(one, values) for one, values in wanted if values and not any(sign in values[0] for sign in "*?")]
        narrowing = [pair for pair in exact if pair[0] in _NARROWING]
        among = [one for uid in narrowing[-1][1] for one in self.below(narrowing[-1][0], uid)] if narrowing else None
        return [
            one
            for one in (self.instances() if among is None else among)
            if all(one.uid(level) in values for level, values in exact)
        ]


def entities(level: str, instances: Iterable[Instance]) -> list[list[Instance]]:
    """``instances`` by the patient, study, series or image of ``level`` that they belong to, in order of arrival."""
    groups: dict[tuple[str, ...], list[Instance]] = {}
    depth = LEVELS.index(level) + 1
    for instance in instances:
        groups.setdefault(instance.keys[:depth], []).append(instance)
    return list(groups.values())


def distinct(level: str, instances: Iterable[Instance]) -> int:
    """How many patients, studies, series or images ``instances`` make up."""
    depth = LEVELS.index(level) + 1
    return len({one.keys[:depth] for one in instances})


def _first(header: Dataset, keyword: str) -> str:
    return next(iter(texts(header, keyword)), "")
