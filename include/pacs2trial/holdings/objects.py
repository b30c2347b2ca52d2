"""One object as a scope shows it: the bytes that a trial's package, or the staging store, would hold."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pydicom
from pydicom.dataset import FileDataset
from typing_extensions import Buffer

from pacs2trial.dicomfile.encoding import file_bytes

PIECE = 1 << 18
"""Bytes that leave at a time."""


@dataclass(frozen=True)
class ShownObject:
    """An encoded object by the UIDs of its scope.

    Attributes:
        transfer_syntax: of header and pixel data together.
        header: the data set up to the pixel data.
        pixel: the pixel data element in parts, its head included; empty without pixel data.
    """

    study: str
    series: str
    sop_instance: str
    sop_class: str
    transfer_syntax: str
    header: Buffer = field(repr=False)
    pixel: Sequence[Buffer] = field(repr=False)

    @property
    def pixel_tag(self) -> int:
        """Tag of the pixel data element: Pixel Data, Float or Double Float Pixel Data; 0 without one."""
        if not self.pixel:
            return 0
        head = bytes(memoryview(self.pixel[0]).cast("B")[:4])
        return int.from_bytes(head[:2], "little") << 16 | int.from_bytes(head[2:], "little")

    @property
    def size(self) -> int:
        """Bytes of the Part 10 file."""
        return sum(memoryview(part).nbytes for part in self._parts())

    def file(self) -> Iterator[bytes]:
        """The Part 10 file in pieces; nothing is copied but the piece that is about to leave."""
        for part in self._parts():
            view = memoryview(part).cast("B")
            for start in range(0, len(view), PIECE):
                yield bytes(view[start : start + PIECE])

    def dataset(self) -> FileDataset:
        """The whole object as pydicom reads it."""
        return pydicom.dcmread(io.BytesIO(b"".join(bytes(part) for part in self._parts())))

    def described(self) -> FileDataset:
        """Everything but the pixel data."""
        return pydicom.dcmread(io.BytesIO(self._meta() + bytes(self.header)))

    def _meta(self) -> bytes:
        return file_bytes(self.sop_class, self.sop_instance, self.transfer_syntax, b"")

    def _parts(self) -> list[Buffer]:
        return [self._meta(), self.header, *self.pixel]
