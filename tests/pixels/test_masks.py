"""Masks of any pixels, packed for the vault and unpacked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs2trial.pixels.areas import Area, planes_of
from pacs2trial.pixels.masks import Mask, unpacked


@given(rows=st.integers(1, 9), columns=st.integers(1, 9), frames=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_mask_comes_back_bit_by_bit(rows: int, columns: int, frames: int, seed: int) -> None:
    made = np.random.default_rng(seed).integers(0, 2, (frames, rows, columns)).astype(bool)
    mask = Mask(rows, columns, frames, {number: plane for number, plane in enumerate(made, 1) if plane.any()})
    back = unpacked(mask.packed())
    assert (back.rows, back.columns, back.frames, set(back.planes)) == (rows, columns, frames, set(mask.planes))
    assert all((back.planes[number] == plane).all() for number, plane in mask.planes.items())
    assert back.packed() == mask.packed()


def test_a_mask_of_a_face_is_small() -> None:
    plane = np.zeros((512, 512), bool)
    plane[:200, 100:400] = True
    assert len(Mask(512, 512, 1, {1: plane}).packed()) < 1000


@pytest.mark.parametrize("data", [b"", b"x" * 40, Mask(8, 8, 1, {1: np.ones((8, 8), bool)}).packed()[:-4]])
def test_what_is_no_mask_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no mask of pixels"):
        unpacked(data)


def test_areas_cover_what_of_them_lies_within_the_image_frame_by_frame() -> None:
    planes = planes_of([Area(-2, 1, 4, 2), Area(3, 3, 9, 9, 2, 2), Area(50, 50, 1, 1)], rows=5, columns=6, frames=3)
    first, second, third = (planes[number] for number in (1, 2, 3))
    assert np.argwhere(first).tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]
    assert second.sum() == 4 + 2 * 3
    assert third is first
    assert not planes_of([Area(3, 3, 1, 1, 2, 2)], rows=5, columns=6, frames=1)
