"""Values of a frame blanked: the darkest that the frame holds takes the place of what stood there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut

from pacs2trial.dicomfile.scan import refuse
from pacs2trial.pixels.image import UNDECODABLE, Image


def blanked(values: NDArray[Any], plane: NDArray[np.bool_], image: Image) -> NDArray[Any]:
    """A copy of the stored values of a frame with the pixels of a plane blanked.

    Args:
        values: rows, columns (and samples), as stored.
        plane: which pixels, by rows and columns.
        image: of the frame; its photometric interpretation says what is dark.
    """
    made = values.copy()
    made[plane] = darkest(values, image)
    return made


def darkest(values: NDArray[Any], image: Image) -> NDArray[Any]:
    """The stored value that is shown darkest: black of colour images, the least (or greatest) grey value there is.

    No new value comes into a grey image, so that windows and look-up tables work on it as before.
    """
    photometric = image.description.photometric
    if values.ndim == 3:
        full = values.dtype.type(1 << (_bits_stored(image) - 1))
        neutral = full if photometric.startswith("YBR") else values.dtype.type(0)
        return np.array([0, neutral, neutral], values.dtype)
    if photometric == "PALETTE COLOR":
        return _darkest_entry(values, image)
    return np.asarray(values.max() if photometric == "MONOCHROME1" else values.min())


def _darkest_entry(values: NDArray[Any], image: Image) -> NDArray[Any]:
    used = np.unique(values)
    try:
        shown = apply_color_lut(used[np.newaxis, :], image.attributes)
    except Exception:  # noqa: BLE001 - what it says may quote the object
        refuse(UNDECODABLE, "the palette of the image cannot be applied")
    return np.asarray(used[int(shown[0, :, :3].astype(int).sum(axis=1).argmin())])


def _bits_stored(image: Image) -> int:
    return int(image.attributes.get("BitsStored") or image.description.bits)
