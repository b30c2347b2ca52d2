"""Objects as programs of others read them: one grey value a voxel, uncompressed."""

from __future__ import annotations

import struct

from pacs2trial.defacing.failure import fail
from pacs2trial.dicomfile.encoding import EncodedObject, file_bytes
from pacs2trial.dicomfile.syntaxes import EXPLICIT_LITTLE
from pacs2trial.pixels.decoding import stored_values
from pacs2trial.pixels.image import PIXEL_DATA, Image, image_of

_SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018


def grey_image(obj: EncodedObject) -> Image:
    """The image of an object in which a face may be looked for.

    Raises:
        NotRemovedError: it is none, or has colours or numbers that are not whole.
        UnsafeObjectError: it cannot be read.
    """
    image = image_of(obj)
    if image is None or image.tag != PIXEL_DATA or image.description.samples != 1 or image.description.bits < 8:
        fail("an object holds no image in grey")
    return image


def uid_of(obj: EncodedObject, tag: int = SOP_INSTANCE) -> str:
    return obj.value(tag).strip(b" \0").decode("ascii", "replace")


def decoded_file(obj: EncodedObject, file: bytes) -> bytes:
    """The Part 10 file of an object with its pixels uncompressed; as it is if they are.

    Raises:
        NotRemovedError: as :func:`grey_image`.
        UnsafeObjectError: the pixels cannot be decoded.
    """
    image = grey_image(obj)
    if image.is_native:
        return file
    value = b"".join(stored_values(image, number).tobytes() for number in range(1, image.description.frames + 1))
    value += b"\0" * (len(value) & 1)
    if len(value) - image.description.length not in (0, 1):
        fail("the pixels of an object are not what its header says")
    pixel = struct.pack("<HH2sHL", PIXEL_DATA >> 16, PIXEL_DATA & 0xFFFF, b"OW", 0, len(value)) + value
    return file_bytes(uid_of(obj, _SOP_CLASS), uid_of(obj), EXPLICIT_LITTLE, bytes(obj.header)) + pixel
