"""Frames decoded: the values as they are stored, and the picture that a person would see."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID

from pacs2trial.dicomfile.scan import refuse
from pacs2trial.pixels.image import PIXEL_DATA, UNDECODABLE, Image

_NUMBER_OF_FRAMES: Final = 0x00280008
_NATIVE_VRS: Final = {PIXEL_DATA: "OW", 0x7FE00008: "OF", 0x7FE00009: "OD"}


def stored_values(image: Image, number: int) -> NDArray[Any]:
    """Frame ``number``, counted from 1, as rows, columns (and samples), in the colour space in which it is stored.

    Chrominance that is stored for several pixels is repeated.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``.
    """
    return _decoded(image, number, raw=True)


def shown_values(image: Image, number: int) -> NDArray[Any]:
    """The same as they are shown: colour as RGB of 8 bits, palettes looked up; grey as stored.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``.
    """
    values = _decoded(image, number, raw=False)
    if image.description.photometric == "PALETTE COLOR":
        try:
            values = apply_color_lut(values, image.attributes)
        except Exception:  # noqa: BLE001 - what it says may quote the object
            refuse(UNDECODABLE, "the palette of the image cannot be applied")
    if values.ndim == 3 and values.dtype.itemsize > 1:
        depth = int(values.max(initial=1)).bit_length()
        values = (values >> max(depth - 8, 0)).astype(np.uint8)
    return values


def single_frame(attributes: Dataset, frame: bytes, transfer_syntax: str, tag: int = PIXEL_DATA) -> Dataset:
    """A data set of one frame alone, as decoders take it.

    Args:
        attributes: group 0028 of the object; it is not changed.
        frame: as it is encoded; native pixels of one bit begin at a byte.
        transfer_syntax: in which it is encoded.
        tag: of the pixel data element.
    """
    syntax = UID(transfer_syntax)
    single = Dataset()
    single.update(attributes)
    single.add_new(_NUMBER_OF_FRAMES, "IS", 1)  # not by its name, which would change the element that attributes hold
    value = encapsulate([frame]) if syntax.is_encapsulated else frame + b"\0" * (len(frame) & 1)
    single.add_new(tag, "OB" if syntax.is_encapsulated else _NATIVE_VRS[tag], value)
    single.file_meta = FileMetaDataset()
    single.file_meta.TransferSyntaxUID = syntax
    return single


def _decoded(image: Image, number: int, *, raw: bool) -> NDArray[Any]:
    syntax = UID(image.transfer_syntax)
    if image.tag != PIXEL_DATA and syntax.is_encapsulated:
        refuse(UNDECODABLE, "floating point pixels are compressed")
    single = single_frame(image.attributes, image.frame(number), image.transfer_syntax, image.tag)
    if not image.description.photometric:
        single.PhotometricInterpretation = "MONOCHROME2" if image.description.samples == 1 else "RGB"
    try:
        values, _ = get_decoder(syntax).as_array(single, index=0, raw=raw)
    except Exception as error:  # noqa: BLE001 - decoders fail in many ways, and what they say may quote the object
        refuse(UNDECODABLE, f"{syntax.name} cannot be decoded: {type(error).__name__}")
    if values.ndim not in (2, 3) or not values.size:
        refuse(UNDECODABLE, "a decoded frame has no rows and columns")
    return values
