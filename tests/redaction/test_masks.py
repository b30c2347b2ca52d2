"""A mask of a face blanked in stored values: those pixels and no others, in every encoding; the header tells."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.pixels.areas import Area, planes_of
from pacs2trial.pixels.decoding import stored_values
from pacs2trial.pixels.image import Image, image_of
from pacs2trial.pixels.masks import Mask
from pacs2trial.redaction.header import FACE, TEXT
from pacs2trial.redaction.redact import redact
from pacs2trial_demo.generate import part10
from pacs2trial_demo.generate.burned_in import image_object
from support.shared import SHARED, needs_shared_data

noise = np.random.default_rng(3)

GREY = {
    "RLE": "syntaxes-dicomparser/CT0012.not_fragmented_bot_rle.dcm",
    "JPEG lossless": "syntaxes-cornerstone/CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm",
    "JPEG-LS": "syntaxes-cornerstone/CTImage.dcm_JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
    "JPEG 2000": "syntaxes-cornerstone/CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
    "JPEG 2000, lossy": "syntaxes-cornerstone/CTImage.dcm_JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91.dcm",
}


def image(data: bytes) -> Image:
    found = image_of(split_file(data))
    assert found is not None
    return found


def diagonal(rows: int, columns: int, frames: int = 1, *, in_frame: int = 1) -> Mask:
    """What no rectangle is: all above a line."""
    down, across = np.mgrid[0:rows, 0:columns]
    return Mask(rows, columns, frames, {in_frame: 3 * down + across < rows})


@pytest.mark.parametrize("purpose", [TEXT, FACE])
def test_a_mask_of_a_rectangle_gives_what_the_rectangle_gives(purpose) -> None:
    obj = split_file(part10(image_object(noise.integers(1, 250, (3, 23, 31), np.uint8))))
    areas = [Area(5, 4, 9, 6), Area(0, 0, 3, 3, 2, 2)]
    mask = Mask(23, 31, 3, planes_of(areas, 23, 31, 3))
    assert redact(obj, mask, purpose) == redact(obj, areas, purpose)


@needs_shared_data
@pytest.mark.parametrize("kind", GREY)
def test_the_pixels_of_a_mask_become_one_dark_value_and_no_other_changes(kind: str) -> None:
    data = Path(SHARED / GREY[kind]).read_bytes()
    before = image(data)
    size = before.description
    mask = diagonal(size.rows, size.columns, size.frames)
    made = redact(split_file(data), mask, FACE)
    after = image_of(made)
    assert after is not None
    values, blanked = stored_values(before, 1), stored_values(after, 1)
    assert (blanked[mask.planes[1]] == values.min()).all()
    assert (blanked[~mask.planes[1]] == values[~mask.planes[1]]).all()
    assert redact(split_file(data), mask, FACE) == made
    if size.frames > 1:
        assert before.frame(2) == after.frame(2)


def test_the_header_tells_of_a_face_and_says_nothing_of_text() -> None:
    ds = image_object(noise.integers(1, 250, (1, 23, 31), np.uint8), BurnedInAnnotation="YES")
    made = redact(split_file(part10(ds)), diagonal(23, 31), FACE)
    after = pydicom.dcmread(io.BytesIO(bytes(made.header)), force=True)
    assert (after.RecognizableVisualFeatures, after.BurnedInAnnotation, after.ImageType[0]) == ("NO", "YES", "DERIVED")
    assert [item.CodeValue for item in after.DeidentificationMethodCodeSequence] == ["113102"]
    assert after.DerivationDescription == "Face in pixel data blanked"


def test_text_and_face_are_both_told() -> None:
    obj = split_file(part10(image_object(noise.integers(1, 250, (1, 23, 31), np.uint8))))
    both = redact(redact(obj, [Area(0, 0, 4, 4)]), diagonal(23, 31), FACE)
    after = pydicom.dcmread(io.BytesIO(bytes(both.header)), force=True)
    assert (after.RecognizableVisualFeatures, after.BurnedInAnnotation) == ("NO", "NO")
    assert [item.CodeValue for item in after.DeidentificationMethodCodeSequence] == ["113101", "113102"]


def test_an_empty_mask_leaves_an_object_as_it_is_and_one_of_another_size_is_refused() -> None:
    obj = split_file(part10(image_object(noise.integers(1, 250, (1, 23, 31), np.uint8))))
    assert redact(obj, Mask(23, 31, 1, {}), FACE) is obj
    for other in (diagonal(31, 23), diagonal(23, 31, 2)):
        with pytest.raises(UnsafeObjectError, match="undecodable-pixels"):
            redact(obj, other, FACE)
