"""Overlay planes hidden in unused bits of pixel values are found; images without any are not suspected."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from pacs2trial.deidentify.overlays import hides_graphics
from pacs2trial.dicomfile.encoding import split_dataset
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10
from support.hospital import small_study
from support.objects import ct_slice, encoded

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def suspected(ds: Dataset) -> bool:
    answers = {
        hides_graphics(split_dataset(encoded(ds, implicit=implicit), IMPLICIT if implicit else EXPLICIT))
        for implicit in (False, True)
    }
    assert len(answers) == 1
    return answers.pop()


def image(values: list[int], *, stored: int = 12, high: int | None = None, signed: bool = False) -> Dataset:
    ds = ct_slice(rows=2, columns=len(values) // 2)
    ds.BitsStored, ds.HighBit = stored, stored - 1 if high is None else high
    ds.PixelRepresentation = int(signed)
    ds.PixelData = np.array(values, "<i4").astype("<u2").tobytes()
    return ds


@pytest.mark.parametrize(
    ("values", "options", "hidden"),
    [
        ([0, 1, 2, 4095], {}, False),
        ([0, 1, 2, 0x1000], {}, True),
        ([0, 1, 2, 0x8005], {}, True),
        ([-1, -1024, 5, 2047], {"signed": True}, False),
        ([-1, -1024, 5, 0x1005], {"signed": True}, True),
        ([0xFFF0, 0x10, 0x20, 0], {"high": 15}, False),
        ([0xFFF0, 0x11, 0x20, 0], {"high": 15}, True),
        ([0xFFFF, 0x1000, 3, 4], {"stored": 16}, False),
    ],
)
def test_bits_beyond_those_stored_are_graphics_unless_they_repeat_the_sign(
    values: list[int], options: dict[str, int], hidden: bool
) -> None:
    assert suspected(image(values, **options)) is hidden


def test_the_padding_value_is_no_graphics() -> None:
    ds = image([0, 63536, 63536, 4095])
    assert suspected(ds)
    ds.add_new(0x00280120, "US", 63536)
    assert not suspected(ds)


@pytest.mark.parametrize(
    ("number", "value", "hidden"), [(0x0102, 12, True), (0x0102, 0, False), (0x0100, 16, True), (0x0100, 1, False)]
)
@pytest.mark.parametrize("group", [0x6000, 0x601E])
def test_an_overlay_that_says_it_lies_in_the_pixels_is_believed(group: int, number: int, value: int, hidden: bool):
    ds = image([0, 1, 2, 3])
    ds.add_new(group << 16 | number, "US", value)
    assert suspected(ds) is hidden


def test_other_attributes_with_such_bytes_are_not_taken_for_overlays() -> None:
    ds = image([0, 1, 2, 3])
    ds.add_new(0x60210102, "US", 12)
    ds.ImageComments = "x"
    assert not suspected(ds)


def test_an_overlay_in_bits_of_the_image_waits_in_quarantine(workspace: Workspace) -> None:
    clean, marked = small_study()[:2]
    marked.add_new(0x60000102, "US", 3)
    assert stage_part10(workspace, part10(clean), source="file").outcome is InstanceState.STAGED
    staged = stage_part10(workspace, part10(marked), source="file")
    assert (staged.outcome, staged.reason) == (InstanceState.QUARANTINED, "embedded-overlay")
