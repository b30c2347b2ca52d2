"""Transfer syntaxes by what they make of pixel data (DICOM PS3.5 section 10 and annex A)."""

from __future__ import annotations

from typing import Final

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
ENCAPSULATED_UNCOMPRESSED: Final = "1.2.840.10008.1.2.1.98"
RLE: Final = "1.2.840.10008.1.2.5"

NATIVE: Final = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE))
"""What remains once deflated and big endian objects have been turned into explicit VR little endian."""

_COMPRESSED: Final = "1.2.840.10008.1.2.4."

JPEG: Final = frozenset(f"{_COMPRESSED}{number}" for number in (*range(50, 67), 70))
"""ISO/IEC 10918-1, the retired processes among them."""

JPEG_LS: Final = frozenset(f"{_COMPRESSED}{number}" for number in (80, 81))
"""ISO/IEC 14495-1."""

JPEG_2000: Final = frozenset(f"{_COMPRESSED}{number}" for number in (*range(90, 94), 201, 202, 203))
"""ISO/IEC 15444-1, -2 and -15 (high throughput)."""

JPEG_XL: Final = frozenset(f"{_COMPRESSED}{number}" for number in (110, 111, 112))
"""ISO/IEC 18181-1."""

VIDEO: Final = frozenset(f"{_COMPRESSED}{number}{tail}" for number in range(100, 109) for tail in ("", ".1"))
"""MPEG-2, MPEG-4 and HEVC, whole or fragmentable: one stream for all frames."""

READABLE: Final = frozenset(
    (
        *(*NATIVE, DEFLATED, EXPLICIT_BIG, ENCAPSULATED_UNCOMPRESSED, RLE),
        *(*JPEG, *JPEG_LS, *JPEG_2000, *JPEG_XL, *VIDEO),
    )
)
"""What can be taken in. Not in it: syntaxes that keep pixel data elsewhere (JPIP, SMPTE ST 2110), MIME and XML
encodings, deflated frames, and everything private or unknown."""
