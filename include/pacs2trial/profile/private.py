"""Private attributes that may stay (PS3.15 E.3.10): the table of the standard, and a site's own list on top of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, NamedTuple

from pacs2trial.dicomfile.vr import KNOWN
from pacs2trial.profile.rules import Action, Rule
from pacs2trial.profile.table import data_rows
from pacs2trial.trials.definition import Option

_TABLE: Final = "safe_private.csv"

NEVER: Final = frozenset((0x3253, 0x3287))
"""Groups of Varian: a document in XML with names in it, and a digest of the plan that is wrong after any change."""

PAYLOADS: Final = frozenset((b"OB", b"OW", b"OD", b"OF", b"OL", b"OV", b"UN"))
"""VRs whose values are blobs: pictures and volumes, which may show a name, are among them."""

REFUSED: Final = frozenset((b"PN", b"UR"))
"""VRs that no private attribute is kept with: names, and addresses of servers."""

_PRIVATE_VR: Final = KNOWN - REFUSED
_DATES: Final = frozenset((b"DA", b"DT", b"TM"))


class PrivateAttribute(NamedTuple):
    """One private attribute that may stay.

    Attributes:
        group: odd group number.
        creator: the private creator, which reserves the block (PS3.5 7.8.1).
        low_byte: the last byte of the element number; the first one is the block and differs from object to object.
        vr: VR that the value must have.
        vm: value multiplicity that it must have, as PS3.6 writes it.
        because: what it is, or why this site keeps it.
    """

    group: int
    creator: str
    low_byte: int
    vr: str
    vm: str
    because: str

    @property
    def key(self) -> tuple[int, str, int]:
        return self.group, self.creator, self.low_byte


@cache
def safe_private() -> tuple[PrivateAttribute, ...]:
    """The rows of Table E.3.10-1 that a value can be checked against; blobs and rows without VR are not among them."""
    rows = (
        PrivateAttribute(
            int(row["group"], 16), row["creator"], int(row["low_byte"], 16), row["vr"], row["vm"], row["meaning"]
        )
        for row in data_rows(_TABLE)
    )
    return tuple(row for row in rows if row.vr.encode() in _PRIVATE_VR - PAYLOADS)


def private_rules(
    options: frozenset[str], site_list: Iterable[PrivateAttribute]
) -> Mapping[tuple[int, str, int], Rule]:
    """The rules of Retain Safe Private; none without that option. The site's own list goes before the standard's.

    Dates follow the options for dates, UIDs are mapped; every other value stays if it fits the VR and the VM and
    holds none of the object's own identifiers.
    """
    if Option.RETAIN_SAFE_PRIVATE not in options:
        return {}
    found = {}
    for attribute in (*safe_private(), *site_list):
        action = _action(attribute.vr.encode(), options)
        if action is not None and attribute.group not in NEVER:
            name = attribute.because or attribute.creator
            found[attribute.key] = Rule(action, attribute.vr.encode(), Action.REMOVE, name, attribute.vm)
    return found


def _action(vr: bytes, options: frozenset[str]) -> Action | None:
    if vr == b"UI":
        return Action.MAP
    if vr not in _DATES or Option.RETAIN_FULL_DATES in options:
        return Action.KEEP
    if Option.RETAIN_MODIFIED_DATES in options:
        return Action.KEEP if vr == b"TM" else Action.SHIFT
    return None
