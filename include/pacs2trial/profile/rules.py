"""What may be done with an attribute."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """The actions of PS3.15 E.3 (K, X, Z, D, U, C), and what the two stages add to them."""

    KEEP = "keep"
    """Stays if it is well-formed and holds none of the object's own identifiers; a sequence is gone through."""
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    MAP = "map UID"
    CLEAN = "clean"
    SHIFT = "shift"
    CODE = "replace by code"
    """Replaced by a pseudonym of its own kind: accession number, study ID."""
    PATIENT = "replace by patient code"
    """The patient code in staging, the subject key in a trial; emptied within sequences."""
    ROI_NAME = "clean as ROI name"
    MEANING = "clean if the code is private"
    """Code Meaning: what a standard code means stays, a site's own words are cleaned."""
    WRITE = "write anew"
    """Taken from the plan; removed within sequences."""


class Rule(NamedTuple):
    """What becomes of an attribute.

    Attributes:
        action: what is done.
        vr: the VR it is written with.
        fallback: REMOVE, EMPTY or DUMMY: what is done when the value may not stay.
        keyword: PS3.6's.
    """

    action: Action
    vr: bytes
    fallback: Action
    keyword: str
