"""Whether objects are one volume: parallel images of one size, each at a place of its own (PS3.3 C.7.6.2, C.7.6.16)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs2trial.defacing.failure import fail

_SAME_DIRECTION: Final = 1e-3
_SAME_PLACE: Final = 1e-2
"""Distance of two images, mm, below which they are at one place."""

SEVERAL: Final = "the series is more than one volume"
UNTOLD: Final = "the objects do not tell where their images lie"


@dataclass(frozen=True)
class _Plane:
    size: tuple[int, int]
    frame_of_reference: str
    directions: tuple[float, ...]
    spacing: tuple[float, ...]
    position: tuple[float, ...]


def require_one_volume(files: Iterable[bytes]) -> None:
    """Return if Part 10 files hold one volume together.

    Raises:
        NotRemovedError: they hold several, or do not tell.
    """
    planes = [plane for data in files for plane in _planes(dcmread(io.BytesIO(data), stop_before_pixels=True))]
    first = planes[0]
    for one in planes:
        if (one.size, one.frame_of_reference) != (first.size, first.frame_of_reference):
            fail(SEVERAL)
        if not np.allclose(one.directions, first.directions, rtol=0, atol=_SAME_DIRECTION):
            fail(SEVERAL)
        if not np.allclose(one.spacing, first.spacing, rtol=_SAME_DIRECTION):
            fail(SEVERAL)
    normal = np.cross(first.directions[:3], first.directions[3:])
    along = sorted(float(np.dot(normal, one.position)) for one in planes)
    if any(later - earlier < _SAME_PLACE for earlier, later in pairwise(along)):
        fail(SEVERAL)


def _planes(header: Dataset) -> Iterator[_Plane]:
    size = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    frame_of_reference = str(header.get("FrameOfReferenceUID") or "")
    for told in _told(header):
        try:
            yield _Plane(size, frame_of_reference, *(_numbers(*each) for each in zip(told, (6, 2, 3), strict=True)))
        except (TypeError, ValueError):
            fail(UNTOLD)


def _told(header: Dataset) -> Iterator[tuple[Any, Any, Any]]:
    """Orientation, spacing and position of each frame."""
    several = int(header.get("NumberOfFrames") or 1)
    frames = header.get("PerFrameFunctionalGroupsSequence") or ()
    if several == 1 and not frames:
        yield header.get("ImageOrientationPatient"), header.get("PixelSpacing"), header.get("ImagePositionPatient")
        return
    if len(frames) != several:
        fail(UNTOLD)
    shared = (header.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for one in frames:
        yield (
            _of_group(one, shared, "PlaneOrientationSequence", "ImageOrientationPatient"),
            _of_group(one, shared, "PixelMeasuresSequence", "PixelSpacing"),
            _of_group(one, shared, "PlanePositionSequence", "ImagePositionPatient"),
        )


def _of_group(frame: Dataset, shared: Dataset, group: str, keyword: str) -> Any:
    items = frame.get(group) or shared.get(group) or [Dataset()]
    return items[0].get(keyword)


def _numbers(value: Any, count: int) -> tuple[float, ...]:
    found = tuple(float(each) for each in value)
    if len(found) != count or not np.isfinite(found).all():
        raise ValueError(count)
    return found
