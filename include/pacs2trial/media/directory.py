"""DICOMDIR: which files a medium says that it holds (PS3.3 F.3, PS3.10 8.6)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

Name = tuple[str, ...]
"""Folders and file name inside a volume, in the form in which media compare them."""

DICOMDIR = "DICOMDIR"
_NOT_IN_USE = 0


def name_of(parts: Sequence[str]) -> Name:
    """Small letters, without the version and the dot that ISO 9660 appends."""
    return tuple(part.partition(";")[0].rstrip(".").casefold() for part in parts if part not in ("", "."))


def is_directory(name: Name) -> bool:
    """Whether the file with this name is the DICOMDIR of its folder."""
    return bool(name) and name[-1] == DICOMDIR.casefold()


class Volume:
    """One folder or archive, and what the DICOMDIRs in it name."""

    def __init__(self) -> None:
        self._named: set[Name] = set()
        self._there: set[Name] = set()
        self._settled: set[Name] = set()
        self.unreadable = 0

    def holds(self, name: Name, *, settled: bool) -> None:
        """A file of this name is there; it is settled if it is an object, or was told to be unreadable."""
        self._there.add(name)
        if settled:
            self._settled.add(name)

    def add_directory(self, at: Name, content: bytes) -> None:
        """Take in what a DICOMDIR names; ``at`` is its own name, the folder of which its file IDs begin in."""
        try:
            self._named.update((*at[:-1], *one) for one in file_ids(content))
        except ValueError:
            self.unreadable += 1

    def named_in(self, folder: Name) -> set[Name]:
        """What the DICOMDIR of a folder names."""
        return {one for one in self._named if one[: len(folder)] == folder}

    def problems(self) -> list[str]:
        """What its DICOMDIRs say that is not so, each as the end of a sentence on the volume."""
        found = {
            "DICOMDIR that cannot be read: what it names is not accounted for": self.unreadable,
            "files that its DICOMDIR names and that are not there": self.missing,
            "files that its DICOMDIR names and that are no DICOM objects": self.empty,
        }
        return [f"{number} {text}" for text, number in found.items() if number]

    @property
    def missing(self) -> int:
        """How many files are named and not there."""
        return len(self._named - self._there)

    @property
    def empty(self) -> int:
        """How many are named and there, and are no objects."""
        return len(self._named & self._there - self._settled)


def file_ids(content: bytes) -> Iterable[Name]:
    """The Referenced File ID (0004,1500) of every directory record in use.

    Raises:
        ValueError: it is no DICOMDIR, or a damaged one.
    """
    try:
        records = dcmread(io.BytesIO(content)).DirectoryRecordSequence
        found = []
        for record in records:
            file_id = record.get("ReferencedFileID")
            if file_id and record.get("RecordInUseFlag") != _NOT_IN_USE:
                parts = [file_id] if isinstance(file_id, str) else list(file_id)
                found.append(name_of([str(part) for part in parts]))
    except (InvalidDicomError, AttributeError, LookupError, TypeError, OSError, EOFError, NotImplementedError):
        raise ValueError("no DICOMDIR that can be read") from None
    return found
