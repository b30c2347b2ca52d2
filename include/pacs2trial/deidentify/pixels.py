"""The pixel data element that goes with a header: a canonical head, and a value in which nothing hides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from typing_extensions import Buffer

from pacs2trial.deidentify.pieces import head
from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.frames import ImageDescription, check_native, cleaned_fragments
from pacs2trial.dicomfile.scan import head_at, refuse
from pacs2trial.dicomfile.vr import UNDEFINED

SAMPLES_PER_PIXEL: Final = 0x00280002
PHOTOMETRIC: Final = 0x00280004
FRAMES: Final = 0x00280008
ROWS: Final = 0x00280010
COLUMNS: Final = 0x00280011
BITS_ALLOCATED: Final = 0x00280100

DESCRIPTION: Final = frozenset((SAMPLES_PER_PIXEL, PHOTOMETRIC, FRAMES, ROWS, COLUMNS, BITS_ALLOCATED))
"""What an image description is read from (PS3.3 C.7.6.3)."""

_OVERLAY_GROUPS: Final = range(0x6000, 0x6100)
_OVERLAY_BITS: Final = 0x0100
_OVERLAY_POSITION: Final = 0x0102
_OVERLAY_DATA: Final = 0x3000
_PIXEL_VRS: Final = {0x7FE00008: b"OF", 0x7FE00009: b"OD"}
_PADDING: Final = b" \0"
_LONGEST_INTEGER: Final = 12


def is_of_overlay(tag: int) -> bool:
    """Whether ``tag`` tells where the bits of an overlay are (PS3.3 C.9.2)."""
    return tag >> 16 in _OVERLAY_GROUPS and tag & 0xFFFF in (_OVERLAY_BITS, _OVERLAY_POSITION, _OVERLAY_DATA)


def pixel_element(obj: EncodedObject, top: Mapping[int, bytes]) -> list[Buffer]:
    """The pixel data element in parts; the value is made of slices of ``obj``.

    Args:
        obj: the object as it came.
        top: values of its outermost level, as encoded in little endian: :data:`DESCRIPTION`, and what
            :func:`is_of_overlay` asks for.

    Raises:
        UnsafeObjectError: ``pixel-length`` or ``pixel-encoding`` where value and description contradict each other,
            ``embedded-overlay`` where graphics stand in unused bits of the pixels.
    """
    if not len(obj.pixel):
        return []
    _refuse_embedded_overlays(top)
    tag, _, start, length = head_at(obj.pixel, 0, len(obj.pixel), implicit=obj.implicit)
    value = obj.pixel[start:]
    image = image_description(top)
    if length == UNDEFINED:
        return [head(tag, b"OB", UNDEFINED), *cleaned_fragments(value, obj.transfer_syntax, image)]
    check_native(value, image)
    vr = _PIXEL_VRS.get(tag) or (b"OW" if image.bits > 8 else b"OB")
    odd = length & 1
    return [head(tag, vr, length + odd), value, *([b"\0"] if odd else [])]


def image_description(top: Mapping[int, bytes]) -> ImageDescription:
    frames = top.get(FRAMES, b"").strip(_PADDING)
    return ImageDescription(
        rows=_number(top, ROWS),
        columns=_number(top, COLUMNS),
        samples=_number(top, SAMPLES_PER_PIXEL) or 1,
        bits=_number(top, BITS_ALLOCATED) or 16,
        frames=(int(frames) if frames.isdigit() and len(frames) <= _LONGEST_INTEGER else 0) or 1,
        photometric=top.get(PHOTOMETRIC, b"").strip(_PADDING).decode("ascii", "replace"),
    )


def _number(top: Mapping[int, bytes], tag: int) -> int:
    return int.from_bytes(top.get(tag, b"")[:2], "little")


def _refuse_embedded_overlays(top: Mapping[int, bytes]) -> None:
    """A retired way: the bitmap lies in bits of the pixels that the image does not use, with no data of its own."""
    for tag in top:
        if is_of_overlay(tag) and tag & 0xFFFF != _OVERLAY_DATA:
            apart = (tag & 0xFFFF0000 | _OVERLAY_DATA) in top and tag & 0xFFFF == _OVERLAY_BITS
            if _number(top, tag) > (tag & 0xFFFF == _OVERLAY_BITS) and not apart:
                refuse("embedded-overlay", "an overlay stands in bits of the pixel data that the image does not use")
