"""A thorax made of ellipsoids, in millimetres of the patient coordinate system (x left, y posterior, z head)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ellipsoid:
    """A body part; a semi-axis ``c`` of infinity makes it a cylinder along z. ``hu`` is its CT number."""

    x: float
    y: float
    z: float
    a: float
    b: float
    c: float
    hu: float

    def scale(self, z: float) -> float:
        """How much of the semi-axes a and b is left in the plane ``z``: 0 outside, 1 in the middle."""
        inside = 1.0 - ((z - self.z) / self.c) ** 2
        return math.sqrt(inside) if inside > 0 else 0.0

    def mask(self, x: Grid, y: Grid, z: float) -> Mask:
        """Which points of the plane ``z`` lie inside."""
        scale = self.scale(z)
        if scale == 0.0:
            return np.zeros(np.broadcast(x, y).shape, bool)
        inside: Mask = ((x - self.x) / (self.a * scale)) ** 2 + ((y - self.y) / (self.b * scale)) ** 2 < 1.0
        return inside

    def outline(self, z: float, points: int) -> NDArray[np.float64] | None:
        """The contour in the plane ``z`` as rows of x, y; None where it is smaller than a millimetre."""
        scale = self.scale(z)
        if scale * min(self.a, self.b) < 1.0:
            return None
        turn = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
        return np.column_stack(
            (self.x + self.a * scale * np.cos(turn), self.y + self.b * scale * np.sin(turn)),
        )

    def thickness(self, x: Grid, z: Grid) -> Grid:
        """Length in mm of the part that a ray along y passes through at (x, z)."""
        inside = 1.0 - ((x - self.x) / self.a) ** 2 - ((z - self.z) / self.c) ** 2
        length: Grid = 2.0 * self.b * np.sqrt(np.clip(inside, 0.0, None))
        return length


@dataclass(frozen=True)
class Anatomy:
    """One patient's chest with a tumour in the left lung. ``size`` scales it; the isocentre is the tumour's middle."""

    size: float = 1.0
    tumour: tuple[float, float, float] = (74.0, 6.0, 0.0)
    parts: dict[str, Ellipsoid] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        s, (x, y, z), inf = self.size, self.tumour, math.inf
        parts = {
            "External": Ellipsoid(0.0, 0.0, 0.0, 182 * s, 112 * s, inf, 35.0),
            "Lung_R": Ellipsoid(-80 * s, -5 * s, 10.0, 60 * s, 78 * s, 120 * s, -780.0),
            "Lung_L": Ellipsoid(80 * s, -2 * s, 10.0, 58 * s, 77 * s, 118 * s, -790.0),
            "Heart": Ellipsoid(22 * s, -34 * s, -45.0, 52 * s, 44 * s, 62 * s, 48.0),
            "Bone_Spine": Ellipsoid(0.0, 66 * s, 0.0, 23 * s, 26 * s, inf, 420.0),
            "SpinalCord": Ellipsoid(0.0, 70 * s, 0.0, 6.5, 6.5, inf, 32.0),
            "Esophagus": Ellipsoid(5 * s, 32 * s, 0.0, 9.0, 7.0, inf, 28.0),
            "GTVp": Ellipsoid(x, y, z, 17.0, 17.0, 17.0, 55.0),
            "CTVp": Ellipsoid(x, y, z, 22.0, 22.0, 22.0, math.nan),
            "PTVp": Ellipsoid(x, y, z, 28.0, 28.0, 28.0, math.nan),
        }
        object.__setattr__(self, "parts", parts)

    @classmethod
    def of(cls, number: int) -> Anatomy:
        """The anatomy of patient ``number``: sizes and tumours differ a little."""
        return cls(0.94 + 0.03 * (number % 4), (74.0 + 2 * (number % 3), 6.0 - 5 * (number % 4), 0.0))

    def plane(self, x: Grid, y: Grid, z: float) -> Grid:
        """CT numbers in HU of the plane ``z``, with a flat couch below the back."""
        hu = np.full(np.broadcast(x, y).shape, -1000.0, np.float32)
        back = 112 * self.size
        hu[(np.abs(x) < 260) & (y > back + 3) & (y < back + 18)] = -860.0
        hu[(np.abs(x) < 260) & ((np.abs(y - back - 4) < 1.5) | (np.abs(y - back - 17) < 1.5))] = 60.0
        for part in self.parts.values():
            if not math.isnan(part.hu):
                hu[part.mask(x, y, z)] = part.hu
        return hu


def slice_positions(slices: int, thickness: float, centre: float = 0.0) -> list[float]:
    """The z of every slice, feet to head, around ``centre``; in hundredths of a millimetre as DS will hold them."""
    first = centre - (slices - 1) * thickness / 2
    return [round(first + number * thickness, 2) for number in range(slices)]
