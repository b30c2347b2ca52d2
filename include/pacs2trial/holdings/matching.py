"""Attribute matching of C-FIND (PS3.4 C.2.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
RANGE_VRS = frozenset({"DA", "TM", "DT"})
_LATEST = {"DA": "99991231", "TM": "235959.999999", "DT": "99991231235959.999999"}
_EARLIEST = {"DA": "00010101", "TM": "000000.000000", "DT": "00010101000000.000000"}


def matches(key: DataElement, entity: Dataset) -> bool:
    """Whether ``entity`` meets one matching key. An empty key asks for the value only and always matches."""
    if key.is_empty:
        return True
    if key.VR == "SQ":
        return _sequence_matches(key, entity)
    held = texts(entity, key.tag)
    wanted = _texts(key)
    if key.VR == "UI":
        return any(value in wanted for value in held)
    if len(wanted) > 1:
        return any(_single(key.VR, one, held) for one in wanted)
    return _single(key.VR, wanted[0], held)


def texts(dataset: Dataset, key: str | BaseTag) -> list[str]:
    """The values of one attribute as text, trailing padding removed; none where it is absent or empty."""
    return _texts(dataset[key]) if key in dataset else []


def _texts(element: DataElement) -> list[str]:
    if element.is_empty:
        return []
    values: Iterable[object] = element.value if element.VM > 1 else [element.value]
    return [str(value).rstrip(" \0") for value in values]


def _single(vr: str, wanted: str, held: list[str]) -> bool:
    """Single value, wildcard and range matching: one of the values held has to fit."""
    if vr in RANGE_VRS:
        low, high = bounds(vr, wanted)
        return any(low <= _padded(vr, value, "0") <= high for value in held)
    if vr == "PN":
        return any(_pattern(wanted, vr).fullmatch(part) for value in held for part in (value, *value.split("=")))
    if vr in WILDCARD_VRS:
        if not wanted.strip("*"):
            return True
        return any(_pattern(wanted, vr).fullmatch(value) for value in held)
    return wanted in held


def _sequence_matches(key: DataElement, entity: Dataset) -> bool:
    """Sequence matching: one item held has to meet all keys of the one item asked for."""
    items: Iterable[Dataset] = entity[key.tag].value if key.tag in entity else []
    wanted: Dataset = key.value[0]
    if all(element.is_empty for element in wanted):
        return True
    return any(all(matches(element, item) for element in wanted) for item in items)


@lru_cache(maxsize=256)
def _pattern(wanted: str, vr: str) -> re.Pattern[str]:
    """``*`` is any run of characters, ``?`` any one; names are compared without regard to case."""
    text = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in wanted)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if vr == "PN" else 0))


def bounds(vr: str, wanted: str) -> tuple[str, str]:
    """Lowest and highest value of ``a-b``, ``a-``, ``-b`` or a single ``a``, in full precision."""
    zone = r"[+-](0\d|1[0-4])(00|30|45)"
    if vr == "DT" and re.fullmatch(rf"\d{{4,14}}(\.\d+)?{zone}", wanted):
        return _padded(vr, wanted, "0"), _padded(vr, wanted, "9")
    first, dash, last = wanted.partition("-")
    if not dash:
        return _padded(vr, first, "0"), _padded(vr, first, "9")
    return _padded(vr, first, "0") if first else _EARLIEST[vr], _padded(vr, last, "9") if last else _LATEST[vr]


def _padded(vr: str, value: str, fill: str) -> str:
    """``value`` without old separators, filled up with ``fill`` to full precision: text order is time order."""
    digits = value.replace(":", "") if vr == "TM" else value.replace(".", "") if vr == "DA" else value
    whole, _, fraction = re.split(r"[+-]", digits, maxsplit=1)[0].partition(".")
    if vr == "DA":
        return whole.ljust(8, fill)
    return f"{whole.ljust(6 if vr == 'TM' else 14, fill)}.{fraction.ljust(6, fill)}"
