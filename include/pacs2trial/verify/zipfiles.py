"""Opening a package that nobody vouches for: names, overlaps and sizes are judged before a byte is unpacked."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path, PurePosixPath

from pacs2trial.errors import InputError, UnsafeObjectError

MANIFEST = "manifest.json"
DICOMDIR = "DICOMDIR"
FILES = frozenset((MANIFEST, DICOMDIR, "conformance.md", "inventory.csv", "inventory.parquet"))
"""What may stand beside the objects; all but a DICOMDIR always does."""
LARGEST_MEMBER = 4 << 30
"""Bytes. No DICOM object of a trial is larger; a member is unpacked in memory."""

LARGEST_MANIFEST = 256 << 20
_EXPANSION = 1100
"""Deflate cannot give more than 1032 bytes for one; whatever claims more is no honest zip."""

_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[0-9.]{1,64}/[0-9.]{1,64}/[0-9.]{1,64}\.dcm")
_ON_MEDIUM = re.compile(r"DICOM/ST\d{6}/SE\d{6}/IM\d{6}")
_LOCAL_HEADER = 30


def open_package(path: Path) -> zipfile.ZipFile:
    """Open a zip for reading.

    Raises:
        InputError: there is no such file, or it is no zip.
    """
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no readable zip ({type(error).__name__})") from None


def dangers(archive: zipfile.ZipFile) -> list[str]:
    """What makes a zip unsafe to unpack; nothing else may be read from it unless this is empty."""
    infos = archive.infolist()
    found: list[str] = []
    seen: set[str] = set()
    for number, info in enumerate(infos, 1):
        where = info.filename if safe_name(info.filename) else f"member {number}"
        if not safe_name(info.filename):
            found.append(f"{where}: its name is not of the form <subject key>/<study>/<series>/<instance>.dcm")
        if info.filename.casefold() in seen:
            found.append(f"{where}: its name stands twice")
        seen.add(info.filename.casefold())
        found += [f"{where}: {problem}" for problem in _member_dangers(info)]
    return found + _overlaps(infos)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member, unpacked in memory.

    Raises:
        UnsafeObjectError: it is absent, or its bytes are damaged.
    """
    try:
        return archive.read(name)
    except KeyError:
        raise UnsafeObjectError("absent", f"{name} is not in the package") from None
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError) as error:
        raise UnsafeObjectError("damaged", f"{name} cannot be unpacked: {type(error).__name__}") from None


def safe_name(name: str) -> bool:
    """Whether a name is a package's: a file that tells of it, or four plain parts below each other."""
    if name in FILES or _ON_MEDIUM.fullmatch(name):
        return True
    return _MEMBER.fullmatch(name) is not None and ".." not in PurePosixPath(name).parts


def _member_dangers(info: zipfile.ZipInfo) -> list[str]:
    found = []
    mode = info.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        found.append("it is no ordinary file")
    if info.flag_bits & 0x1:
        found.append("it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found.append(f"compression method {info.compress_type} is not used in packages")
    limit = LARGEST_MANIFEST if info.filename in FILES else LARGEST_MEMBER
    if info.file_size > limit or info.file_size > (info.compress_size + 64) * _EXPANSION:
        found.append("it would unpack to more than it can hold")
    return found


def _overlaps(infos: list[zipfile.ZipInfo]) -> list[str]:
    ordered = sorted(infos, key=lambda info: info.header_offset)
    return [
        "two members share the same bytes of the zip"
        for first, second in pairwise(ordered)
        if first.header_offset + _LOCAL_HEADER + first.compress_size > second.header_offset
    ][:1]
