"""Parts of many frames side by side on few pictures, so that reading them costs as much as their area."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pacs2trial.pixels.areas import Area
from pacs2trial.textdetection.reader import Picture, Reader, Reading

_GAP = 24
_WIDTH, _HEIGHT = 1024, 1024


@dataclass
class _Sheet:
    placed: list[tuple[int, int, Area, Picture]] = field(default_factory=list)
    x: int = 0
    y: int = 0
    tallest: int = 0

    def takes(self, width: int, height: int) -> bool:
        """Find a place in rows from the top; False if none is left."""
        if self.x and self.x + width > _WIDTH:
            self.x, self.y, self.tallest = 0, self.y + self.tallest + _GAP, 0
        return not self.placed or self.y + height <= _HEIGHT

    def place(self, area: Area, picture: Picture) -> None:
        self.placed.append((self.x, self.y, area, picture))
        self.x += picture.shape[1] + _GAP
        self.tallest = max(self.tallest, picture.shape[0])

    def picture(self) -> Picture:
        rows = max(y + part.shape[0] for _, y, _, part in self.placed)
        columns = max(x + part.shape[1] for x, _, _, part in self.placed)
        made = np.zeros((rows, columns, 3), np.uint8)
        for x, y, _, part in self.placed:
            made[y : y + part.shape[0], x : x + part.shape[1]] = part
        return made


def read_parts(parts: Iterable[tuple[Area, Picture]], eyes: Reader) -> Iterator[tuple[Area, Reading]]:
    """Read parts of frames together.

    Args:
        parts: where each stands in the image, and what it shows.
        eyes: that read.

    Yields:
        The part, and a text in it, placed as it stands in the whole image.
    """
    sheet = _Sheet()
    for area, picture in parts:
        if not sheet.takes(picture.shape[1], picture.shape[0]):
            yield from _read(sheet, eyes)
            sheet = _Sheet()
        sheet.place(area, picture)
    if sheet.placed:
        yield from _read(sheet, eyes)


def _read(sheet: _Sheet, eyes: Reader) -> Iterator[tuple[Area, Reading]]:
    for one in eyes.read(sheet.picture()):
        middle_x, middle_y = (one.left + one.right) / 2, (one.top + one.bottom) / 2
        for x, y, area, part in sheet.placed:
            if x <= middle_x < x + part.shape[1] and y <= middle_y < y + part.shape[0]:
                right, down = area.left - x, area.top - y
                yield (
                    area,
                    Reading(
                        max(one.left + right, area.left),
                        max(one.top + down, area.top),
                        min(one.right + right, area.right),
                        min(one.bottom + down, area.bottom),
                        one.text,
                        one.confidence,
                    ),
                )
