"""Graphics hidden in the bits of pixel values that the image does not use (retired; PS3.3-2004 C.9.2)."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.scan import Bytes, head_at
from pacs2trial.dicomfile.syntaxes import NATIVE

_BITS_ALLOCATED: Final = 0x00280100
_BITS_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102
_SIGNED: Final = 0x00280103
_PADDING: Final = 0x00280120
_PIXEL_DATA: Final = 0x7FE00010

_EMBEDDED: Final = re.compile(
    rb"\x60\x02\x01(?:US\x02\x00|\x02\x00\x00\x00|UN\x00\x00\x02\x00\x00\x00)(?!\x00\x00)"
    rb"|\x60\x00\x01(?:US\x02\x00|\x02\x00\x00\x00|UN\x00\x00\x02\x00\x00\x00)(?!\x01\x00)"
)
"""Overlay Bit Position (60xx,0102) that is not 0, Overlay Bits Allocated (60xx,0100) that is not 1."""


def hides_graphics(obj: EncodedObject) -> bool:
    """Whether an image has, or may have, overlay planes within its pixel values.

    Either an overlay says so, or bits of native pixel data are set that Bits Stored (0028,0101) and High Bit
    (0028,0102) leave unused. Such bits are no graphics if they repeat the sign, or where the whole value is Pixel
    Padding Value (0028,0120). Compressed pixel data are not looked into.
    """
    if not len(obj.pixel):
        return False
    header = bytes(obj.header)
    found = _EMBEDDED.search(header)
    while found is not None:
        if found.start() and header[found.start() - 1] % 2 == 0 and header[found.start() - 1] <= 0x1E:
            return True
        found = _EMBEDDED.search(header, found.start() + 1)
    return _uses_spare_bits(obj)


def _uses_spare_bits(obj: EncodedObject) -> bool:
    if obj.transfer_syntax not in NATIVE:
        return False
    numbers = _numbers(obj)
    allocated, stored = numbers.get(_BITS_ALLOCATED, 16), numbers.get(_BITS_STORED, 16)
    used = ((1 << stored) - 1) << max(numbers.get(_HIGH_BIT, stored - 1) - stored + 1, 0)
    spare = ((1 << allocated) - 1) & ~used
    tag, _, start, length = head_at(obj.pixel, 0, len(obj.pixel), implicit=obj.implicit)
    if allocated not in (8, 16) or not spare or tag != _PIXEL_DATA:
        return False
    size = allocated // 8
    pixels = obj.pixel[start : start + length - length % size]
    if not _any_bit(pixels, size) & spare:
        return False
    values = np.frombuffer(pixels, dtype=f"<u{size}")
    return _are_graphics(values, used, spare, numbers)


def _any_bit(pixels: Bytes, size: int) -> int:
    """The bits that any of the values of ``size`` bytes has; eight bytes are looked at together."""
    whole = len(pixels) - len(pixels) % 8
    found = int(np.bitwise_or.reduce(np.frombuffer(pixels[:whole], dtype="<u8"), initial=0))
    for shift in (32, 16, 8):
        if shift >= size * 8:
            found |= found >> shift
    rest = np.frombuffer(pixels[whole:], dtype=f"<u{size}")
    return (found | int(np.bitwise_or.reduce(rest, initial=0))) & ((1 << size * 8) - 1)


def _are_graphics(values: NDArray[np.unsignedinteger], used: int, spare: int, numbers: dict[int, int]) -> bool:
    others = values[(values & spare) != 0]
    if _PADDING in numbers:
        others = others[others != numbers[_PADDING]]
    sign = (used + (used & -used)) >> 1
    repeats_sign = numbers.get(_SIGNED, 0) == 1 and spare > used
    if repeats_sign:
        others = others[((others & spare) != spare) | ((others & sign) == 0)]
    return bool(others.size)


def _numbers(obj: EncodedObject) -> dict[int, int]:
    """The values of VR US or SS that describe the pixels, as unsigned numbers."""
    values = {tag: obj.value(tag) for tag in (_BITS_ALLOCATED, _BITS_STORED, _HIGH_BIT, _SIGNED, _PADDING)}
    return {tag: int.from_bytes(value, "little") for tag, value in values.items() if len(value) == 2}
