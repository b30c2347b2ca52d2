"""The images of a series in the order in which they lie in the patient (PS3.3 C.7.6.2, C.7.6.16)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

_SAME_DIRECTION: Final = 1e-3


@dataclass(frozen=True)
class Plane:
    """Where one image lies: a point (row, column) in the patient's coordinates, in mm, and back.

    Attributes:
        origin: centre of the first pixel.
        along_row, along_column: unit vectors of growing column index and growing row index.
        spacing: between rows, between columns.
    """

    origin: NDArray[np.float64]
    along_row: NDArray[np.float64]
    along_column: NDArray[np.float64]
    spacing: tuple[float, float]

    @property
    def normal(self) -> NDArray[np.float64]:
        return np.cross(self.along_row, self.along_column)

    @property
    def position(self) -> float:
        """Along the normal, in mm."""
        return float(self.origin @ self.normal)

    def pixels_of(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Column and row of points (n, 3), the centre of the first pixel being (0, 0)."""
        away = points - self.origin
        return np.stack([away @ self.along_row / self.spacing[1], away @ self.along_column / self.spacing[0]], axis=1)

    def points_of(self, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The patient's coordinates of pixels; the reverse of :meth:`pixels_of`."""
        right = columns[..., None] * self.spacing[1] * self.along_row
        return np.asarray(self.origin + right + rows[..., None] * self.spacing[0] * self.along_column)

    def is_parallel(self, other: Plane) -> bool:
        return bool(np.abs(self.normal - other.normal).max() < _SAME_DIRECTION)


@dataclass(frozen=True)
class Image:
    """One frame of one object: its place in the list of objects, its number from 1, where it lies if that is known."""

    of_object: int
    frame: int
    rows: int
    columns: int
    plane: Plane | None


def plane_of(header: Dataset) -> Plane | None:
    """Where the first frame of an object lies; None if it does not say, or says something impossible."""
    try:
        origin, directions = _numbers(header.ImagePositionPatient, 3), _numbers(header.ImageOrientationPatient, 6)
        spacing = _numbers(header.PixelSpacing, 2)
    except (AttributeError, TypeError, ValueError):
        return None
    lengths = np.linalg.norm(directions[:3]), np.linalg.norm(directions[3:])
    if min(spacing) <= 0 or min(lengths) <= 0 or not np.isfinite([*origin, *directions, *spacing]).all():
        return None
    return Plane(
        origin, directions[:3] / lengths[0], directions[3:] / lengths[1], (float(spacing[0]), float(spacing[1]))
    )


def stack(headers: Sequence[Dataset]) -> list[Image]:
    """Every frame of the objects of a series, ordered by position where all tell theirs, else by number."""
    images = [image for place, header in enumerate(headers) for image in _frames(place, header)]
    planes = [image.plane for image in images]
    first = planes[0] if planes else None
    if first is not None and all(plane is not None and plane.is_parallel(first) for plane in planes):
        normal = first.normal
        return sorted(images, key=lambda image: float(image.plane.origin @ normal) if image.plane else 0.0)
    numbers = [_whole(header.get("InstanceNumber")) for header in headers]
    return sorted(images, key=lambda image: (numbers[image.of_object], image.of_object, image.frame))


def spacing_of(header: Dataset) -> tuple[float, float]:
    """Distance between rows and between columns, for the shape of the picture; equal where it is not told."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            rows, columns = _numbers(header[keyword].value, 2)
        except (KeyError, TypeError, ValueError):
            continue
        if rows > 0 and columns > 0:
            return float(rows), float(columns)
    return 1.0, 1.0


def _frames(place: int, header: Dataset) -> Iterable[Image]:
    rows, columns = _whole(header.get("Rows")), _whole(header.get("Columns"))
    if not rows or not columns:
        return
    count, plane = max(_whole(header.get("NumberOfFrames")), 1), plane_of(header)
    offsets = _offsets(header, count)
    for number in range(count):
        lies = plane
        if plane is not None and count > 1:
            lies = None
            if offsets is not None:
                moved = plane.origin + plane.normal * offsets[number]
                lies = Plane(moved, plane.along_row, plane.along_column, plane.spacing)
        yield Image(place, number + 1, rows, columns, lies)


def _offsets(header: Dataset, count: int) -> NDArray[np.float64] | None:
    """Where the planes of a dose grid lie along its normal (PS3.3 C.8.8.3.2)."""
    try:
        found = _numbers(header.GridFrameOffsetVector, count)
    except (AttributeError, TypeError, ValueError):
        return None
    return found - found[0] if found[0] == 0 else found - float(header.ImagePositionPatient[2])


def _numbers(value: Any, count: int) -> NDArray[np.float64]:
    found = np.array([float(each) for each in value], dtype=np.float64)
    if found.shape != (count,):
        raise ValueError(count)
    return found


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
