"""Outlines of masks on the images that they are of."""

from __future__ import annotations

import contourpy
import numpy as np
from numpy.typing import NDArray

_DECIMALS = 1


def mask_outlines(plane: NDArray[np.bool_]) -> list[list[float]]:
    """Closed paths around the pixels of a plane: column, row, column, row …; centres of pixels have whole numbers."""
    framed = np.pad(plane.astype(np.float32), 1)
    paths = contourpy.contour_generator(z=framed).lines(0.5)
    return [(np.asarray(path, np.float64) - 1).round(_DECIMALS).ravel().tolist() for path in paths]
