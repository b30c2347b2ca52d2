"""Overlays within the pixel values (retired; PS3.3-2004 C.9.2): their bits are cleared, the image stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from pacs2trial.dicomfile.encoding import EncodedObject, split_dataset
from pacs2trial.dicomfile.scan import head_at
from pacs2trial.dicomfile.syntaxes import NATIVE
from pacs2trial.pixels.image import PIXEL_DATA

_OVERLAYS: Final = range(0x6000, 0x6100)
_POSITION, _DATA = 0x0102, 0x3000
_BITS_ALLOCATED, _BITS_STORED, _HIGH_BIT, _SIGNED, _PADDING = 0x280100, 0x280101, 0x280102, 0x280103, 0x280120


def without_embedded_overlays(obj: EncodedObject) -> EncodedObject:
    """An object whose overlays and the bits that they name in native pixel data are gone.

    Only bits outside of Bits Stored (0028,0101) and High Bit (0028,0102) are cleared, so no pixel of the image changes:
    in signed images they repeat the sign where the other unused bits do. The object itself comes back where that cannot
    be done with certainty: compressed pixels, an overlay that names bits of the image, has data of its own besides or
    does not say which bit it is, a padding value that needs the bits. Bits that no overlay names are left.

    Args:
        obj: as it came, in memory.

    Raises:
        UnsafeObjectError: the object without its overlays cannot be split.
    """
    planes = _planes(obj)
    if not planes or obj.transfer_syntax not in NATIVE or not len(obj.pixel):
        return obj
    allocated = _number(obj, _BITS_ALLOCATED, 16)
    stored = _number(obj, _BITS_STORED, allocated)
    high = _number(obj, _HIGH_BIT, stored - 1)
    used = ((1 << stored) - 1) << max(high - stored + 1, 0)
    spare = ((1 << allocated) - 1) & ~used
    named = sum({1 << position for position in planes.values()})
    tag, _, start, length = head_at(obj.pixel, 0, len(obj.pixel), implicit=obj.implicit)
    if allocated not in (8, 16) or tag != PIXEL_DATA or named & ~spare or _number(obj, _PADDING, 0) & named:
        return obj
    values = np.frombuffer(obj.pixel, f"<u{allocated // 8}", length * 8 // allocated, start).copy()
    others = spare & ~named
    negative = (values & (1 << high) != 0) & (values & others == others) & (spare > used)
    values &= values.dtype.type(~named & ((1 << allocated) - 1))
    if _number(obj, _SIGNED, 0) == 1:
        values[negative] |= values.dtype.type(named)
    rest = bytes(obj.pixel[start + values.nbytes :])
    return split_dataset(_header(obj) + bytes(obj.pixel[:start]) + values.tobytes() + rest, obj.transfer_syntax)


def _planes(obj: EncodedObject) -> Mapping[int, int]:
    """Overlay Bit Position by group, of overlays without data of their own; empty if one of them is not so."""
    groups = {tag >> 16 for part in obj.parts for tag in part[3] if tag >> 16 in _OVERLAYS}
    found = {
        group: _number(obj, group << 16 | _POSITION, 0)
        for group in groups
        if obj.element(group << 16 | _DATA) is None or _number(obj, group << 16 | _POSITION, 0)
    }
    certain = all(found.values()) and all(obj.element(group << 16 | _DATA) is None for group in found)
    return found if certain else {}


def _header(obj: EncodedObject) -> bytes:
    return b"".join(
        bytes(obj.header[origin + element[2] : origin + element[4]])
        for _, _, origin, found, _ in obj.parts
        for tag, element in found.items()
        if tag >> 16 not in _OVERLAYS
    )


def _number(obj: EncodedObject, tag: int, absent: int) -> int:
    value = obj.value(tag)
    return int.from_bytes(value, "little") if len(value) == 2 else absent
