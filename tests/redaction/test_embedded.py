"""Graphics in unused bits of the pixels are cleared where an overlay names the bits; what is not certain is held."""

from __future__ import annotations

import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_dataset
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.redaction.embedded import without_embedded_overlays
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10
from support.findings import staged_objects
from support.hospital import small_study
from support.objects import ct_slice, encoded

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def image(values: list[int], *, planes: dict[int, int], signed: bool = False, stored: int = 12) -> Dataset:
    ds = ct_slice(rows=2, columns=len(values) // 2)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = stored, stored - 1, int(signed)
    ds.PixelData = np.array(values, "<i4").astype("<u2").tobytes()
    for group, position in planes.items():
        ds.add_new(group << 16 | 0x0100, "US", 16)
        ds.add_new(group << 16 | 0x0102, "US", position)
    return ds


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize(
    ("values", "options", "cleared"),
    [
        ([0, 1, 0x8002, 0x8FFF], {"planes": {0x6000: 15}}, [0, 1, 2, 4095]),
        ([0, 0x3001, 0x2002, 0x1FFF], {"planes": {0x6000: 12, 0x601E: 13}}, [0, 1, 2, 4095]),
        ([-1, 0x8005, 0x7FFF, 5], {"planes": {0x6000: 15}, "signed": True}, [-1, 5, -1, 5]),
        ([0x0FFF, 0x1FFF, 5, 0x1005], {"planes": {0x6000: 12}, "signed": True}, [0x0FFF, 0x0FFF, 5, 5]),
    ],
)
def test_the_bits_of_an_overlay_go_and_the_pixels_stay(
    syntax: str, values: list[int], options: dict[str, object], cleared: list[int]
) -> None:
    ds = image(values, **options)
    made = without_embedded_overlays(split_dataset(encoded(ds, implicit=syntax == IMPLICIT), syntax))
    read = np.frombuffer(bytes(made.pixel[-8:]), "<i2")
    assert read.tolist() == np.array(cleared, "<i4").astype("<i2").tolist()
    assert not [tag for part in made.parts for tag in part[3] if 0x6000 <= tag >> 16 <= 0x60FF]


@pytest.mark.parametrize(
    "ds",
    [
        image([0, 1, 2, 0x1000], planes={}),
        image([0, 1, 2, 3], planes={0x6000: 11}),
        image([0, 1, 2, 3], planes={0x6000: 0}),
        image([0, 1, 2, 3], planes={0x6000: 12, 0x6002: 0}),
    ],
    ids=["no overlay names them", "bits of the image", "which bit is not said", "of one overlay not said"],
)
def test_what_is_not_certain_is_left_for_quarantine(ds: Dataset) -> None:
    obj = split_dataset(encoded(ds, implicit=False), EXPLICIT)
    assert without_embedded_overlays(obj) is obj


def test_an_image_with_an_embedded_overlay_is_staged_without_it(workspace: Workspace) -> None:
    first, second = small_study()[:2]
    before = first.pixel_array.copy()
    marked = first.pixel_array.view("<u2").copy()
    assert not (marked & 0x8000).any()
    marked[3:9, 4:20] |= 0x8000
    first.BitsStored, first.HighBit, first.PixelRepresentation = 15, 14, 0
    first.PixelData = marked.tobytes()
    first.add_new(0x60000100, "US", 16)
    first.add_new(0x60000102, "US", 15)
    assert stage_part10(workspace, part10(first), source="file").outcome is InstanceState.STAGED
    (staged,) = staged_objects(workspace.settings)
    assert np.array_equal(staged.pixel_array, before)
    assert not [one.tag for one in staged if 0x6000 <= one.tag.group <= 0x60FF]
    again = stage_part10(workspace, part10(dcmread(io.BytesIO(part10(first)))), source="file")
    assert (again.outcome, again.new) == (InstanceState.STAGED, False)
    second.PixelData = marked.tobytes()
    second.BitsStored, second.HighBit, second.PixelRepresentation = 15, 14, 0
    assert stage_part10(workspace, part10(second), source="file").reason == "embedded-overlay"
