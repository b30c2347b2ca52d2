"""Archives, read in memory: names of members are never paths, and nothing is unpacked beyond its budget."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, BinaryIO, cast

from pacs2trial.media.directory import Volume, is_directory, name_of
from pacs2trial.media.kinds import HEAD, Kind, kind_of, kind_of_head, unread_kind
from pacs2trial.media.limits import ArchiveError, Budget
from pacs2trial.media.offered import Member, NoObject, Offered, PassedOver, Place, Unread

BROKEN = (
    *(OSError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, ValueError, LookupError, ArithmeticError, RuntimeError),
)
"""What reading a damaged archive raises; the readers do not keep to errors of their own."""

_ENCRYPTED = 0x1
_STREAMS: dict[Kind, Callable[[BinaryIO], IO[bytes]]] = {
    Kind.GZIP: lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    Kind.BZIP2: lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    Kind.XZ: lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),  # noqa: SIM115 - whoever calls it closes it
}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class _Within:
    """An archive that is being read: where it stands, how deep, what may still come out of it."""

    at: Place
    budget: Budget
    depth: int

    def place(self, number: int, of: int | None, name: str) -> Place:
        label = f"{self.at.label}, member {number}" + (f" of {of}" if of else "")
        return Place(label, self.at.volume, name_of(name.replace("\\", "/").split("/")))

    def rest(self, error: Exception) -> Unread:
        text = str(error) if isinstance(error, ArchiveError) else "is damaged"
        return Unread(self.at, f"{text}: what follows in it is not read")


def members(file: BinaryIO, kind: Kind, at: Place, budget: Budget, depth: int = 1) -> Iterator[Offered]:
    """Everything that an archive holds, those nested in it too.

    Args:
        file: the archive; it can be sought.
        kind: what it is.
        at: where it stands; its members belong to a volume of their own.
        budget: of the outermost archive.
        depth: which archive within archives this is.
    """
    within = _Within(replace(at, volume=Volume()), budget, depth)
    if depth > budget.limits.depth:
        yield Unread(at, f"is an archive within {budget.limits.depth} others: unpack it first")
        return
    try:
        if kind is Kind.ZIP:
            yield from _of_zip(file, within)
        elif kind is Kind.TAR:
            yield from _of_tar(file, within)
        else:
            yield from _of_stream(file, kind, within)
    except (ArchiveError, *BROKEN) as error:
        yield within.rest(error)


def _of_zip(file: BinaryIO, within: _Within) -> Iterator[Offered]:
    with zipfile.ZipFile(file) as archive:
        found = [one for one in archive.infolist() if not one.is_dir()]
        for number, info in enumerate(sorted(found, key=lambda one: one.filename), 1):
            at = within.place(number, len(found), info.filename)
            within.budget.one_more()
            if info.flag_bits & _ENCRYPTED:
                yield Unread(at, "is encrypted")
            elif info.file_size > within.budget.limits.member:
                yield Unread(at, "is larger than an object can be")
            else:
                within.budget.take(info.file_size)
                try:
                    with archive.open(info) as stream:
                        data = stream.read(info.file_size)
                except NotImplementedError:
                    yield Unread(at, "is packed by a method that is not read (such as Deflate64): pack it anew")
                except BROKEN:
                    yield Unread(at, "is damaged")
                else:
                    yield from _content(data, at, within)


def _of_tar(stream: IO[bytes], within: _Within) -> Iterator[Offered]:
    ends: list[bool] = []
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_watched(ends)) as archive:
        number = 0
        for info in archive:
            if info.isdir():
                continue
            number += 1
            at = within.place(number, None, info.name)
            within.budget.one_more()
            if not info.isreg():
                yield PassedOver(at)
            elif info.size > within.budget.limits.member:
                yield Unread(at, "is larger than an object can be")
            else:
                within.budget.take(info.size)
                source = archive.extractfile(info)
                assert source is not None
                data = source.read()
                if len(data) != info.size:
                    raise tarfile.ReadError("cut short")
                yield from _content(data, at, within)
        if not ends or _more(archive):
            raise tarfile.ReadError("without its end")


def _watched(ends: list[bool]) -> type[tarfile.TarInfo]:
    """Members of a tar that tell in ``ends`` when its end marker is met: a damaged header looks like the end, too."""

    class Watched(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Watched:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                ends.append(True)
            return super().frombuf(buf, encoding, errors)

    return Watched


def _more(archive: tarfile.TarFile) -> bool:
    """Whether anything but zeros follows the end marker. Reading it lets a compressed stream check its sum, too."""
    behind = cast("IO[bytes]", archive.fileobj)
    found = False
    while block := behind.read(_BLOCK):
        found = found or any(block)
    return found


def _of_stream(file: BinaryIO, kind: Kind, within: _Within) -> Iterator[Offered]:
    """What a compressed stream holds: a tar, or one file."""
    with _STREAMS[kind](file) as unpacked:
        stream = io.BufferedReader(_Counted(unpacked, within.budget), _BLOCK)
        if kind_of_head(stream.peek(HEAD)[:HEAD]) is Kind.TAR:
            yield from _of_tar(cast("IO[bytes]", stream), within)
            return
        at = within.place(1, 1, "")
        within.budget.one_more()
        data = bytearray()
        while block := stream.read(_BLOCK):
            data += block
            if len(data) > within.budget.limits.member:
                yield Unread(at, "is larger than an object can be")
                return
        yield from _content(bytes(data), at, within)


class _Counted(io.RawIOBase):
    """A stream whose bytes count."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs' buffer has no length
        data = self._stream.read(len(buffer))
        self._budget.take(len(data))
        buffer[: len(data)] = data
        return len(data)


def _content(data: bytes, at: Place, within: _Within) -> Iterator[Offered]:
    file = io.BytesIO(data)
    kind = kind_of(file)
    if kind is Kind.OBJECT:
        if is_directory(at.name):
            at.volume.add_directory(at.name, data)
        yield Member(at, data)
    elif kind is not Kind.OTHER:
        yield from members(file, kind, at, within.budget, within.depth + 1)
    elif fault := unread_kind(file):
        yield Unread(at, f"{fault}: unpack it first")
    else:
        yield NoObject(at)
