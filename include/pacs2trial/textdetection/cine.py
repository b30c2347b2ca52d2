"""Which parts of which frames of a long image are read, so that writing in a single frame is not missed.

A few frames are read whole. Of the others, those tiles are read in which marks appear that were not there in the frame
before, more than usually come and go there, and that no tile that is read already shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.decoding import shown_values
from pacs2trial.pixels.image import Image
from pacs2trial.textdetection.strokes import TILE, Bits, by_tile, grey_of, strokes_of, unlike, widened
from pacs2trial.textdetection.views import full_range

ALL_UP_TO: Final = 6
"""So many frames are all read whole."""

_WHOLE_EVERY: Final = 60
_FEWEST_NEW: Final = 10
"""Pixels of new marks in a tile that is quiet otherwise."""
_UNUSUAL: Final = 6.0
"""Median deviations above the median."""
_BUSY_TILE: Final = 64
_BUSY_PART: Final = 0.25
_PRESENT: Final = 0.4
"""Part of the marks of a text that is still there while it is shown."""
_MARGIN: Final = 16


@dataclass
class Film:
    """The marks of every frame, packed, and how many of them are new in each tile."""

    image: Image
    low: float
    high: float
    packed: list[Bits] = field(default_factory=list)
    new: list[NDArray[np.int32]] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)

    def strokes(self, number: int) -> Bits:
        """The marks of frame ``number``, counted from 1."""
        bits = np.unpackbits(self.packed[number - 1], count=self.shape[0] * self.shape[1])
        return bits.reshape(self.shape)


def film_of(image: Image) -> Film:
    """Look through every frame once.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``.
    """
    low, high = full_range(image)
    film = Film(image, low, high)
    before: Bits | None = None
    for number in range(1, image.description.frames + 1):
        strokes = strokes_of(grey_of(shown_values(image, number), low, high))
        film.shape = strokes.shape[0], strokes.shape[1]
        film.packed.append(np.packbits(strokes))
        film.new.append(by_tile(strokes if before is None else unlike(strokes, widened(before))))
        before = strokes
    return film


def whole_frames(film: Film) -> list[int]:
    """The frames that are read whole: all where frames have little to do with one another, otherwise a few."""
    frames = film.image.description.frames
    busy = np.median([float((new > _BUSY_TILE).mean()) for new in film.new[1:]])
    if frames <= ALL_UP_TO or busy > _BUSY_PART:
        return list(range(1, frames + 1))
    number = 2 + frames // _WHOLE_EVERY
    return sorted({round(1 + place * (frames - 1) / (number - 1)) for place in range(number)})


def new_parts(film: Film, whole: list[int]) -> Iterator[Area]:
    """The parts of single frames that have to be read besides those that are read whole.

    Args:
        film: of the image.
        whole: the frames that are read whole.
    """
    counts = np.stack(film.new[1:]) if len(film.new) > 1 else np.zeros((1, *film.new[0].shape), np.int32)
    usual = np.median(counts, axis=0)
    deviation = 1.4826 * np.median(np.abs(counts - usual), axis=0)
    limit = usual + _UNUSUAL * deviation + _FEWEST_NEW
    known: dict[tuple[int, int], list[Bits]] = {}
    for number in whole:
        wide = widened(film.strokes(number))
        for y, x in np.ndindex(limit.shape):
            known.setdefault((y, x), []).append(_tile(wide, y, x))
    for number in range(2, len(film.new) + 1):
        if number in whole or not (film.new[number - 1] > limit).any():
            continue
        strokes = film.strokes(number)
        wide = widened(strokes)
        unknown = np.zeros(limit.shape, np.uint8)
        for y, x in np.argwhere(film.new[number - 1] > limit):
            tile, seen = _tile(strokes, y, x), known[int(y), int(x)]
            if all(int(unlike(tile, one).sum()) > limit[y, x] for one in seen):
                unknown[y, x] = 1
        yield from _parts(unknown, number, film.image)
        for y, x in np.argwhere(unknown):
            known[int(y), int(x)].append(_tile(wide, y, x))


def _tile(strokes: Bits, y: int, x: int) -> Bits:
    return strokes[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE]


def _parts(tiles: Bits, number: int, image: Image) -> Iterator[Area]:
    """Rectangles around tiles that lie together; a line of text reaches into the tiles beside them."""
    if not tiles.any():
        return
    together = cv2.dilate(tiles, np.ones((3, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(together, connectivity=8)
    for left, top, width, height, _ in stats[1:].tolist():
        area = Area(left * TILE, top * TILE, width * TILE, height * TILE, number, number)
        inside = area.grown(_MARGIN).within(image.description.columns, image.description.rows)
        if inside is not None:
            yield inside


def shown_in(film: Film, area: Area, number: int) -> tuple[int, int]:
    """The first and last frame in which what stands in an area of frame ``number`` is shown without a break.

    What is shown in most frames counts as shown in all.
    """
    part = np.s_[area.top : area.bottom, area.left : area.right]
    marks = film.strokes(number)[part]
    total = int(marks.sum())
    frames = film.image.description.frames
    if not total:
        return 1, frames
    present = [
        int((marks & widened(film.strokes(one)[part])).sum()) >= _PRESENT * total for one in range(1, frames + 1)
    ]
    if sum(present) * 2 > frames:
        return 1, frames
    first = last = number
    while first > 1 and present[first - 2]:
        first -= 1
    while last < frames and present[last]:
        last += 1
    return first, last
