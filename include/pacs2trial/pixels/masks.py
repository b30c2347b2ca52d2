"""Any pixels of an image, bit by bit: what areas cannot say, such as the surface of a face."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pacs2trial.pixels.areas import Planes

_HEAD: Final = struct.Struct("<4L")
_LEVEL: Final = 9


@dataclass(frozen=True)
class Mask:
    """Pixels of an image of a certain size; ``planes`` names those of each frame that has any."""

    rows: int
    columns: int
    frames: int
    planes: Planes = field(repr=False)

    def packed(self) -> bytes:
        """Rows, columns, frames and how many have any, then the numbers of these and the bits of each, deflated."""
        numbers = sorted(self.planes)
        head = _HEAD.pack(self.rows, self.columns, self.frames, len(numbers))
        bits = (np.packbits(self.planes[number], bitorder="little").tobytes() for number in numbers)
        return head + zlib.compress(b"".join((struct.pack(f"<{len(numbers)}L", *numbers), *bits)), _LEVEL)


def unpacked(data: bytes) -> Mask:
    """The mask that :meth:`Mask.packed` wrote.

    Raises:
        ValueError: it did not write this.
    """
    try:
        rows, columns, frames, several = _HEAD.unpack_from(data)
        content = zlib.decompress(data[_HEAD.size :])
        numbers = struct.unpack_from(f"<{several}L", content)
        bits = np.frombuffer(content, np.uint8, offset=4 * several).reshape(several, -(-rows * columns // 8))
    except (struct.error, zlib.error, ValueError) as error:
        raise ValueError(f"no mask of pixels: {type(error).__name__}") from None
    planes = np.unpackbits(bits, axis=1, count=rows * columns, bitorder="little").astype(np.bool_)
    return Mask(rows, columns, frames, dict(zip(numbers, planes.reshape(several, rows, columns), strict=True)))
