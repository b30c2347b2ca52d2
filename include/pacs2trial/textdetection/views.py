"""Pictures of 8 bits of one frame: grey values through the windows in which text may show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pacs2trial.pixels.decoding import shown_values
from pacs2trial.pixels.image import Image
from pacs2trial.textdetection.reader import Picture

_TAIL: Final = 0.5
"""Percent of the values at either end that a window for most of them leaves out."""
_DIFFERS: Final = 0.35
_SAMPLED: Final = 8
_MOST_OWN: Final = 2


def views_of(values: NDArray[Any], image: Image) -> Iterator[Picture]:
    """The pictures that are read of one frame, different ones only.

    Args:
        values: as :func:`pacs2trial.pixels.decoding.shown_values` gives them.
        image: of the frame.
    """
    if values.ndim == 3:
        yield np.ascontiguousarray(values)
        return
    numbers = values.astype(np.float32)
    for low, high in _windows(numbers, image):
        grey = np.clip((numbers - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
        if image.description.photometric == "MONOCHROME1":
            grey = 255 - grey
        yield np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def full_range(image: Image) -> tuple[float, float]:
    """The least and the greatest value of some frames; 0 and 255 for pixels of 8 bits."""
    frames = image.description.frames
    chosen = sorted({round(1 + place * (frames - 1) / (_SAMPLED - 1)) for place in range(_SAMPLED)})
    found = [shown_values(image, number) for number in chosen]
    if all(values.dtype == np.uint8 for values in found):
        return 0.0, 255.0
    return float(min(values.min() for values in found)), float(max(values.max() for values in found))


def _windows(numbers: NDArray[np.float32], image: Image) -> list[tuple[float, float]]:
    """From the least to the greatest value, then what differs much: without the tails, as the object itself asks."""
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return []
    low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return []
    windows = [(low, high)]
    from_, to = (float(value) for value in np.percentile(finite, (_TAIL, 100 - _TAIL)))
    for first, last in ((from_, to), *_own_windows(image)):
        first, last = max(first, low), min(last, high)
        if last > first and not any(_alike((first, last), one) for one in windows):
            windows.append((first, last))
    return windows


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two windows show much the same: the common part is most of either."""
    common = min(one[1], other[1]) - max(one[0], other[0])
    return common >= _DIFFERS * max(one[1] - one[0], other[1] - other[0])


def _own_windows(image: Image) -> Iterator[tuple[float, float]]:
    """The windows of the header, in stored values (PS3.3 C.11.1, C.11.2)."""
    try:
        slope = float(image.attributes.get("RescaleSlope") or 1.0)
        intercept = float(image.attributes.get("RescaleIntercept") or 0.0)
        centers, widths = (np.atleast_1d(image.attributes.get(name) or []) for name in ("WindowCenter", "WindowWidth"))
        for center, width in list(zip(centers, widths, strict=False))[:_MOST_OWN]:
            ends = sorted((float(center) + sign * float(width) / 2 - intercept) / slope for sign in (-1, 1))
            yield ends[0], ends[1]
    except (TypeError, ValueError, ZeroDivisionError):
        return
