"""Pictures of 8 bits of one frame: grey values through the windows in which text may show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pacs2trial.pixels.image import Image
from pacs2trial.textdetection.reader import Picture

_TAIL: Final = 0.5
"""Percent of the values at either end that a window for most of them leaves out."""


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
    for low, high in _windows(numbers):
        grey = np.clip((numbers - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
        if image.description.photometric == "MONOCHROME1":
            grey = 255 - grey
        yield np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _windows(numbers: NDArray[np.float32]) -> list[tuple[float, float]]:
    """From the least to the greatest value, and without the tails where these take up much of the range."""
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return []
    low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return []
    windows = [(low, high)]
    from_, to = (float(value) for value in np.percentile(finite, (_TAIL, 100 - _TAIL)))
    if to > from_ and to - from_ < 0.6 * (high - low):
        windows.append((from_, to))
    return windows
