"""The proof of a blanked face finds what was left of it, and what else was changed."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from pacs2trial.dicomfile.encoding import EncodedObject, file_bytes, split_file
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.masks import Mask
from pacs2trial.redaction.header import FACE
from pacs2trial.redaction.redact import redact
from pacs2trial.verify.blanking import blanking_faults
from pacs2trial_demo.generate import part10
from pacs2trial_demo.generate.burned_in import image_object
from support.shared import SHARED, needs_shared_data

FRONT = np.zeros((24, 32), bool)
FRONT[:7, 3:20] = True
MASK = Mask(24, 32, 3, {2: FRONT})


def staged(syntax: str = "") -> bytes:
    values = np.random.default_rng(5).integers(1, 250, (3, 24, 32), np.uint8)
    ds = image_object(values)
    if syntax:
        ds.compress(syntax)
    return part10(ds)


def packed(before: bytes) -> bytes:
    return as_file(redact(split_file(before), MASK, FACE))


def as_file(made: EncodedObject) -> bytes:
    header = file_bytes("1.2.840.10008.5.1.4.1.1.7", "1.2.3", made.transfer_syntax, bytes(made.header))
    return header + bytes(made.pixel)


@pytest.mark.parametrize("syntax", ["", "1.2.840.10008.1.2.5"])
def test_a_face_that_was_blanked_and_nothing_else_passes(syntax: str) -> None:
    before = staged(syntax)
    assert not list(blanking_faults(before, packed(before), MASK.packed()))


@needs_shared_data
def test_where_blocks_are_blanked_their_surroundings_may_change_and_nothing_farther_away() -> None:
    name = "CTImage.dcm_JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50.dcm"
    before = (SHARED / "syntaxes-cornerstone" / name).read_bytes()
    plane = np.zeros((512, 512), bool)
    plane[100:150, 203:301] = True
    mask = Mask(512, 512, 1, {1: plane})
    after = as_file(redact(split_file(before), mask, FACE))
    assert not list(blanking_faults(before, after, mask.packed()))
    other = as_file(redact(split_file(after), [Area(0, 0, 8, 8)]))
    assert len(list(blanking_faults(before, other, mask.packed()))) == 1


def _left(ds: FileDataset, values: np.ndarray) -> None:
    values[1, 6, 19] = 251


def _beside(ds: FileDataset, values: np.ndarray) -> None:
    values[1, 7, 19] ^= 1


def _in_another_frame(ds: FileDataset, values: np.ndarray) -> None:
    values[2, 0, 0] ^= 1


def _untold(ds: FileDataset, values: np.ndarray) -> None:
    del ds.RecognizableVisualFeatures


def _fewer(ds: FileDataset, values: np.ndarray) -> None:
    ds.NumberOfFrames = 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_left, "frame 2: not all that was to be blanked is"),
        (_beside, "frame 2: pixels differ from the staged object's where nothing was to be blanked"),
        (_in_another_frame, "frame 3: pixels differ from the staged object's where nothing was to be blanked"),
        (_untold, "its face was blanked, and it does not say so (0028,0302)"),
        (_fewer, "its pixels cannot be compared with the staged object's (ValueError)"),
    ],
)
def test_what_is_wrong_is_found(change: Callable[[FileDataset, np.ndarray], None], fault: str) -> None:
    before = staged()
    ds = dcmread(io.BytesIO(packed(before)))
    values = ds.pixel_array.copy()
    change(ds, values)
    ds.PixelData = values[: int(ds.NumberOfFrames)].tobytes()
    assert list(blanking_faults(before, part10(ds), MASK.packed())) == [fault]


def test_an_object_that_was_not_blanked_at_all_is_found() -> None:
    before = staged()
    assert len(list(blanking_faults(before, before, MASK.packed()))) == 2
