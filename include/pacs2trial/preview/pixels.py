"""One frame as numbers, for a viewer that windows by itself (PS3.3 C.11.1, C.11.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.uid import UID

from pacs2trial.preview.rendering import NotAPictureError, own_window, single

Kind = Literal["int16", "float32", "rgb8"]

_INT16: Final = np.iinfo(np.int16)


@dataclass(frozen=True)
class Pixels:
    """A frame after the modality transformation (Hounsfield units, Gy), or in colour.

    Attributes:
        kind: of the numbers in ``data``.
        data: row by row, little endian; for ``rgb8`` three bytes a pixel.
        window: centre and width with which to begin.
        inverted: low values are bright (MONOCHROME1).
    """

    rows: int
    columns: int
    kind: Kind
    data: bytes = field(repr=False)
    window: tuple[float, float]
    inverted: bool


def pixels(header: Dataset, frame: bytes, transfer_syntax: str) -> Pixels:
    """The numbers of one frame.

    Args:
        header: the object's attributes, without pixel data.
        frame: one frame as it is encoded.
        transfer_syntax: in which it is encoded.

    Raises:
        NotAPictureError: it cannot be decoded.
    """
    syntax, dataset = UID(transfer_syntax), single(header, frame, transfer_syntax)
    try:
        array, described = get_decoder(syntax).as_array(dataset, index=0)
        photometric = str(described["photometric_interpretation"])
        if photometric == "PALETTE COLOR":
            array = apply_color_lut(array, dataset)
        if array.ndim == 3:
            return _in_colour(array)
        values = _modality_values(array, header, dataset)
    except NotAPictureError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders fail in many ways, and what they say may quote the object
        raise NotAPictureError(f"{syntax.name} cannot be shown: {type(error).__name__}") from None
    own = own_window(dataset)
    low, high = float(values.min()), float(values.max())
    window = (own.center, own.width) if own else ((low + high) / 2, max(high - low, 1e-6))
    kind: Kind = "int16" if values.dtype == np.int16 else "float32"
    rows, columns = values.shape
    return Pixels(rows, columns, kind, values.tobytes(), window, photometric == "MONOCHROME1")


def _in_colour(array: NDArray[Any]) -> Pixels:
    deep = array.dtype.itemsize > 1
    colours = (array >> 8).astype(np.uint8) if deep else array.astype(np.uint8)
    rows, columns = colours.shape[:2]
    return Pixels(
        rows, columns, "rgb8", np.ascontiguousarray(colours[..., :3]).tobytes(), (128.0, 256.0), inverted=False
    )


def _modality_values(array: NDArray[Any], header: Dataset, dataset: Dataset) -> NDArray[Any]:
    """16-bit integers where nothing is lost by it, else 32-bit floating point numbers."""
    scaling = header.get("DoseGridScaling")
    if scaling:
        return (array * np.float64(scaling)).astype("<f4")
    values = apply_modality_lut(array, dataset)
    if values.min() >= _INT16.min and values.max() <= _INT16.max:
        whole = values.astype("<i2")
        if values.dtype.kind in "iu" or np.array_equal(whole, values):
            return whole
    return values.astype("<f4")
