"""Uncompressed pixel data: only the bytes of the pixels meant change (PS3.5 8.1, 8.2.1; PS3.3 C.7.6.3.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs2trial.dicomfile.scan import refuse
from pacs2trial.pixels.areas import Planes
from pacs2trial.pixels.image import PIXEL_DATA, UNDECODABLE, Image
from pacs2trial.redaction.blanking import darkest

_FLOATS = {0x7FE00008: "<f4", 0x7FE00009: "<f8"}


def blanked_native(image: Image, planes: Planes) -> bytes:
    """The value of the pixel data element with the pixels meant blanked in their frames.

    Raises:
        UnsafeObjectError: ``undecodable-pixels`` for layouts that the standard does not define.
    """
    if image.description.bits == 1:
        return _blanked_bits(image, planes)
    value = bytearray(image.value)
    length = image.description.length // image.description.frames
    for number, plane in planes.items():
        start = (number - 1) * length
        frame = np.frombuffer(memoryview(value)[start : start + length], dtype=_type(image))
        _blank(frame, image, plane)
    return bytes(value)


def _type(image: Image) -> str:
    if image.tag != PIXEL_DATA:
        return _FLOATS[image.tag]
    if image.description.bits not in (8, 16, 32, 64):
        refuse(UNDECODABLE, "the pixels have a number of bits that is not looked into")
    kind = "i" if image.attributes.get("PixelRepresentation") == 1 else "u"
    return f"<{kind}{image.description.bits // 8}"


def _blank(frame: NDArray[Any], image: Image, plane: NDArray[np.bool_]) -> None:
    """Blank pixels of one frame in place."""
    rows, columns, samples = image.description.rows, image.description.columns, image.description.samples
    if image.description.photometric.endswith("_422"):
        _blank_422(frame, image, plane)
        return
    if samples == 1:
        grey = frame.reshape(rows, columns)
        grey[plane] = _darkest_stored(grey, image)
        return
    planar = image.attributes.get("PlanarConfiguration") == 1
    pixels = (
        frame.reshape(samples, rows, columns).transpose(1, 2, 0) if planar else frame.reshape(rows, columns, samples)
    )
    pixels[plane] = darkest(pixels, image)


def _blank_422(frame: NDArray[Any], image: Image, plane: NDArray[np.bool_]) -> None:
    """Two pixels share their chrominance: Y Y Cb Cr (PS3.3 C.7.6.3.1.2); what is blanked grows to whole pairs."""
    rows, columns = image.description.rows, image.description.columns
    if columns % 2:
        refuse(UNDECODABLE, "chrominance is stored for pairs of pixels, and the columns are odd")
    pairs = frame.reshape(rows, columns // 2, 4)
    low = 16 if "PARTIAL" in image.description.photometric else 0
    pairs[plane.reshape(rows, columns // 2, 2).any(axis=2)] = (low, low, 128, 128)


def _darkest_stored(frame: NDArray[Any], image: Image) -> NDArray[Any]:
    """As :func:`darkest` says of the bits that are in use; what stands in the others comes from that same pixel."""
    if frame.dtype.kind == "f":
        return np.asarray(np.nanmin(frame) if np.isfinite(frame).any() else 0.0)
    stored = int(image.attributes.get("BitsStored") or image.description.bits)
    high = int(image.attributes.get("HighBit") or stored - 1)
    left = image.description.bits - 1 - high
    values = (frame << left) >> (left + max(high - stored + 1, 0))
    black = darkest(values, image)
    place = int(np.argmax(values == black))
    return np.asarray(frame.reshape(-1)[place])


def _blanked_bits(image: Image, planes: Planes) -> bytes:
    """Pixels of one bit follow one another across bytes and frames (PS3.5 8.1.1)."""
    rows, columns, frames = image.description.rows, image.description.columns, image.description.frames
    bits = np.unpackbits(np.frombuffer(image.value, np.uint8), bitorder="little")
    pixels = bits[: rows * columns * frames].reshape(frames, rows, columns)
    black = 1 if image.description.photometric == "MONOCHROME1" else 0
    for number, plane in planes.items():
        pixels[number - 1][plane] = black
    return np.packbits(bits, bitorder="little").tobytes()
