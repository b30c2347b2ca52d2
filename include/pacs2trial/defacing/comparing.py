"""Which voxels a program changed: the objects before beside the objects after, value by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pacs2trial.defacing.failure import fail
from pacs2trial.pixels.decoding import stored_values
from pacs2trial.pixels.image import Image
from pacs2trial.pixels.masks import Mask

Images = Mapping[str, Callable[[], Image]]
"""Images by SOP Instance UID, each read when it is asked for."""

_DESCRIBING: Final = ("BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation")
_DOMINATES: Final = 0.5
_NEIGHBOURS: Final = np.ones((3, 3), np.uint8)


def changed_voxels(before: Images, after: Images) -> tuple[dict[str, Mask], float]:
    """The voxels to be blanked of each object that has any, and the part of all voxels whose value was changed.

    A program that writes one value everywhere leaves voxels alone that had it already: air around a face, or single
    voxels within it. Blanked without these, the others would draw the face. So what hangs together with them, with the
    same value, is taken too; where there is no such value, gaps of one voxel are.

    Raises:
        NotRemovedError: an object has another matrix, other frames or other bits than before.
        UnsafeObjectError: an image cannot be decoded.
    """
    planes: dict[str, dict[int, NDArray[np.bool_]]] = {}
    written: Counter[int] = Counter()
    changed = voxels = 0
    sizes: dict[str, tuple[int, int, int]] = {}
    for uid in before:
        old, new = before[uid](), after[uid]()
        _require_same_kind(old, new)
        size = old.description
        sizes[uid] = size.rows, size.columns, size.frames
        for number, was, became in _pairs(old, new):
            plane = was != became
            voxels += plane.size
            if plane.any():
                planes.setdefault(uid, {})[number] = plane
                changed += int(plane.sum())
                values, counts = np.unique(became[plane], return_counts=True)
                written.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    value, often = written.most_common(1)[0] if written else (0, 0)
    filled = value if often > _DOMINATES * changed else None
    masks = {
        uid: Mask(*sizes[uid], {number: _whole(plane, after[uid](), number, filled) for number, plane in some.items()})
        for uid, some in planes.items()
    }
    return masks, changed / max(voxels, 1)


def _require_same_kind(old: Image, new: Image) -> None:
    if old.description != new.description or any(
        old.attributes.get(keyword) != new.attributes.get(keyword) for keyword in _DESCRIBING
    ):
        fail("the program gave an object another matrix, other frames or other bits")


def _pairs(old: Image, new: Image) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    for number in range(1, old.description.frames + 1):
        yield number, _values(old, number), _values(new, number)


def _values(image: Image, number: int) -> NDArray[Any]:
    """The bits in use of a frame, moved to the top: what stands above them is no part of a value."""
    values = stored_values(image, number)
    allocated = values.dtype.itemsize * 8
    high = int(image.attributes.get("HighBit") or int(image.attributes.get("BitsStored") or allocated) - 1)
    moved: NDArray[Any] = values << max(allocated - 1 - high, 0)
    return moved


def _whole(plane: NDArray[np.bool_], new: Image, number: int, filled: int | None) -> NDArray[np.bool_]:
    """A plane with what belongs to it although it was not changed."""
    if filled is None:
        closed = cv2.morphologyEx(plane.astype(np.uint8), cv2.MORPH_CLOSE, _NEIGHBOURS)
        return plane | closed.astype(np.bool_)
    same = _values(new, number) == filled
    _, pieces = cv2.connectedComponents(same.astype(np.uint8), connectivity=8)
    touched = np.unique(pieces[plane & same])
    belonging: NDArray[np.bool_] = plane | (same & np.isin(pieces, touched))
    return belonging
