"""Areas blanked in stored values: nothing else changes, and the header says what was done."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.decoding import shown_values, stored_values
from pacs2trial.pixels.image import Image, image_of
from pacs2trial.redaction.redact import redact, redact_file
from pacs2trial_demo.generate import part10
from pacs2trial_demo.generate.burned_in import image_object
from support.shared import SHARED, needs_shared_data

FRINGE = 18
LOSSLESS = {
    ".57": ".57",
    ".70": ".70",
    ".80": ".80",
    ".81": ".80",
    ".90": ".90",
    ".91": ".90",
    ".50": ".50",
    ".5": ".5",
}

noise = np.random.default_rng(7)


def image(data: bytes) -> Image:
    found = image_of(split_file(data))
    assert found is not None
    return found


def rgb(frames: int = 1, rows: int = 21, columns: int = 34) -> np.ndarray:
    return noise.integers(1, 255, (frames, rows, columns, 3), np.uint8)


def grey(dtype: type = np.uint8, frames: int = 3, low: int = 1, high: int = 250) -> np.ndarray:
    return noise.integers(low, high, (frames, 23, 31), dtype)


AREA = Area(5, 4, 9, 6)

NATIVE = {
    "RGB": (lambda: image_object(rgb()), 0),
    "RGB, several frames": (lambda: image_object(rgb(3)), 0),
    "planar": (lambda: image_object(rgb(2), PlanarConfiguration=1), 0),
    "MONOCHROME2": (lambda: image_object(grey()), 1),
    "MONOCHROME1": (lambda: image_object(grey(), PhotometricInterpretation="MONOCHROME1"), 249),
    "signed": (lambda: image_object(grey(np.int16, low=-1000, high=3000)), None),
    "12 of 16 bits": (lambda: image_object(grey(np.uint16, high=4096), BitsStored=12, HighBit=11), None),
    "32 bits": (lambda: image_object(grey(np.uint32, high=1 << 30)), None),
}


@pytest.mark.parametrize("kind", NATIVE)
def test_native_pixels_change_within_the_area_only_and_become_dark(kind):
    make, black = NATIVE[kind]
    data = part10(make())
    made = redact_file(data, [AREA])
    for number in range(1, image(data).description.frames + 1):
        before, after = stored_values(image(data), number), stored_values(image(made), number)
        inner = after[AREA.top : AREA.bottom, AREA.left : AREA.right]
        dark = black if black is not None else before.min()
        assert abs(int(inner.min()) - int(dark)) <= 1
        assert (inner == inner[0, 0]).all()
        before[AREA.top : AREA.bottom, AREA.left : AREA.right] = inner
        assert (before == after).all()


def test_only_the_frames_of_an_area_change():
    data = part10(image_object(grey(frames=4)))
    made = redact_file(data, [Area(0, 0, 31, 23, 2, 3)])
    same = [bool((stored_values(image(data), n) == stored_values(image(made), n)).all()) for n in (1, 2, 3, 4)]
    assert same == [True, False, False, True]


def test_pairs_of_pixels_that_share_chrominance_are_blanked_together():
    frame = noise.integers(1, 255, (1, 10, 16), np.uint8)  # Y Y Cb Cr of 10 rows and 8 columns
    ds = image_object(
        frame, Columns=8, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="YBR_FULL_422"
    )
    made = redact_file(part10(ds), [Area(3, 2, 2, 4)])
    after = np.frombuffer(pydicom.dcmread(io.BytesIO(made)).PixelData, np.uint8).reshape(10, 4, 4)
    before = frame.reshape(10, 4, 4).copy()
    before[2:6, 1:3] = (0, 0, 128, 128)
    assert (after == before).all()


def test_pixels_of_one_bit_are_blanked_across_bytes_and_frames():
    bits = noise.integers(0, 2, (3, 7, 5), np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little")[None, None]
    ds = image_object(packed, Rows=7, Columns=5, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0)
    made = redact_file(part10(ds), [Area(1, 2, 3, 3, 2, 2)])
    bits[1, 2:5, 1:4] = 0
    assert (pydicom.dcmread(io.BytesIO(made)).pixel_array == bits).all()


def test_a_palette_is_blanked_with_its_darkest_entry():
    light = struct.pack("<256H", *(257 * (255 - index) for index in range(256)))
    tables: dict[str, object] = {}
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{colour}PaletteColorLookupTableData"] = light
    data = part10(image_object(grey(), PhotometricInterpretation="PALETTE COLOR", **tables))
    before, after = (stored_values(image(one), 1) for one in (data, redact_file(data, [AREA])))
    assert (after[AREA.top : AREA.bottom, AREA.left : AREA.right] == before.max()).all()


def _compressed() -> list[Path]:
    found = {}
    for path in sorted((SHARED / "syntaxes-cornerstone").glob("*")) + sorted(
        (SHARED / "syntaxes-dicomparser").glob("*")
    ):
        obj = split_file(path.read_bytes())
        held = image_of(obj) if len(obj.pixel) else None
        if held is not None and not held.is_native:
            key = (obj.transfer_syntax, held.description.photometric, held.description.frames > 1)
            found.setdefault(key, path)
    return list(found.values())


@needs_shared_data
@pytest.mark.parametrize("path", _compressed() if SHARED.is_dir() else [SHARED], ids=lambda path: path.name[-40:])
def test_compressed_images_change_within_the_area_only_and_stay_in_their_family(path):
    data = path.read_bytes()
    before = image(data)
    rows, columns, last = before.description.rows, before.description.columns, before.description.frames
    area = Area(columns // 4, rows // 4, columns // 3, rows // 5)
    try:
        shown = shown_values(before, last)
    except UnsafeObjectError:
        with pytest.raises(UnsafeObjectError, match="undecodable-pixels"):
            redact_file(data, [area])
        return
    made = redact_file(data, [area])
    after = image(made)
    family = before.transfer_syntax.removeprefix("1.2.840.10008.1.2").removeprefix(".4")
    assert after.transfer_syntax.endswith(LOSSLESS[family])
    now = shown_values(after, last)
    fringe = FRINGE if family == ".50" else 0
    outside = np.ones((rows, columns), bool)
    outside[area.top - fringe : area.bottom + fringe, area.left - fringe : area.right + fringe] = False
    assert (now[outside] == shown[outside]).all()
    inner = now[area.top : area.bottom, area.left : area.right]
    assert np.ptp(inner.astype(int)) <= 8
    assert redact_file(data, [area]) == made
    if family in (".50", ".81", ".91"):
        ds = pydicom.dcmread(io.BytesIO(made), stop_before_pixels=True)
        assert (ds.LossyImageCompression, bool(ds.LossyImageCompressionMethod)) == ("01", True)


@needs_shared_data
def test_frames_without_an_area_keep_their_bytes_in_a_compressed_image():
    path = SHARED / "syntaxes-dicomparser" / "CT0012.not_fragmented_bot_rle.dcm"
    before = image(path.read_bytes())
    after = image(redact_file(path.read_bytes(), [Area(10, 10, 50, 50, 2, 2)]))
    assert before.frame(1) == after.frame(1)
    assert before.frame(2) != after.frame(2)


def test_without_areas_an_object_keeps_every_byte():
    data = part10(image_object(grey()))
    obj = split_file(data)
    assert redact(obj, []) is obj
    assert redact(obj, [Area(100, 100, 5, 5)]) is obj
    assert hashlib.md5(redact_file(data, [])).digest() == hashlib.md5(data).digest()


def _said(ds: Dataset) -> list[str]:
    return [item.CodeValue for item in ds.DeidentificationMethodCodeSequence]


@pytest.mark.parametrize("implicit", [False, True])
def test_the_header_says_that_the_image_is_derived_and_its_pixels_clean(implicit):
    ds = image_object(grey(), BurnedInAnnotation="YES", ImageType=["ORIGINAL", "PRIMARY", "ABDOMINAL"])
    ds.SmallestImagePixelValue = 1
    earlier, icon = Dataset(), Dataset()
    earlier.CodeValue, earlier.CodingSchemeDesignator, earlier.CodeMeaning = "113100", "DCM", "Basic"
    icon.BitsAllocated, icon.PixelData = 8, b"small picture with a name"
    ds.DeidentificationMethodCodeSequence, ds.IconImageSequence = [earlier], [icon]
    ds.add_new(0x60003000, "OW", bytes(90))
    if implicit:
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    made = redact_file(part10(ds), [AREA])
    after = pydicom.dcmread(io.BytesIO(made))
    assert list(after.ImageType) == ["DERIVED", "PRIMARY", "ABDOMINAL"]
    assert after.BurnedInAnnotation == "NO"
    assert _said(after) == ["113100", "113101"]
    assert "SmallestImagePixelValue" not in after
    assert b"small picture" not in made
    assert 0x60003000 not in after
    assert redact_file(made, [AREA]) == made


def test_an_object_without_pixels_cannot_be_blanked():
    ds = image_object(grey())
    del ds.PixelData
    with pytest.raises(UnsafeObjectError, match="undecodable-pixels"):
        redact(split_file(part10(ds)), [AREA])
