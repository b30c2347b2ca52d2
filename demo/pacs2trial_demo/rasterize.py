"""Contours as areas."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Loop = NDArray[np.float64]
"""Rows of column, row: the corners of one closed contour in pixel coordinates (the first pixel's middle is 0, 0)."""


def fill(loops: Iterable[Loop], rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels whose middles lie inside an odd number of ``loops``: a loop within a loop is a hole."""
    crossings = np.zeros((rows, columns + 1), np.uint8)
    for loop in loops:
        for (x0, y0), (x1, y1) in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            low, high = sorted((y0, y1))
            for row in range(max(0, math.ceil(low)), min(rows, math.ceil(high))):
                column = math.ceil(x0 + (row - y0) * (x1 - x0) / (y1 - y0))
                crossings[row, min(max(column, 0), columns)] ^= 1
    inside: NDArray[np.bool_] = np.bitwise_xor.accumulate(crossings, axis=1)[:, :columns].astype(bool)
    return inside
