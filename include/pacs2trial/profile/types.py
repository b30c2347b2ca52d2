"""What an object of a kind must have (PS3.3), by which the choices of Table E.1-1 between X, Z and D are made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pacs2trial.profile.table import data_digest, data_text

TYPES: Final = "attribute_types.json"

Types = Mapping[int, int]
"""Tag → 1 (present with a value) or 2 (present). Any other attribute is optional, or foreign to the object: Type 3."""


def types_of_class(sop_class: str) -> Types | None:
    """Types on the outermost level of the objects of a SOP class, of attributes whose type decides; None if unknown."""
    return _types_by_class().get(sop_class)


@cache
def _types_by_class() -> Mapping[str, Types]:
    content = _content()
    by_iod = {iod: _types(types) for iod, types in content["iods"].items()}
    return {sop_class: by_iod[iod] for sop_class, iod in content["classes"].items()}


@cache
def types_in_items() -> Mapping[int, Types]:
    """Sequence → types within its items: the strictest that any IOD asks for there. Other sequences are unknown."""
    return {int(sequence, 16): _types(types) for sequence, types in _content()["items"].items()}


@cache
def known_types() -> Mapping[int, frozenset[int]]:
    """Attribute → the types that it has anywhere, 3 always among them; of attributes of Type 1 or 2 somewhere."""
    found: dict[int, set[int]] = {}
    for types in (*_types_by_class().values(), *types_in_items().values()):
        for tag, number in types.items():
            found.setdefault(tag, {3}).add(number)
    return {tag: frozenset(numbers) for tag, numbers in found.items()}


def classes() -> frozenset[str]:
    """The SOP Class UIDs whose types are known."""
    return frozenset(_types_by_class())


def types_digest() -> str:
    """SHA-256 over the types, which decide bytes."""
    return data_digest(TYPES)


@cache
def _content() -> Any:
    return json.loads(data_text(TYPES))


def _types(by_type: Mapping[str, list[str]]) -> Types:
    return {int(tag, 16): int(number) for number, tags in by_type.items() for tag in tags}
