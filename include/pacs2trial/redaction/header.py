"""What the header of an object says once its pixels were changed (PS3.3 C.7.6.1, C.12.1.1; PS3.15 E.1.1, E.3.1)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.vr import LONG
from pacs2trial.profile.methods import CLEAN_PIXEL_DATA, CLEAN_VISUAL_FEATURES, CODE_MEANINGS

_PADDING: Final = b" \0"
_IMAGE_TYPE: Final = 0x00080008
_DERIVATION: Final = 0x00082111
_METHOD_CODES: Final = 0x00120064
_ICON: Final = 0x00880200
_LOST: Final = frozenset((0x00280106, 0x00280107, _ICON, 0x7FE00001, 0x7FE00002))
"""Smallest and Largest Image Pixel Value, Icon Image Sequence, Extended Offset Table and its lengths."""

_LONGEST_DERIVATION: Final = 1024


@dataclass(frozen=True)
class Purpose:
    """Why pixels were blanked, as the header tells it.

    Attributes:
        said: words of Derivation Description (0008,2111).
        denied: the attribute that becomes NO.
        code: of the option of PS3.15 E.3 that was applied.
    """

    said: bytes
    denied: int
    code: str


TEXT: Final = Purpose(b"Text in pixel data blanked", 0x00280301, CLEAN_PIXEL_DATA)
"""Burned In Annotation (0028,0301); PS3.15 E.3.1."""
FACE: Final = Purpose(b"Face in pixel data blanked", 0x00280302, CLEAN_VISUAL_FEATURES)
"""Recognizable Visual Features (0028,0302); PS3.15 E.3.2. Of text in the pixels it says nothing."""

Changes = Mapping[int, tuple[bytes, bytes]]
"""Tag → VR and value; an empty value takes the element away."""


def changed_header(obj: EncodedObject, changes: Changes, purpose: Purpose = TEXT) -> bytes:
    """The header of an object after redaction.

    It becomes derived, says that nothing is burned in, or no face recognizable, and which option of PS3.15 was applied,
    and loses what was made of the pixels as they were: icon, overlays, extreme values, offsets of frames.

    Args:
        obj: before redaction.
        changes: that the encoding of the new pixels asks for.
        purpose: of the redaction.
    """
    found = dict(_elements(obj))
    kept = {tag: data for tag, data in found.items() if tag not in _LOST and not 0x6000 <= tag >> 16 <= 0x60FF}
    written = {
        _IMAGE_TYPE: (b"CS", _derived(obj.value(_IMAGE_TYPE))),
        _DERIVATION: (b"ST", _derivation(obj.value(_DERIVATION), purpose.said)),
        purpose.denied: (b"CS", b"NO"),
        **changes,
    }
    for tag, (vr, value) in written.items():
        kept.pop(tag, None)
        if value:
            kept[tag] = _element(tag, vr, value, implicit=obj.implicit)
    kept[_METHOD_CODES] = _element(_METHOD_CODES, b"SQ", _method_items(obj, purpose.code), implicit=obj.implicit)
    return b"".join(kept[tag] for tag in sorted(kept))


def _elements(obj: EncodedObject) -> list[tuple[int, bytes]]:
    return [
        (tag, bytes(obj.header[origin + element[2] : origin + element[4]]))
        for _, _, origin, found, _ in obj.parts
        for tag, element in found.items()
    ]


def _derived(image_type: bytes) -> bytes:
    values = [value.strip(_PADDING) for value in image_type.split(b"\\")]
    return b"\\".join((b"DERIVED", *(values[1:] or [b"SECONDARY"])))


def _derivation(before: bytes, said: bytes) -> bytes:
    text = before.strip(_PADDING)
    if text.endswith(said):
        return text
    if not text or len(text) + len(said) + 2 > _LONGEST_DERIVATION:
        return said
    return text + b"; " + said


def _method_items(obj: EncodedObject, code: str) -> bytes:
    """The items of De-identification Method Code Sequence, with ``code`` among them."""
    tag, items = _METHOD_CODES, b""
    for _, _, origin, found, _ in obj.parts:
        if tag in found:
            _, _, _, value, stop, undefined = found[tag]
            items = bytes(obj.header[origin + value : origin + stop - (8 if undefined else 0)])
    content = b"".join(
        _element(number, vr, text.encode("ascii"), implicit=obj.implicit)
        for number, vr, text in (
            (0x00080100, b"SH", code),
            (0x00080102, b"SH", "DCM"),
            (0x00080104, b"LO", CODE_MEANINGS[code]),
        )
    )
    if content in items:
        return items
    return items + struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def _element(tag: int, vr: bytes, value: bytes, *, implicit: bool) -> bytes:
    value += (b"\0" if vr in (b"UI", b"OB", b"OW") else b" ") * (len(value) & 1)
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return struct.pack("<HHL", group, number, len(value)) + value
    if vr in LONG:
        return struct.pack("<HH2sHL", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value
