"""The site's own list of private attributes that may stay under Retain Safe Private."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pacs2trial.dicomfile.vr import KNOWN
from pacs2trial.errors import InputError
from pacs2trial.profile.private import NEVER, REFUSED, PrivateAttribute
from pacs2trial.settings import Settings

COLUMNS: Final = ("group", "creator", "low_byte", "vr", "vm", "because")

_VM: Final = re.compile(r"[1-9]\d*(-([1-9]\d*|[1-9]?\d*n))?|0-(1|n)")
_LAST_GROUP: Final = 0x7FDF


def site_list(settings: Settings) -> tuple[PrivateAttribute, ...]:
    """The list that the settings name, or ``safe_private.csv`` in home; empty if the site has none.

    Raises:
        InputError: the list that the settings name is absent, or a list has faults.
    """
    if settings.safe_private is None:
        path = settings.home / "safe_private.csv"
        return read_site_list(path) if path.exists() else ()
    return read_site_list(settings.safe_private)


def read_site_list(path: Path) -> tuple[PrivateAttribute, ...]:
    """The rows of a CSV file in UTF-8 with the columns :data:`COLUMNS`, in any order; lines beginning with # are none.

    Raises:
        InputError: the file is absent or no text, or rows are wrong; every fault is named by line and column.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(f"there is no list of safe private attributes {path}") from None
    except (OSError, UnicodeError):
        raise InputError(f"{path.name} cannot be read as text in UTF-8") from None
    table = [(number, cells) for number, cells in _records(lines) if any(cell.strip() for cell in cells)]
    if not table:
        raise InputError(f"{path.name}: line 1 must name the columns: {','.join(COLUMNS)}")
    (first, header), *body = table
    names = [cell.strip().lower() for cell in header]
    problems = [f"{path.name}, line {first}: {problem}" for problem in _header_problems(names)]
    if problems:
        raise InputError(*problems)
    found: dict[tuple[int, str, int], tuple[int, PrivateAttribute]] = {}
    for number, cells in body:
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        faults = [*_faults(row)]
        if len(cells) != len(names):
            faults = [f"has {len(cells)} cells, not {len(names)}"]
        problems += [f"{path.name}, line {number}: {fault}" for fault in faults]
        if not faults:
            attribute = _attribute(row)
            before, _ = found.setdefault(attribute.key, (number, attribute))
            if before != number:
                problems.append(f"{path.name}, line {number}: names the attribute of line {before} again; keep one")
    if problems:
        raise InputError(*problems)
    return tuple(sorted(attribute for _, attribute in found.values()))


def as_text(attributes: tuple[PrivateAttribute, ...]) -> list[list[str | int]]:
    """A list as JSON knows it: what goes into a plan's canonical text."""
    return [list(attribute) for attribute in attributes]


def from_plan(canonical: bytes) -> tuple[PrivateAttribute, ...]:
    """The list that a plan was compiled with, out of its pinned canonical text."""
    return tuple(PrivateAttribute(*row) for row in json.loads(canonical)["site_private"])


def _records(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if not line.lstrip().startswith("#"):
            yield number, next(csv.reader([line]), [])


def _header_problems(names: list[str]) -> Iterator[str]:
    for column in COLUMNS:
        if names.count(column) > 1:
            yield f"column {column} stands twice"
        elif column not in names:
            near = get_close_matches(column, names, n=1)
            yield f"column {column} is missing" + (f"; rename {near[0]!r}" if near else "")
    for name in sorted(set(names) - set(COLUMNS)):
        yield f"{name!r} is no column of this list: {', '.join(COLUMNS)}"


def _faults(row: Mapping[str, str]) -> Iterator[str]:
    group = row.get("group", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{4}", group) or not int(group, 16) & 1 or int(group, 16) < 9:
        yield "group: must be four hexadecimal digits, odd, such as 0019"
    elif int(group, 16) in NEVER:
        yield f"group: {group} holds a document with names or a digest of the plan, and is always removed"
    elif int(group, 16) > _LAST_GROUP:
        yield f"group: {group} comes behind the pixel data, where nothing is kept"
    creator = row.get("creator", "")
    if not creator or len(creator) > 64 or not creator.isascii() or not creator.isprintable() or "\\" in creator:
        yield "creator: must be the private creator as the objects spell it, at most 64 characters of ASCII"
    if not re.fullmatch(r"[0-9A-Fa-f]{2}", row.get("low_byte", "")):
        yield "low_byte: must be the last two hexadecimal digits of the element number, such as 0C"
    vr = row.get("vr", "").encode("ascii", "replace")
    if vr in REFUSED:
        yield f"vr: {vr.decode()} is never kept in a private attribute"
    elif vr not in KNOWN:
        yield "vr: must be one of " + " ".join(sorted(known.decode() for known in KNOWN - REFUSED))
    if not _VM.fullmatch(row.get("vm", "")):
        yield "vm: must be written as in the data dictionary, such as 1, 3, 1-n or 2-2n"
    if not row.get("because"):
        yield "because: must say why the attribute is safe"


def _attribute(row: Mapping[str, str]) -> PrivateAttribute:
    return PrivateAttribute(
        int(row["group"], 16), row["creator"], int(row["low_byte"], 16), row["vr"], row["vm"], row["because"]
    )
