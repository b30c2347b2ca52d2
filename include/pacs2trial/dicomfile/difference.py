"""In what two contents of one object differ: attributes by tag and keyword, never by value."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import UnsafeObjectError

_CODE = frozenset({"(0010,0010) PatientName", "(0010,0020) PatientID"})
_TRANSFER_SYNTAX = "(0002,0010) TransferSyntaxUID"


@dataclass(frozen=True)
class Difference:
    """Attributes as ``(gggg,eeee) Keyword``, within sequences as ``Sequence > (gggg,eeee) Keyword``, in order of tags.

    ``pixel_data`` tells whether the pixel data differ, as they are encoded.
    """

    attributes: tuple[str, ...]
    pixel_data: bool


def difference(one: Path, other: Path) -> Difference | None:
    """Compare two Part 10 files; None when one is not there, or cannot be read."""
    try:
        first, second = dcmread(one, stop_before_pixels=True), dcmread(other, stop_before_pixels=True)
        found = list(_different(first, second, ""))
        if first.file_meta.TransferSyntaxUID != second.file_meta.TransferSyntaxUID:
            found.insert(0, _TRANSFER_SYNTAX)
        pixel_data = _pixels(one) != _pixels(other)
    except (OSError, InvalidDicomError, UnsafeObjectError, AttributeError, LookupError, ValueError):
        return None
    return Difference(tuple(dict.fromkeys(found)), pixel_data)


def is_renamed(one: Path, other: Path) -> bool:
    """Whether two staged files differ, and only in the patient's code, which stands for patient ID and name there."""
    found = difference(one, other)
    return found is not None and not found.pixel_data and bool(found.attributes) and _CODE.issuperset(found.attributes)


def _different(one: Dataset, other: Dataset, within: str) -> Iterator[str]:
    for tag in sorted(one.keys() | other.keys()):
        if tag not in one or tag not in other:
            yield within + _named(tag)
            continue
        mine, theirs = one[tag], other[tag]
        if mine.VR == theirs.VR == "SQ" and len(mine.value) == len(theirs.value):
            name = keyword_for_tag(tag) or _named(tag)
            for item, its in zip(mine.value, theirs.value, strict=True):
                yield from _different(item, its, f"{within}{name} > ")
        elif mine.value != theirs.value:
            yield within + _named(tag)


def _named(tag: BaseTag) -> str:
    keyword = "private" if tag.is_private else keyword_for_tag(tag)
    return f"({tag.group:04X},{tag.element:04X}) {keyword}".rstrip()


def _pixels(path: Path) -> memoryview:
    with path.open("rb") as file:
        found = split_file(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    return memoryview(found.pixel)
