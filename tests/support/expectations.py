"""What PS3.15 says must become of a data set under the Basic Profile, worked out apart from the engine.

Slow and straightforward: pydicom's data sets, element by element, and the tables as data. Nothing of the product's code
is used, so that a mistake there does not excuse itself here.
"""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

DATA = Path(__file__).parents[2] / "include" / "pacs2trial" / "profile" / "data"
NUMBERS = {"US", "SS", "UL", "SL", "FL", "FD", "AT", "OW", "OF", "OD", "OL", "OV", "SV", "UV", "IS", "DS"}
GONE_BY_VR = {"PN", "UR", "AE", "UN", "DA", "DT", "TM", "LT", "ST", "UT"}
TEMPORAL = 0x00280303  # says of the whole object what became of its dates; an item says nothing of that
WRITTEN = {0x00100010, 0x00100020, 0x00100021, TEMPORAL}
DICOM = "1.2.840.10008."


def mistakes(before: Dataset, after: Dataset, mapped: Callable[[str], str], *, top: bool = True) -> Iterator[str]:
    """Where ``after`` is not what the Basic Profile without options makes of ``before``."""
    for element in after:
        tag = int(element.tag)
        if element.tag.is_private:
            yield f"{element.tag} is private"
        elif tag not in before and not (top and (tag in WRITTEN or tag >> 16 == 0x0012)):
            yield f"{element.tag} was not there before"
    for element in before:
        tag = int(element.tag)
        if not (top and (tag in WRITTEN or tag >> 16 == 0x0012)) and tag >> 16 < 0x7FE0:
            yield from _mistakes_of(element, after, mapped)


def _mistakes_of(element: DataElement, after: Dataset, mapped: Callable[[str], str]) -> Iterator[str]:
    tag, vr = int(element.tag), element.VR
    action = _table().get(tag)
    kept = after.get(element.tag)
    treatment = _beyond().get(f"{tag:08X}") or _beyond().get(f"{tag >> 16:04X}----")
    if tag == 0x00080005 or treatment not in (None, "remove", "device"):
        return
    if element.tag.is_private or action == "X" or treatment or tag == TEMPORAL:
        if kept is not None and not (tag >> 16 == 0x0010 and kept.is_empty):
            yield f"{element.tag} is still there"
    elif vr == "UI":
        yield from _mistakes_of_uids(element, kept, action, mapped)
    elif vr == "SQ":
        yield from _mistakes_of_items(element, kept, action, mapped)
    elif tag not in _rt_text() and (action is not None or vr in GONE_BY_VR):
        if kept is not None and not _says_nothing(kept) and _texts(kept.value) == _texts(element.value):
            yield f"{element.tag} kept its value"
    elif (vr in NUMBERS or vr == "CS") and (kept is None or _words(kept) != _words(element)):
        yield f"{element.tag} {vr} changed"


def _mistakes_of_uids(
    element: DataElement, kept: DataElement | None, action: str | None, mapped: Callable[[str], str]
) -> Iterator[str]:
    treatment = _uids().get(int(element.tag), "map")
    found = _texts(kept.value) if kept is not None else []
    if treatment == "remove":
        if found:
            yield f"{element.tag} is still there"
        return
    values = _texts(element.value)
    structural = [value for value in values if not value.startswith(DICOM)] if treatment == "keep" else []
    expected = [value if value.startswith(DICOM) else mapped(value) for value in values]
    if not structural and found != expected and action is None:
        yield f"{element.tag} is not the mapped UID"
    if found and not structural and found != expected:
        yield f"{element.tag} is another UID"


def _mistakes_of_items(
    element: DataElement, kept: DataElement | None, action: str | None, mapped: Callable[[str], str]
) -> Iterator[str]:
    if action is not None and action != "X/Z/U*":
        if kept is not None and len(kept.value) and "D" not in action:
            yield f"{element.tag} still has items"
        return
    if kept is None:
        yield f"{element.tag} is missing"
    elif len(kept.value) != len(element.value):
        yield f"{element.tag} has {len(kept.value)} items"
    else:
        for one, two in zip(element.value, kept.value, strict=True):
            for mistake in mistakes(one, two, mapped, top=False):
                yield f"{element.tag} > {mistake}"


def _says_nothing(element: DataElement) -> bool:
    """Empty, or the zero bytes that are the dummy of binary values: an original of zeros is replaced by its like."""
    return element.is_empty or (isinstance(element.value, bytes) and not any(element.value))


def _words(element: DataElement) -> Any:
    """The value; of what may be US or OW (PS3.6) its words, in whichever of the two it is written."""
    if element.VR == "US" and dictionary_has_tag(element.tag) and "OW" in dictionary_VR(element.tag):
        values = element.value if element.VM > 1 else [element.value] * element.VM
        return struct.pack(f"<{element.VM}H", *values)
    return element.value


def _texts(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    several = isinstance(value, (list, pydicom.multival.MultiValue))
    return [str(one).rstrip(" \0") for one in (value if several else [value])]


@cache
def _table() -> dict[int, str]:
    """Tag → action of the Basic Profile in Table E.1-1."""
    rows = json.loads((DATA / "confidentiality_profile.json").read_text())["rules"]
    return {int(tag, 16): basic for tag, _, basic, _ in rows if _is_tag(tag)}


def _is_tag(text: str) -> bool:
    return len(text) == 8 and all(c in "0123456789ABCDEFabcdef" for c in text)


@cache
def _beyond() -> dict[str, str]:
    return {row["what"].upper(): row["treatment"] for row in _rows("beyond_table.csv")}


@cache
def _rt_text() -> frozenset[int]:
    """What is cleaned word by word also without Clean Descriptors: words that are safe may stay as they were."""
    return frozenset(int(row["tag"], 16) for row in _rows("rt_text_attributes.csv"))


@cache
def _uids() -> dict[int, str]:
    return {int(row["tag"], 16): row["treatment"] for row in _rows("uid_attributes.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    lines = [line for line in (DATA / name).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))
