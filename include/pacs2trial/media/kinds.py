"""What a file is, by how it begins; names and their endings prove nothing."""

from __future__ import annotations

import io
import tarfile
import zipfile
from enum import Enum, auto
from typing import BinaryIO

HEAD = 512
_DISC_AT, _DISC = 32769, b"CD001"
_PREFIX_AT, _PREFIX = 128, b"DICM"
_OBJECTS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""First bytes of a data set that was saved without preamble: group 0002 or 0008, little or big endian."""

_UNREAD = {
    b"7z\xbc\xaf\x27\x1c": "is a 7z archive",
    b"Rar!\x1a\x07": "is a RAR archive",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd",
    b"\x1f\x9d": "is compressed with compress",
    b"\x1f\xa0": "is compressed with compress",
    b"\x04\x22\x4d\x18": "is compressed with lz4",
}


class Kind(Enum):
    OBJECT = auto()
    ZIP = auto()
    TAR = auto()
    GZIP = auto()
    BZIP2 = auto()
    XZ = auto()
    OTHER = auto()


_PACKED = {b"\x1f\x8b": Kind.GZIP, b"BZh": Kind.BZIP2, b"\xfd7zXZ\x00": Kind.XZ, b"PK\x03\x04": Kind.ZIP}
_PACKED |= {b"PK\x05\x06": Kind.ZIP, b"PK\x07\x08": Kind.ZIP}


def kind_of(file: BinaryIO) -> Kind:
    """What a file is that can be sought; it stands at its beginning afterwards."""
    head = file.read(HEAD)
    kind = kind_of_head(head)
    if kind is Kind.OTHER and head[:2] == b"MZ" and zipfile.is_zipfile(file):
        kind = Kind.ZIP  # unpacks itself where it is run, as media of some viewers do
    file.seek(0)
    return kind


def kind_of_head(head: bytes) -> Kind:
    """What begins with these bytes; an object wins, because its preamble may hold anything (PS3.10 7.1)."""
    if head[_PREFIX_AT : _PREFIX_AT + len(_PREFIX)] == _PREFIX:
        return Kind.OBJECT
    if found := next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), None):
        return found
    if is_tar(head):
        return Kind.TAR
    return Kind.OBJECT if head[:2] in _OBJECTS else Kind.OTHER


def is_tar(head: bytes) -> bool:
    """Whether the first block is the header of a member: its checksum fits."""
    try:
        return len(head) == HEAD and bool(tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape"))
    except tarfile.TarError:
        return False


def unread_kind(file: BinaryIO) -> str:
    """What a file is that holds other files and that we do not read; empty if it is none of them."""
    head = file.read(HEAD)
    file.seek(0)
    if found := next((text for magic, text in _UNREAD.items() if head.startswith(magic)), ""):
        return found
    if file.seek(0, io.SEEK_END) > _DISC_AT:
        file.seek(_DISC_AT)
        if file.read(len(_DISC)) == _DISC:
            found = "is the image of a disc"
    file.seek(0)
    return found
