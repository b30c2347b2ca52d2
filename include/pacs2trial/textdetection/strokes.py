"""What could be writing in a frame: thin marks, lighter or darker than what surrounds them. Cheap enough for a cine."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
"""One for a pixel of a mark, zero for the others."""

TILE: Final = 32
_WIDEST: Final = 9
"""Pixels: a mark is thinner."""
_CONTRAST: Final = 40


def grey_of(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """A frame in grey of 8 bits; of colour the strongest sample, so that coloured writing stays light on black."""
    numbers = values.max(axis=2) if values.ndim == 3 else values
    if numbers.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return np.asarray(numbers, np.uint8)
    scaled = (numbers.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def strokes_of(grey: NDArray[np.uint8]) -> Bits:
    """Where the marks are; rows and columns filled up to whole tiles."""
    rows, columns = grey.shape
    around = cv2.getStructuringElement(cv2.MORPH_RECT, (_WIDEST, _WIDEST))
    light = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, around)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, around)
    found = np.asarray(np.maximum(light, dark) > _CONTRAST, np.uint8)
    return np.pad(found, ((0, -rows % TILE), (0, -columns % TILE)))


def widened(strokes: Bits) -> Bits:
    """Marks one pixel wider on every side: what moves by so little has not changed."""
    return np.asarray(cv2.dilate(strokes, np.ones((3, 3), np.uint8)), np.uint8)


def unlike(strokes: Bits, others: Bits) -> Bits:
    """The marks that are not among others."""
    return np.asarray(strokes > others, np.uint8)


def by_tile(strokes: Bits) -> NDArray[np.int32]:
    """The number of pixels of marks in every tile."""
    rows, columns = strokes.shape
    tiles = strokes.reshape(rows // TILE, TILE, columns // TILE, TILE)
    return np.asarray(tiles.sum(axis=(1, 3), dtype=np.int32))
