"""Frames encoded again without loss, in memory (GDCM)."""

from __future__ import annotations

from typing import Any, Final

import gdcm
from numpy.typing import NDArray

from pacs2trial.dicomfile.scan import refuse
from pacs2trial.pixels.image import UNDECODABLE, Image

_PIXEL_DATA: Final = (0x7FE0, 0x0010)


def encoded(values: NDArray[Any], image: Image, syntax: str, photometric: str) -> tuple[bytes, str]:
    """One frame in a lossless transfer syntax.

    Args:
        values: rows, columns (and samples, pixel by pixel).
        image: what the bits of a sample are.
        syntax: to encode in.
        photometric: of the values.

    Returns:
        The frame, and its photometric interpretation now.

    Raises:
        UnsafeObjectError: ``undecodable-pixels`` where the codec fails.
    """
    rows, columns = values.shape[:2]
    samples = values.shape[2] if values.ndim == 3 else 1
    allocated = values.dtype.itemsize * 8
    stored = min(int(image.attributes.get("BitsStored") or allocated), allocated)
    signed = 1 if values.dtype.kind == "i" else 0
    owner = gdcm.ImageWriter()  # an image that nothing owns is freed while GDCM still counts on it
    picture = owner.GetImage()
    picture.SetNumberOfDimensions(2)
    picture.SetDimensions((columns, rows, 1))
    picture.SetPixelFormat(gdcm.PixelFormat(samples, allocated, stored, stored - 1, signed))
    kind = gdcm.PhotometricInterpretation.GetPIType(photometric)
    picture.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    if samples > 1:
        picture.SetPlanarConfiguration(0)
    element = gdcm.DataElement(gdcm.Tag(*_PIXEL_DATA))
    element.SetByteStringValue(values.astype(values.dtype.newbyteorder("<")).tobytes())
    picture.SetDataElement(element)
    picture.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ImplicitVRLittleEndian))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(picture)
    if not change.Change():
        refuse(UNDECODABLE, "the blanked frame cannot be encoded in its transfer syntax")
    made = change.GetOutput()
    fragments = made.GetDataElement().GetSequenceOfFragments()
    if fragments is None or not fragments.GetNumberOfFragments():
        refuse(UNDECODABLE, "the blanked frame cannot be encoded in its transfer syntax")
    parts = (fragments.GetFragment(number) for number in range(fragments.GetNumberOfFragments()))
    frame = b"".join(part.GetByteValue().GetBuffer().encode("utf-8", "surrogateescape") for part in parts)
    return frame, str(made.GetPhotometricInterpretation()).strip()
