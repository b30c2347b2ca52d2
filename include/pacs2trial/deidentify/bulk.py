"""Attributes of VR OB that stay only in the form that the standard gives them: bytes could be anything, also text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pacs2trial.deidentify.compiled import Apply, Result
from pacs2trial.deidentify.walk import Walk

_PROFILE_HEAD: Final = 128
_PROFILE_SIGNATURE: Final = slice(36, 40)
_VERSION: Final = re.compile(rb"\d{4}")


def _is_colour_profile(value: bytes) -> bool:
    """ISO 15076-1: the length stands first, a signature in the head. Up to one byte fills up."""
    length = int.from_bytes(value[:4], "big")
    return len(value) >= _PROFILE_HEAD and value[_PROFILE_SIGNATURE] == b"acsp" and len(value) - length in (0, 1)


FORMS: Final[Mapping[int, Callable[[bytes], bool]]] = {
    0x00160062: lambda value: _VERSION.fullmatch(value) is not None,  # Interoperability Version: Exif 2.3, as "0100"
    0x00282000: _is_colour_profile,  # ICC Profile
    0x00340007: lambda value: len(value) == 10,  # Frame Origin Timestamp: seconds and nanoseconds
    0x00700256: lambda value: len(value) == 128,  # Fill Pattern: 1024 bits
}
"""Tag → whether a value has its form."""


def formed(tag: int, apply: Apply) -> Apply:
    """Removes a value that does not have its form; others go the way of ``apply``."""
    has_form = FORMS[tag]

    def keep(walk: Walk, value: bytes) -> Result:
        return apply(walk, value) if not value or has_form(value) else None

    return keep
