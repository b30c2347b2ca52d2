"""One frame as a picture: modality and VOI transformation, colour, size (PS3.3 C.11, PS3.18 8.3.5)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.uid import UID

from pacs2trial.errors import PermanentError
from pacs2trial.pixels.decoding import single_frame
from pacs2trial.pixels.image import MOST_PIXELS

Kind = Literal["jpeg", "png", "gif"]
Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

_IMAGE: Final = 0x0028


@dataclass(frozen=True)
class Window:
    """What is shown from black to white, in the units after the modality transformation (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: Function = "LINEAR"


@dataclass(frozen=True)
class Viewport:
    """The picture fits into ``columns`` by ``rows``; ``region`` is the part of the image: left, top, width, height."""

    columns: int
    rows: int
    region: tuple[int, int, int, int] | None = None


class NotAPictureError(PermanentError):
    """The object has no pixel data that can be shown, or no decoder here knows its transfer syntax."""


def decoded(header: Dataset, frame: bytes, transfer_syntax: str) -> bytes:
    """A frame uncompressed, little endian, as explicit VR little endian would hold it.

    Raises:
        NotAPictureError: it cannot be decoded.
    """
    dataset, syntax = single(header, frame, transfer_syntax), UID(transfer_syntax)
    try:
        buffer, _ = get_decoder(syntax).as_buffer(dataset, index=0)
    except Exception as error:  # noqa: BLE001 - decoders fail in many ways, and what they say may quote the object
        raise NotAPictureError(f"{syntax.name} cannot be decoded: {type(error).__name__}") from None
    return bytes(buffer)


def rendered(
    header: Dataset,
    frame: bytes,
    transfer_syntax: str,
    *,
    window: Window | None = None,
    viewport: Viewport | None = None,
    kind: Kind = "jpeg",
    quality: int = 90,
) -> bytes:
    """A frame as a picture of 8 bits, as PS3.4 N.2 prescribes for a rendered image.

    Args:
        header: the object's attributes, without pixel data.
        frame: one frame as it is encoded.
        transfer_syntax: in which it is encoded.
        window: in place of the object's own.
        viewport: in place of the frame's own size.
        kind: of picture.
        quality: of JPEG, 1 to 100.

    Raises:
        NotAPictureError: it cannot be shown.
    """
    syntax = UID(transfer_syntax)
    dataset = single(header, frame, transfer_syntax)
    try:
        pixels, described = get_decoder(syntax).as_array(dataset, index=0)
        grey = _grey_or_colour(pixels, dataset, str(described["photometric_interpretation"]), window)
        picture = Image.fromarray(grey)
    except Exception as error:  # noqa: BLE001 - decoders fail in many ways, and what they say may quote the object
        raise NotAPictureError(f"{syntax.name} cannot be shown: {type(error).__name__}") from None
    if viewport is not None:
        picture = _fitted(picture, viewport)
    file = io.BytesIO()
    if kind == "jpeg":
        picture.save(file, "JPEG", quality=quality)
    else:
        picture.save(file, kind.upper())
    return file.getvalue()


def single(header: Dataset, frame: bytes, transfer_syntax: str) -> Dataset:
    """A data set of this frame alone.

    Raises:
        NotAPictureError: the header describes no image, or one beyond :data:`pacs2trial.pixels.image.MOST_PIXELS`.
    """
    if int(header.get("Rows") or 0) * int(header.get("Columns") or 0) not in range(1, MOST_PIXELS + 1):
        raise NotAPictureError("the object has no image, or one that is too large to be shown")
    return single_frame(header.group_dataset(_IMAGE), frame, transfer_syntax)


def _grey_or_colour(
    pixels: NDArray[Any], dataset: Dataset, photometric: str, window: Window | None
) -> NDArray[np.uint8]:
    if photometric == "PALETTE COLOR":
        coloured = apply_color_lut(pixels, dataset)
        return (coloured >> 8).astype(np.uint8) if coloured.dtype.itemsize > 1 else coloured
    if pixels.ndim == 3:
        return pixels.astype(np.uint8) if pixels.dtype.itemsize == 1 else (pixels >> 8).astype(np.uint8)
    values = apply_modality_lut(pixels, dataset)
    window = window or own_window(dataset)
    if window is not None:
        shown = _windowed(values.astype(np.float64), window)
    else:
        looked_up = apply_voi_lut(values, dataset) if "VOILUTSequence" in dataset else values
        low, high = float(looked_up.min()), float(looked_up.max())
        shown = (looked_up.astype(np.float64) - low) / ((high - low) or 1.0)
    grey = np.clip(shown * 255.0, 0, 255).round().astype(np.uint8)
    return 255 - grey if photometric == "MONOCHROME1" else grey


def own_window(dataset: Dataset) -> Window | None:
    """The first window of the object; none where it has a table instead, or says nothing that can be used."""
    if "VOILUTSequence" in dataset:
        return None
    try:
        center, width = (_first(dataset[keyword].value) for keyword in ("WindowCenter", "WindowWidth"))
    except (KeyError, TypeError, ValueError):
        return None
    named = str(dataset.get("VOILUTFunction", "LINEAR"))
    function: Function = "SIGMOID" if named == "SIGMOID" else "LINEAR_EXACT" if named == "LINEAR_EXACT" else "LINEAR"
    return Window(center, width, function) if width > 0 else None


def _first(value: Any) -> float:
    return float(value) if isinstance(value, int | float | str) or not hasattr(value, "__iter__") else float(value[0])


def _windowed(values: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """From 0 to 1 (PS3.3 C.11.2.1.2.1, C.11.2.1.3)."""
    center, width = window.center, window.width
    if window.function == "SIGMOID":
        sigmoid: NDArray[np.float64] = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700, 700)))
        return sigmoid
    if window.function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0.0, 1.0)
    if width <= 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def _fitted(picture: Image.Image, viewport: Viewport) -> Image.Image:
    if viewport.region is not None:
        left, top, width, height = viewport.region
        picture = picture.crop((left, top, left + width, top + height))
    scale = min(viewport.columns / picture.width, viewport.rows / picture.height)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    return picture.resize(size, Image.Resampling.BILINEAR if scale > 1 else Image.Resampling.BOX)
