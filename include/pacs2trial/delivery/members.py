"""The objects of a package, for destinations that take objects and no files; and which of them have arrived."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pydicom
from pydicom.dataset import FileMetaDataset

from pacs2trial.collect.replacing import replacing
from pacs2trial.delivery.outgoing import Outgoing

_DICOM = ".dcm"


@dataclass(frozen=True)
class Member:
    """One object of a package: its UIDs in the trial, and the Part 10 file as it stands in the zip."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    content: bytes = field(repr=False)


def kinds(package: Outgoing) -> list[tuple[str, str]]:
    """SOP Class UIDs and transfer syntaxes of the objects, each pair once, sorted."""
    with zipfile.ZipFile(package.file) as archive:
        found = set()
        for name in _names(archive):
            with archive.open(name) as member:
                meta = _meta(cast(BinaryIO, member))
            found.add((str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)))
    return sorted(found)


def members(package: Outgoing) -> Iterator[Member]:
    """The objects in the order of their names, one in memory at a time."""
    with zipfile.ZipFile(package.file) as archive:
        for name in _names(archive):
            content = archive.read(name)
            meta = _meta(BytesIO(content))
            yield Member(
                str(meta.MediaStorageSOPClassUID),
                str(meta.MediaStorageSOPInstanceUID),
                str(meta.TransferSyntaxUID),
                content,
            )


def _meta(file: BinaryIO) -> FileMetaDataset:
    return pydicom.filereader.read_partial(file, stop_when=lambda *_: True).file_meta


def _names(archive: zipfile.ZipFile) -> list[str]:
    return sorted(name for name in archive.namelist() if name.endswith(_DICOM))


class Arrived:
    """The objects of one package that one destination has confirmed, so that a repetition sends the others only.

    Args:
        package: what is sent.
        destination: the name of the destination in vault and receipts.
    """

    def __init__(self, package: Outgoing, destination: str) -> None:
        self._path = package.file.with_name(f".{package.file.name}.arrived.json")
        self._key = f"{destination} {package.content_digest}"
        self._all = self._read()
        self.uids: set[str] = set(self._all.get(self._key, []))

    def add(self, uids: set[str]) -> None:
        """Write down what was confirmed."""
        self.uids |= uids
        self._all[self._key] = sorted(self.uids)
        self._write()

    def forget(self) -> None:
        """Everything has arrived and stands in the vault."""
        self._all.pop(self._key, None)
        if self._all:
            self._write()
        else:
            self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, list[str]]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self) -> None:
        with replacing(Path(self._path), durable=False) as file:
            file.write(json.dumps(self._all).encode())
