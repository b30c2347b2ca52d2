"""The frames of an object, as encoded, with the attributes that say how to read them (PS3.3 C.7.6.3, PS3.5 8)."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.frames import ImageDescription, check_native, encoded_frames
from pacs2trial.dicomfile.scan import Bytes, head_at, refuse
from pacs2trial.dicomfile.syntaxes import ENCAPSULATED_UNCOMPRESSED, NATIVE, VIDEO
from pacs2trial.dicomfile.vr import UNDEFINED

UNDECODABLE: Final = "undecodable-pixels"
"""Reason of the :class:`pacs2trial.errors.UnsafeObjectError` for pixels that nobody here can look at."""

PIXEL_DATA: Final = 0x7FE00010
MOST_PIXELS: Final = 64 << 20
"""Of one frame; a header may say anything."""

_IMAGE_GROUP: Final = 0x0028


@dataclass(frozen=True)
class Image:
    """What is needed to decode the frames of one object.

    Attributes:
        transfer_syntax: of the frames.
        attributes: group 0028 of the object.
        description: rows, columns, samples, bits, frames.
        tag: of the pixel data element: Pixel Data, or the two kinds of floating point numbers.
        value: of that element, as encoded.
    """

    transfer_syntax: str
    attributes: Dataset
    description: ImageDescription
    tag: int
    value: Bytes = field(repr=False)

    @property
    def is_native(self) -> bool:
        return self.transfer_syntax in NATIVE

    @cached_property
    def _ranges(self) -> list[list[tuple[int, int]]]:
        return encoded_frames(self.value, self.transfer_syntax, self.description)

    def frame(self, number: int) -> bytes:
        """Frame ``number``, counted from 1, as it is encoded; one of native 1-bit pixels begins at a byte."""
        if not self.is_native:
            return b"".join(bytes(self.value[start:stop]) for start, stop in self._ranges[number - 1])
        bits = self.description.length * 8 // self.description.frames
        if self.description.bits == 1:
            bits = self.description.rows * self.description.columns * self.description.samples
        first, last = (number - 1) * bits, number * bits
        found = bytes(self.value[first // 8 : -(-last // 8)])
        return found if not (first % 8 or last % 8) else from_a_byte(found, first % 8, bits)


def from_a_byte(packed: bytes, begin: int, bits: int) -> bytes:
    """Pixels of one bit that follow one another across bytes (PS3.5 8.1.1), moved to where a frame alone begins.

    Args:
        packed: the bytes in which they stand.
        begin: bit of the first byte at which they begin.
        bits: how many they are.
    """
    unpacked = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[begin : begin + bits]
    return np.packbits(unpacked, bitorder="little").tobytes()


def image_of(obj: EncodedObject) -> Image | None:
    """The image of an object; None if it has no pixel data.

    Raises:
        UnsafeObjectError: ``undecodable-pixels`` for video and for descriptions that make no image; ``pixel-length``
            or ``pixel-encoding`` where value and description contradict each other.
    """
    if not len(obj.pixel):
        return None
    tag, _, start, length = head_at(obj.pixel, 0, len(obj.pixel), implicit=obj.implicit)
    value = obj.pixel[start:] if length == UNDEFINED else obj.pixel[start : start + length]
    if not len(value):
        return None
    attributes = _image_attributes(obj)
    image = ImageDescription(
        rows=_number(attributes, "Rows", 0),
        columns=_number(attributes, "Columns", 0),
        samples=_number(attributes, "SamplesPerPixel", 1),
        bits=_number(attributes, "BitsAllocated", 16),
        frames=max(_number(attributes, "NumberOfFrames", 1), 1),
        photometric=str(attributes.get("PhotometricInterpretation", "")).strip(),
    )
    if obj.transfer_syntax in VIDEO:
        refuse(UNDECODABLE, "the pixel data are a video, which is not looked into")
    if not 1 <= image.rows * image.columns <= MOST_PIXELS or image.samples not in (1, 3):
        refuse(UNDECODABLE, "rows, columns and samples describe no image that can be looked at")
    if length != UNDEFINED:
        check_native(value, image)
    elif obj.transfer_syntax != ENCAPSULATED_UNCOMPRESSED:
        encoded_frames(value, obj.transfer_syntax, image)
    return Image(obj.transfer_syntax, attributes, image, tag, value)


def _image_attributes(obj: EncodedObject) -> Dataset:
    encoded = b"".join(
        bytes(obj.header[origin + element[2] : origin + element[4]])
        for _, _, origin, found, _ in obj.parts
        for tag, element in found.items()
        if tag >> 16 == _IMAGE_GROUP
    )
    try:
        dataset = read_dataset(io.BytesIO(encoded), is_implicit_VR=obj.implicit, is_little_endian=True)
        dataset.decode()
    except Exception:  # noqa: BLE001 - the parser fails in many ways, and what it says may quote the object
        refuse(UNDECODABLE, "the attributes of the image cannot be read")
    return dataset


def _number(attributes: Dataset, keyword: str, absent: int) -> int:
    value = attributes.get(keyword)
    try:
        return int(str(value)) if value not in (None, "") else absent
    except ValueError:
        refuse(UNDECODABLE, f"{keyword} of the image is no number")
