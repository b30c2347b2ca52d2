"""Contours of structure sets, drawn on images (PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from pacs2trial.preview.plans import roi_names
from pacs2trial.preview.stack import Plane

_PALETTE: Final = ("#ff5a4f", "#3fb950", "#58a6ff", "#f2cc60", "#d2a8ff", "#ff9bce", "#39c5cf", "#ffa657")
_CLOSED: Final = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"))
_DECIMALS: Final = 2
_NEAREST_MM: Final = 10.0
"""A contour farther from every image than this, or than half the distance between images, is on none of them."""


@dataclass
class Outline:
    """One structure: its contours by the place of the image on which they lie, as column, row, column, row …"""

    number: int
    name: str
    colour: str
    paths: dict[int, list[list[float]]] = field(default_factory=dict)
    open_paths: dict[int, list[list[float]]] = field(default_factory=dict)
    elsewhere: int = 0
    """Contours that lie on none of the images."""


def outlines(structures: Dataset, planes: Sequence[Plane]) -> list[Outline]:
    """The structures of an RT Structure Set on parallel images.

    Args:
        structures: the object.
        planes: where the images lie, in the order in which the viewer has them.
    """
    names = roi_names(structures)
    found = []
    positions = np.array([plane.origin @ planes[0].normal for plane in planes]) if planes else np.empty(0)
    reach = _reach(positions)
    for place, item in enumerate(_items(structures, "ROIContourSequence")):
        number = _whole(item.get("ReferencedROINumber"))
        outline = Outline(number, names.get(number, ""), _colour(item, place))
        for contour in _items(item, "ContourSequence"):
            _draw(outline, contour, planes, positions, reach)
        found.append(outline)
    return sorted(found, key=lambda outline: outline.number)


def _draw(outline: Outline, contour: Dataset, planes: Sequence[Plane], positions: Any, reach: float) -> None:
    points = _points(contour)
    if points is None or not len(points) or not len(planes):
        outline.elsewhere += 1
        return
    along = points @ planes[0].normal
    nearest = int(np.abs(positions - along.mean()).argmin())
    if abs(positions[nearest] - along.mean()) > reach or np.ptp(along) > 2 * reach:
        outline.elsewhere += 1
        return
    drawn = planes[nearest].pixels_of(points).round(_DECIMALS).ravel().tolist()
    closed = str(contour.get("ContourGeometricType") or "") in _CLOSED
    paths = outline.paths if closed else outline.open_paths
    paths.setdefault(nearest, []).append(drawn)


def _points(contour: Dataset) -> NDArray[np.float64] | None:
    """The points of a contour (n, 3), in mm; read from the text itself, of which a structure set may have megabytes."""
    element = contour.get_item("ContourData")
    value = element.value if isinstance(element, RawDataElement) else None
    try:
        if value is None:
            return np.array([float(each) for each in contour.get("ContourData") or ()]).reshape(-1, 3)
        return np.array(value.decode("ascii").split("\\"), dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError):
        return None


def _reach(positions: Any) -> float:
    if len(positions) < 2:
        return _NEAREST_MM
    steps = np.abs(np.diff(np.sort(positions)))
    steps = steps[steps > 0]
    return min(float(np.median(steps)) / 2 + 0.1, _NEAREST_MM) if len(steps) else _NEAREST_MM


def _colour(item: Dataset, place: int) -> str:
    try:
        red, green, blue = (min(max(int(each), 0), 255) for each in item.ROIDisplayColor)
    except (AttributeError, TypeError, ValueError):
        return _PALETTE[place % len(_PALETTE)]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    return dataset.get(keyword) or ()


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1
