"""Proof "pixels" of an object whose face was blanked: what the mask names is gone, and nothing else is different."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels.utils import iter_pixels

_JPEG: Final = frozenset(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"))
"""Here a mask takes whole blocks with it, and a decoder smooths around them."""
_FRINGE: Final = 18
_UNEVEN: Final = 2


def blanking_faults(staged: bytes, packed: bytes, mask: bytes) -> Iterator[str]:
    """What is wrong with a blanked object, frame by frame.

    Args:
        staged: the Part 10 file before.
        packed: the one after.
        mask: as the vault keeps it: rows, columns, frames, number of frames that have voxels of it; deflated their
            numbers and bits.
    """
    header = dcmread(BytesIO(packed), stop_before_pixels=True)
    if header.get("RecognizableVisualFeatures") != "NO":
        yield "its face was blanked, and it does not say so (0028,0302)"
    blockwise = header.file_meta.TransferSyntaxUID in _JPEG
    try:
        planes = _planes(mask)
        pairs = zip(iter_pixels(BytesIO(staged), raw=True), iter_pixels(BytesIO(packed), raw=True), strict=True)
        for number, (before, after) in enumerate(pairs, 1):
            plane = planes.pop(number, np.zeros(before.shape, np.bool_))
            yield from (f"frame {number}: {fault}" for fault in _faults(before, after, plane, blockwise=blockwise))
    except Exception as error:  # noqa: BLE001  decoders fail in many ways, and what they say may quote the object
        yield f"its pixels cannot be compared with the staged object's ({type(error).__name__})"
        return
    if planes:
        yield "it has fewer frames than were to be blanked"


def _faults(before: NDArray[Any], after: NDArray[Any], plane: NDArray[np.bool_], *, blockwise: bool) -> Iterator[str]:
    outside = ~plane
    if blockwise:
        outside = cv2.dilate(plane.astype(np.uint8), np.ones((2 * _FRINGE + 1,) * 2, np.uint8)) == 0
    if not np.array_equal(before[outside], after[outside]):
        yield "pixels differ from the staged object's where nothing was to be blanked"
    inside = after[plane]
    if inside.size and int(inside.max()) - int(inside.min()) > (_UNEVEN if blockwise else 0):
        yield "not all that was to be blanked is"


def _planes(mask: bytes) -> dict[int, NDArray[np.bool_]]:
    rows, columns, _, several = struct.unpack_from("<4L", mask)
    content = zlib.decompress(mask[16:])
    numbers = struct.unpack_from(f"<{several}L", content)
    bits = np.frombuffer(content, np.uint8, offset=4 * several).reshape(several, -1)
    planes = np.unpackbits(bits, axis=1, count=rows * columns, bitorder="little").astype(np.bool_)
    return dict(zip(numbers, planes.reshape(several, rows, columns), strict=True))
