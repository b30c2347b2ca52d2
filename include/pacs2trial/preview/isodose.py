"""Isodose lines of an RT Dose on images (PS3.3 C.8.8.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import contourpy
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs2trial.preview.stack import Plane, plane_of, stack

SHARES: Final = ((1.0, "#ff4d4d"), (0.95, "#ff9f1a"), (0.8, "#ffe34d"), (0.5, "#45d66b"), (0.2, "#4da3ff"))
"""Parts of the reference dose at which lines are drawn, with their colours."""

_DECIMALS: Final = 1
_LITTLE: Final = 1e-6


@dataclass
class Line:
    """One level: its paths by the place of the image on which they lie, as column, row, column, row …"""

    level: float
    share: float
    colour: str
    paths: dict[int, list[list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Isodoses:
    """The lines of one dose. ``unit`` is GY or RELATIVE; ``reference`` the dose whose parts are drawn."""

    unit: str
    maximum: float
    reference: float
    lines: Sequence[Line]


def isodoses(header: Dataset, grid: NDArray[Any], planes: Sequence[Plane], prescribed: float | None) -> Isodoses | None:
    """The isodose lines of a dose grid on parallel images; None if the dose does not say where it lies, or is empty.

    Args:
        header: of the RT Dose, without pixel data.
        grid: the dose, scaled, (planes, rows, columns).
        planes: where the images lie, parallel to the planes of the dose, in the order in which the viewer has them.
        prescribed: the dose whose parts are drawn, in the unit of the dose; its maximum where absent.
    """
    images = stack([header])
    first = plane_of(header)
    if first is None or len(images) != len(grid) or any(image.plane is None for image in images):
        return None
    dose = grid[[image.frame - 1 for image in images]]
    maximum = float(dose.max())
    if maximum <= 0 or not all(plane.is_parallel(first) for plane in planes):
        return None
    reference = prescribed if prescribed and prescribed > 0 else maximum
    lines = [Line(round(reference * share, 3), share, colour) for share, colour in SHARES]
    positions = np.array([image.plane.origin @ first.normal for image in images if image.plane is not None])
    for place, plane in enumerate(planes):
        between = _plane_at(dose, positions, float(plane.origin @ first.normal))
        if between is not None:
            _draw(lines, between, first, plane, place)
    return Isodoses(str(header.get("DoseUnits") or ""), round(maximum, 3), round(reference, 3), lines)


def _plane_at(dose: NDArray[Any], positions: NDArray[np.float64], at: float) -> NDArray[Any] | None:
    """The dose between two planes of the grid; None outside of it."""
    if not positions[0] - _LITTLE <= at <= positions[-1] + _LITTLE:
        return None
    above = min(int(np.searchsorted(positions, at)), len(positions) - 1)
    below = max(above - 1, 0)
    distance = positions[above] - positions[below]
    share = (at - positions[below]) / distance if distance > 0 else 0.0
    return np.asarray(dose[below] * (1 - share) + dose[above] * share)


def _draw(lines: Iterable[Line], dose: NDArray[Any], grid: Plane, image: Plane, place: int) -> None:
    generator = contourpy.contour_generator(z=dose)
    highest = dose.max()
    for line in lines:
        if line.level >= highest:
            continue
        for path in generator.lines(line.level):
            points = np.asarray(path, dtype=np.float64)
            in_patient = grid.points_of(points[:, 0], points[:, 1])
            line.paths.setdefault(place, []).append(image.pixels_of(in_patient).round(_DECIMALS).ravel().tolist())
