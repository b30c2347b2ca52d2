"""The frames of an object's pixel data as they are encoded (PS3.5 section 8, A.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID
from typing_extensions import Buffer

from pacs2trial.dicomfile.frames import ImageDescription
from pacs2trial.errors import InputError
from pacs2trial.holdings.objects import ShownObject
from pacs2trial.pixels.image import from_a_byte

_HEAD: Final = 12
"""Bytes of an element's tag, VR and length in explicit VR, where the VR is one of bulk data (PS3.5 7.1.2)."""


def image_description(header: Dataset) -> ImageDescription:
    """What the header says of the pixel data; zeros where it says nothing."""

    def number(keyword: str, absent: int) -> int:
        value = header.get(keyword)
        return int(value) if value not in (None, "") else absent

    return ImageDescription(
        rows=number("Rows", 0),
        columns=number("Columns", 0),
        samples=number("SamplesPerPixel", 1),
        bits=number("BitsAllocated", 0),
        frames=max(number("NumberOfFrames", 1), 1),
        photometric=str(header.get("PhotometricInterpretation", "")),
    )


def pixel_value(shown: ShownObject) -> Iterator[memoryview]:
    """The value of the pixel data element in parts, without its head."""
    skipped = 0
    for part in shown.pixel:
        view = memoryview(part).cast("B")
        begin = min(_HEAD - skipped, len(view))
        skipped += begin
        if begin < len(view):
            yield view[begin:]


def encoded_frames(shown: ShownObject, header: Dataset, numbers: Sequence[int]) -> Iterator[bytes]:
    """The frames ``numbers``, from 1, each as it is encoded.

    Raises:
        InputError: the object has no pixel data, or not so many frames.
    """
    image = image_description(header)
    if not shown.pixel:
        raise InputError("the object has no pixel data")
    wrong = [number for number in numbers if not 1 <= number <= image.frames]
    if wrong:
        raise InputError(f"frame {wrong[0]} is not one of the object's {image.frames} frames")
    if UID(shown.transfer_syntax).is_encapsulated:
        value = b"".join(pixel_value(shown))
        for number in numbers:
            yield get_frame(value, number - 1, number_of_frames=image.frames)
        return
    parts = list(pixel_value(shown))
    bits = image.length * 8 // image.frames if image.bits != 1 else image.rows * image.columns * image.samples
    for number in numbers:
        first, last = (number - 1) * bits, number * bits
        found = _slice(parts, first // 8, -(-last // 8))
        yield found if not (first % 8 or last % 8) else from_a_byte(found, first % 8, bits)


def _slice(parts: Sequence[Buffer], start: int, stop: int) -> bytes:
    found: list[bytes] = []
    position = 0
    for part in parts:
        view = memoryview(part).cast("B")
        begin, end = max(start - position, 0), min(stop - position, len(view))
        if begin < end:
            found.append(bytes(view[begin:end]))
        position += len(view)
    return b"".join(found)
