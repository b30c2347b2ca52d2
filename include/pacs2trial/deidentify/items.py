"""Choosing the rules of an item by what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from pacs2trial.deidentify.compiled import Chooser, Operations
from pacs2trial.dicomfile.scan import elements, end_of_item, item_at
from pacs2trial.dicomfile.vr import KNOWN, SEQUENCE_END, UNDEFINED
from pacs2trial.profile.rules import ItemRules
from pacs2trial.profile.structured import concept_key

_PADDING: Final = " \0"
_VALUE_TYPE: Final = 0x0040A040
_CONCEPT_NAME: Final = 0x0040A043
_REFERENCED_ITEM: Final = 0x0040DB73
_CODES: Final = frozenset((0x00080100, 0x00080119, 0x00080120))  # Code Value, Long Code Value, URN Code Value
_SCHEME: Final = 0x00080102

_REFERENCED_BY_PLACE: Final = re.compile(
    rb"\x40\x00\x73\xdb(?:UL(?!\0\0)|UN\0\0(?!\0\0)..\0\0|(?!\0\0)..\0\0)", re.DOTALL
)
"""Referenced Content Item Identifier (0040,DB73) with a value: tag, VR if there is one, length."""


def content_items(rules: ItemRules, sets: Mapping[str, Operations]) -> Chooser:
    """Content items (PS3.3 C.17.3) are told apart by concept name and value type.

    An item that refers to another by its place in the tree has no value type and stays as it is; in an object with
    such an item nothing is dropped, because every place after it would be another.
    """
    by_reference = sets[rules.choices["CONTAINER"]] if "CONTAINER" in rules.choices else None

    def choose(header: bytes, start: int, stop: int, *, implicit: bool) -> Operations | None:
        scheme, code, value_type, refers = _nature(header, start, stop, implicit=implicit)
        if refers and by_reference is not None:
            return by_reference
        for key in (concept_key(scheme, code, value_type), value_type, ""):
            chosen = rules.choices.get(key)
            if chosen is not None:
                return None if key in rules.dropped and not _places_count(header) else sets[chosen]
        return None

    return choose


CHOOSERS: Final[Mapping[str, Callable[[ItemRules, Mapping[str, Operations]], Chooser]]] = {
    "content item": content_items
}
"""Chooser of :class:`pacs2trial.profile.ItemRules`, by name: from the rules and the compiled sets it makes the function
that looks at an item."""


@lru_cache(maxsize=1)
def _places_count(header: bytes) -> bool:
    return _REFERENCED_BY_PLACE.search(header) is not None


def _nature(header: bytes, start: int, stop: int, *, implicit: bool) -> tuple[str, str, str, bool]:
    """Coding scheme and code of the concept name, value type, and whether the item refers to another by its place."""
    scheme = code = value_type = ""
    for tag, vr, _, value, end, undefined in elements(header, start, stop, implicit=implicit):
        if tag == _VALUE_TYPE:
            value_type = _text(header, value, end)
        elif tag == _CONCEPT_NAME:
            unsaid = vr == b"UN" and (undefined or header[value + 12 : value + 14] not in KNOWN)
            scheme, code = _concept(header, value, end, implicit=implicit or unsaid)
        elif tag > _CONCEPT_NAME and (value_type or tag >= _REFERENCED_ITEM):
            return scheme, code, value_type, tag == _REFERENCED_ITEM and not value_type
    return scheme, code, value_type, False


def _concept(header: bytes, start: int, stop: int, *, implicit: bool) -> tuple[str, str]:
    """Coding scheme and code in the first item of a code sequence (PS3.3 8.8)."""
    scheme = code = ""
    if start == stop:
        return scheme, code
    number, length, position = item_at(header, start, stop)
    if number == SEQUENCE_END:
        return scheme, code
    end = end_of_item(header, position, stop, implicit=implicit) - 8 if length == UNDEFINED else position + length
    for tag, _, _, value, value_end, _ in elements(header, position, min(end, stop), implicit=implicit):
        if tag in _CODES:
            code = _text(header, value, value_end)
        elif tag == _SCHEME:
            scheme = _text(header, value, value_end)
    return scheme, code


def _text(header: bytes, start: int, stop: int) -> str:
    return header[start:stop].decode("ascii", "replace").strip(_PADDING)
