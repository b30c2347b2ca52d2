"""Rectangles of an image over a range of frames, and what they cover of each frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Planes = Mapping[int, NDArray[np.bool_]]
"""Frame, counted from 1 → which of its pixels (rows, columns); frames of which none is meant are left out."""


@dataclass(frozen=True, order=True)
class Area:
    """A rectangle in pixels from the top left of the image, and the frames that it is about.

    Attributes:
        left, top: of its first pixel, counted from 0.
        width, height: at least 1.
        first_frame: counted from 1.
        last_frame: the last one, included; 0 stands for the last of the image.
    """

    left: int
    top: int
    width: int
    height: int
    first_frame: int = 1
    last_frame: int = 0

    @property
    def right(self) -> int:
        """The column behind the last one."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The row below the last one."""
        return self.top + self.height

    def covers_frame(self, number: int) -> bool:
        return self.first_frame <= number and (self.last_frame == 0 or number <= self.last_frame)

    def grown(self, by: int) -> Area:
        """Larger by some pixels on every side."""
        return Area(
            self.left - by, self.top - by, self.width + 2 * by, self.height + 2 * by, self.first_frame, self.last_frame
        )

    def within(self, columns: int, rows: int) -> Area | None:
        """The part of it that lies within an image; None if there is none."""
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.right, columns), min(self.bottom, rows)
        if right <= left or bottom <= top:
            return None
        return Area(left, top, right - left, bottom - top, self.first_frame, self.last_frame)


def part_covered(areas: Iterable[Area], columns: int, rows: int) -> float:
    """The part of an image that areas cover together, from 0 to 1, whatever their frames."""
    return float(_covered(areas, columns=columns, rows=rows).mean())


def planes_of(areas: Sequence[Area], rows: int, columns: int, frames: int) -> Planes:
    """The pixels of an image that areas cover; what lies outside of it is cut off.

    Frames that the same areas cover share one array.
    """
    made: dict[tuple[Area, ...], NDArray[np.bool_]] = {}
    found: dict[int, NDArray[np.bool_]] = {}
    for number in range(1, frames + 1):
        concerned = tuple(area for area in areas if area.covers_frame(number))
        if concerned not in made:
            made[concerned] = _covered(concerned, rows, columns)
        if made[concerned].any():
            found[number] = made[concerned]
    return found


def _covered(areas: Iterable[Area], rows: int, columns: int) -> NDArray[np.bool_]:
    covered = np.zeros((rows, columns), np.bool_)
    for area in areas:
        covered[max(area.top, 0) : max(area.bottom, 0), max(area.left, 0) : max(area.right, 0)] = True
    return covered
