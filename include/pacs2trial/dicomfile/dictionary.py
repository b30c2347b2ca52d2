"""The data dictionary (DICOM PS3.6) as the walk needs it: tag → VR and keyword."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

SIGN_DEPENDENT: Final = b"xs"
"""Stands for ``US or SS``: which of them is told by Pixel Representation (0028,0103), not by the sender."""


_NEWER_STORAGE: Final = (
    "1.2.840.10008.5.1.4.1.1.9.100.1",  # Waveform Presentation State
    "1.2.840.10008.5.1.4.1.1.9.100.2",  # Waveform Acquisition Presentation State
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
    "1.2.840.10008.5.1.4.1.1.66.8",  # Height Map Segmentation
)
_NO_STORAGE: Final = frozenset(("1.2.840.10008.1.3.10", "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.2"))


class Attribute(NamedTuple):
    vr: bytes
    keyword: str


@cache
def dictionary() -> Mapping[int, Attribute]:
    """Every standard attribute that may stand in a data set; repeating groups and groups below 0008 are not in it.

    Where the dictionary leaves a choice of VR, one is chosen here for good, so that an object comes out the same
    whether it was sent in implicit or explicit VR: words for ``OB or OW``, ``US or OW``, ``US or SS or OW``.
    """
    from pydicom._dicom_dict import DicomDictionary

    found = {}
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >= 0x00080000 and keyword and vr != "NONE":
            found[tag] = Attribute(_canonical(vr), keyword)
    return _newer() | found


def _newer() -> dict[int, Attribute]:
    """What pydicom's dictionary does not have yet."""
    text = resources.files(__package__).joinpath("data", "newer_attributes.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {int(row["tag"], 16): Attribute(_canonical(row["vr"]), row["keyword"]) for row in rows}


@cache
def storage_classes() -> frozenset[str]:
    """SOP Class UIDs of composite objects (PS3.4 B.5 and GG.3), the retired ones too; media directories are none."""
    from pydicom._uid_dict import UID_dictionary

    named = (uid for uid, (name, kind, *_) in UID_dictionary.items() if kind == "SOP Class" and "Storage" in name)
    return frozenset((*named, *_NEWER_STORAGE)) - _NO_STORAGE


def _canonical(vr: str) -> bytes:
    if vr == "US or SS":
        return SIGN_DEPENDENT
    return b"OW" if " or " in vr else vr.encode("ascii")
