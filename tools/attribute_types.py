"""Make ``attribute_types.json`` of the profile again, from the tables of PS3.3 that highdicom carries.

    pip download --no-deps highdicom==0.28.2
    cd include/pacs2trial/profile/data
    python ../../../../tools/attribute_types.py ../../../../highdicom-0.28.2-py3-none-any.whl > attribute_types.json

Two kinds of attributes are taken. Those for which Table E.1-1 of PS3.15 leaves a choice by type (X/Z, Z/D, X/D,
X/Z/D): for them Types 1C and 2C count as 1 and 2. And those that the Basic Profile, as the plan has it, removes or
empties with no choice: for them Types 1 and 2 count, since 1C and 2C leave it to a condition whether the attribute must
be there. Type 3 is left out, as an attribute that an IOD does not have is treated the same. An IOD is left out when one
of its modules is unknown: nothing can be said of what it does not have.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword

from pacs2trial.profile.choose import Choice, is_dispensable, rules_for
from pacs2trial.profile.rules import Action
from pacs2trial.profile.table import table
from pacs2trial.trials.definition import Option

_FOLDER = "highdicom/_standard"
_UNCONDITIONAL = {"1": 1, "2": 2}
_STRICTNESS = _UNCONDITIONAL | {"1C": 1, "2C": 2}

Types = dict[str, list[str]]


def attribute_types(
    classes: Mapping[str, str], iods: Mapping[str, Sequence[Mapping[str, str]]], modules: Mapping[str, Any]
) -> dict[str, Any]:
    """What the file holds, less its source.

    Args:
        classes: SOP Class UID → IOD.
        iods: IOD → modules, each with its ``key``.
        modules: module → attributes, each with ``keyword``, ``type`` and the ``path`` of sequences that leads to it.

    Returns:
        ``classes``: SOP Class UID → IOD; ``iods``: IOD → type → tags of the outermost level; ``items``: sequence →
        type → tags of its items, by the strictest type that any IOD gives them there.
    """
    chosen = {tag for tag, row in table().items() if "/" in row.basic}
    gone = _tags_with(frozenset(), Action.REMOVE, Action.EMPTY)
    needed = {tag for tag in gone - chosen if not is_dispensable(tag)}
    never_entered = _tags_with(frozenset(Option), Action.REMOVE)
    known = {
        iod for iod in classes.values() if all(module["key"] in modules for module in iods.get(iod, [{"key": ""}]))
    }
    outermost: dict[str, dict[int, int]] = {iod: {} for iod in known}
    items: dict[int, dict[int, int]] = defaultdict(dict)
    for iod in sorted(known):
        for attribute in (one for module in iods[iod] for one in modules[module["key"]]):
            tag, path = tag_for_keyword(attribute["keyword"]), attribute["path"]
            if tag not in chosen and not (tag in needed and attribute["type"] in _UNCONDITIONAL):
                continue
            parents = [tag_for_keyword(keyword) for keyword in path]
            parent = parents[-1] if parents else None
            if (path and parent is None) or (tag in needed and not never_entered.isdisjoint(parents)):
                continue
            place = items[parent] if parent is not None else outermost[iod]
            strictness = (_STRICTNESS if tag in chosen else _UNCONDITIONAL).get(attribute["type"], 3)
            place[tag] = min(strictness, place.get(tag, strictness))
    return {
        "classes": {uid: iod for uid, iod in sorted(classes.items()) if iod in known},
        "iods": {iod: _by_type(types) for iod, types in sorted(outermost.items())},
        "items": {f"{sequence:08X}": _by_type(types) for sequence, types in sorted(items.items())},
    }


def _tags_with(options: frozenset[str], *actions: Action) -> set[int]:
    rules = rules_for(Choice(options, staging=False, written=frozenset()))
    return {tag for tag, rule in rules.items() if rule.action in actions}


def _by_type(types: Mapping[int, int]) -> Types:
    return {str(wanted): [f"{tag:08X}" for tag, one in sorted(types.items()) if one == wanted] for wanted in (1, 2)}


def _line(name: str, value: object) -> str:
    return f"{json.dumps(name)}: {json.dumps(value)}"


def main(wheel: Path) -> str:
    """The file's text: one IOD, class or sequence a line."""
    with zipfile.ZipFile(wheel) as archive:
        classes, iods, modules = (
            json.loads(archive.read(f"{_FOLDER}/{name}.json"))
            for name in ("sop_class_iod_map", "iod_module_map", "module_attribute_map")
        )
    found = attribute_types(classes, iods, modules)
    source = {
        "standard": "DICOM PS3.3 (modules of the IODs, types of their attributes) and PS3.4 (SOP classes)",
        "taken_from": "-".join(wheel.name.split("-")[:2]) + " (MIT License), " + _FOLDER,
        "made_by": "tools/attribute_types.py",
        "restricted_to": "attributes with a choice of actions in PS3.15 Table E.1-1, Types 1(C) and 2(C); attributes "
        "that the Basic Profile removes or empties, Types 1 and 2",
    }
    parts = [_line("source", source)]
    for part, content in found.items():
        parts.append(
            f"{json.dumps(part)}: {{\n" + ",\n".join(_line(name, one) for name, one in content.items()) + "\n}"
        )
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1])))
