"""Value representations: how they are encoded (DICOM PS3.5 sections 6.2, 7.1.2)."""

from __future__ import annotations

from typing import Final

LONG: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"),
)
"""VRs with two reserved bytes and a length of 32 bits in explicit VR."""

SHORT: Final = frozenset(
    (
        *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH"),
        *(b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
    )
)
"""VRs with a length of 16 bits in explicit VR."""

KNOWN: Final = LONG | SHORT

TEXT: Final = frozenset(
    (
        *(b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM"),
        *(b"UC", b"UI", b"UR", b"UT"),
    )
)

UNIT: Final = {
    **dict.fromkeys((b"OB", b"UN"), 1),
    **dict.fromkeys((b"OW", b"SS", b"US"), 2),
    **dict.fromkeys((b"AT", b"FL", b"OF", b"OL", b"SL", b"UL"), 4),
    **dict.fromkeys((b"FD", b"OD", b"OV", b"SV", b"UV"), 8),
}
"""Bytes of one value of the binary VRs."""

WORD: Final = UNIT | {b"AT": 2}
"""Bytes that change places between little and big endian."""

UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xE000
ITEM_END: Final = 0xE00D
SEQUENCE_END: Final = 0xE0DD
DELIMITER_GROUP: Final = 0xFFFE

MAX_DEPTH: Final = 64
"""Sequences within sequences; deeper objects are refused."""
