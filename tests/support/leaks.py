"""Searching everything that was written for values that must not be there.

A search of bytes, done apart from the product: files are read whole, zips member by member, SQLite databases row by row
as well as byte by byte (a long text is broken over pages in the file).
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

_UID = re.compile(rb"\d+(?:\.\d+){5,}")


@dataclass(frozen=True)
class Leak:
    """Where a planted value was found. ``value`` is invented, so it may be shown by a failing test."""

    where: str
    value: str


def search(root: Path, values: Iterable[str], uids: Iterable[str], *, leave_out: Iterable[Path] = ()) -> list[Leak]:
    """Every place below ``root`` where one of ``values`` (any case, UTF-8 or Latin-1) or of ``uids`` stands."""
    spellings = {(value, form) for value in values for form in _spellings(value)}
    forbidden = {uid.encode() for uid in uids}
    found = []
    for where, data in _everything(root, [path.resolve() for path in leave_out]):
        lower = data.lower()
        found += [Leak(where, value) for value, form in spellings if form in lower and _stands(form, lower)]
        found += [Leak(where, uid.decode()) for uid in forbidden.intersection(_UID.findall(data))]
    return found


def original_uids(folder: Path) -> set[str]:
    """Every UID of the objects in ``folder`` that names an instance, a series, a study or a frame of reference."""
    uids: set[str] = set()

    def note(_dataset: Dataset, element: pydicom.DataElement) -> None:
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else element.value
            uids.update(str(uid) for uid in values if not str(uid).startswith("1.2.840.10008."))

    for path in sorted(folder.rglob("*")):
        if path.is_file():
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            dataset.walk(note)
    return uids


def _spellings(value: str) -> set[bytes]:
    """Lower case, as UTF-8 and as Latin-1."""
    lower = value.lower()
    forms = {lower.encode()}
    with contextlib.suppress(UnicodeEncodeError):
        forms.add(lower.encode("latin-1"))
    return forms


def _stands(form: bytes, data: bytes) -> bool:
    """Whether ``form`` is meant. Digits alone count only where no further digit touches them: a birth date may stand by
    chance within a long UID.
    """
    return not form.isdigit() or re.search(rb"(?<!\d)%s(?!\d)" % form, data) is not None


def _everything(root: Path, leave_out: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        resolved = path.resolve()
        if any(resolved == out or out in resolved.parents for out in leave_out):
            continue
        yield f"name of {path}", str(path.relative_to(root)).encode()
        if path.is_file():
            data = path.read_bytes()
            yield str(path), data
            if data[:4] == b"PK\x03\x04":
                yield from _members(path)
            elif data[:15] == b"SQLite format 3":
                yield from _rows(path)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield f"{path}:{name}", name.encode() + b"\n" + archive.read(name)


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = database.execute(f'select * from "{table}"').fetchall()
            yield (
                f"{path}:{table}",
                repr(rows).encode() + b"".join(v for row in rows for v in row if isinstance(v, bytes)),
            )
