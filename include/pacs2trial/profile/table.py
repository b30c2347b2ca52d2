"""Table E.1-1 of PS3.15 and what stands beside it, read once from the data files of this package."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

_TABLE = "confidentiality_profile.json"
_UIDS = "uid_attributes.csv"
_RT_TEXT = "rt_text_attributes.csv"
_BEYOND = "beyond_table.csv"

RETAIN_UIDS = "retain_uids"
"""The option that no trial definition may ask for: after stage 1 there are no original UIDs to retain."""


class TableRow(NamedTuple):
    """A row of Table E.1-1: the action of the Basic Profile, and option → K or C."""

    name: str
    basic: str
    options: Mapping[str, str]

    @property
    def strongest(self) -> str:
        """The rightmost of alternatives such as X/Z/D: it is right whatever the type of the attribute is."""
        return self.basic.split("/")[-1]

    def action(self, attribute_type: int | None) -> str:
        """What the Basic Profile does with an attribute of Type 1, 2 or 3 (None: unknown), as PS3.15 E.1 words it.

        The leftmost alternative that leaves a valid object; 1C and 2C count as 1 and 2. ``X/Z/U*`` is always U*: these
        sequences hold the references between objects.
        """
        choices = self.basic.split("/")
        if attribute_type is None or choices[-1] == "U*":
            return choices[-1]
        enough = "XZD"[3 - attribute_type :]
        return next((choice for choice in choices if choice in enough), choices[-1])

    @property
    def is_choice(self) -> bool:
        """Whether the type of the attribute decides."""
        return "/" in self.basic and self.strongest != "U*"


class RtText(NamedTuple):
    """A text attribute of radiotherapy that the table forgets: ``device`` or ``text``; ``dummy`` or ``empty``."""

    kind: str
    without: str


class Beyond(NamedTuple):
    """Treatments that this project adds, by tag and by group; and why, by what the file names."""

    tags: Mapping[int, str]
    groups: Mapping[int, str]
    reasons: Mapping[str, str]


def data_text(name: str) -> str:
    """A data file of this package."""
    return resources.files(__package__).joinpath("data", name).read_text("utf-8")


def data_digest(*names: str) -> str:
    """SHA-256 over data files, for what must be known to have decided bytes."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(data_text(name).encode())
    return digest.hexdigest()


@cache
def edition() -> str:
    return str(json.loads(data_text(_TABLE))["source"]["edition"])


@cache
def table() -> Mapping[int, TableRow]:
    """The rows that name one tag. The four wildcard rows (curves, overlay data and comments, private) all say X."""
    rows = json.loads(data_text(_TABLE))["rules"]
    return {int(tag, 16): TableRow(name, basic, options) for tag, name, basic, options in rows if _is_tag(tag)}


@cache
def choices() -> Mapping[int, TableRow]:
    """The rows whose action depends on the type of the attribute."""
    return {tag: row for tag, row in table().items() if row.is_choice}


@cache
def wildcards() -> Mapping[str, TableRow]:
    """The rows for repeating groups and for private attributes, as the table writes them."""
    rows = json.loads(data_text(_TABLE))["rules"]
    return {tag: TableRow(name, basic, options) for tag, name, basic, options in rows if not _is_tag(tag)}


@cache
def uid_treatment() -> Mapping[int, str]:
    """Attributes of VR UI: ``keep`` (structural), ``map`` or ``remove``."""
    return {int(row["tag"], 16): row["treatment"] for row in data_rows(_UIDS)}


@cache
def rt_text() -> Mapping[int, RtText]:
    return {int(row["tag"], 16): RtText(row["kind"], row["without"]) for row in data_rows(_RT_TEXT)}


@cache
def beyond() -> Beyond:
    tags, groups, reasons = {}, {}, {}
    for row in data_rows(_BEYOND):
        what = row["what"]
        reasons[what] = row["reason"]
        if what.endswith("----"):
            groups[int(what[:4], 16)] = row["treatment"]
        else:
            tags[int(what, 16)] = row["treatment"]
    return Beyond(tags, groups, reasons)


def data_rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a data file in CSV; lines that begin with # say where it comes from."""
    lines = [line for line in data_text(name).splitlines() if not line.startswith("#")]
    return csv.DictReader(lines)


def _is_tag(text: str) -> bool:
    return all(c in "0123456789ABCDEF" for c in text)
