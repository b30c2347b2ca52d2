"""The records of a zip (APPNOTE.TXT 6.3.10, sections 4.3 and 4.4): functions of names, sizes and digests alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STORED: Final = 0
DEFLATED: Final = 8

LARGEST = 0xFFFFFFFE
"""Bytes that a field of 32 bits tells; what is larger stands in a ZIP64 field."""

MOST_ENTRIES = 0xFFFE

_DOS_EPOCH: Final = (0, 0x0021)
"""1980-01-01 00:00:00, the first moment that a zip can tell."""

_UNIX: Final = 3
_MODE: Final = 0o600 << 16
_PLAIN, _ZIP64 = 20, 45
_UTF8: Final = 0x800
_FULL: Final = 0xFFFFFFFF
_ZIP64_FIELD: Final = 0x0001


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the records tell it; ``packed`` and ``size`` in bytes, after and before compression."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int = 0


def local_header(entry: Entry) -> bytes:
    """What stands before the bytes of a member (4.3.7)."""
    name, flags = _name(entry.name)
    large = _is_large(entry)
    extra = struct.pack("<HHQQ", _ZIP64_FIELD, 16, entry.size, entry.packed) if large else b""
    packed, size = (_FULL, _FULL) if large else (entry.packed, entry.size)
    fields = (_ZIP64 if large else _PLAIN, flags, entry.method, *_DOS_EPOCH, entry.crc, packed, size)
    return struct.pack("<4s5H3L2H", b"PK\3\4", *fields, len(name), len(extra)) + name + extra


def central_directory(entries: Sequence[Entry], start: int) -> bytes:
    """What stands behind all members (4.3.12 to 4.3.16); ``start`` is where it begins in the file."""
    directory = b"".join(map(_central_header, entries))
    number, size = len(entries), len(directory)
    end = b""
    if number > MOST_ENTRIES or size > LARGEST or start > LARGEST:
        fields = (44, _ZIP64, _ZIP64, 0, 0, number, number, size, start)
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", *fields)
        end += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        number, size, start = min(number, 0xFFFF), min(size, _FULL), min(start, _FULL)
    return directory + end + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, size, start, 0)


def _central_header(entry: Entry) -> bytes:
    name, flags = _name(entry.name)
    large = _is_large(entry)
    told = [entry.size, entry.packed] if large else []
    told += [entry.offset] if entry.offset > LARGEST else []
    extra = struct.pack(f"<HH{len(told)}Q", _ZIP64_FIELD, 8 * len(told), *told) if told else b""
    packed, size = (_FULL, _FULL) if large else (entry.packed, entry.size)
    version = _ZIP64 if told else _PLAIN
    made_by = version | _UNIX << 8
    fields = (made_by, version, flags, entry.method, *_DOS_EPOCH, entry.crc, packed, size)
    places = (len(name), len(extra), 0, 0, 0, _MODE, min(entry.offset, _FULL))
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, *places) + name + extra


def _is_large(entry: Entry) -> bool:
    return entry.size > LARGEST or entry.packed > LARGEST


def _name(name: str) -> tuple[bytes, int]:
    return name.encode("utf-8"), 0 if name.isascii() else _UTF8
